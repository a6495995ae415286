"""What the server and a worker process say to each other: one JSON object a line.

The server writes one task and then keeps the pipe open as a sign of life. The worker writes any
number of `Reached` and `Parts` lines and then one `Done`, `Summed` or `Failed`. This module must
stay light: a worker imports it before it is ready.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypeAlias

from myd_grpc.convert.errors import Reason
from myd_grpc.convert.model import (
    CipherKey,
    Conversion,
    Layout,
    Limits,
    PartFile,
    Profile,
    Progress,
)
from myd_grpc.shopping import Query, Summary

PARTS_IN_A_LINE = 500
"""Keeps lines short: a set may have many thousands of parts."""


@dataclass(frozen=True, slots=True)
class Task:
    """A conversion for a worker, with the directory (absolute, not there yet) to stage it in."""

    job_id: str
    conversion: Conversion
    staging: str
    key: CipherKey | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class SummaryTask:
    """A user's shopping to summarise."""

    query: Query
    key: CipherKey | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Reached:
    """How far the worker is, and the parts whose rows changed since it last said so."""

    progress: Progress
    parts: tuple[PartFile, ...]


@dataclass(frozen=True, slots=True)
class Parts:
    """Some of the finished set's parts, in order; comes after the last `Reached`."""

    parts: tuple[PartFile, ...]


@dataclass(frozen=True, slots=True)
class Done:
    """The set is written and synced. `peak_bytes` is the most memory the worker held."""

    peak_bytes: int


@dataclass(frozen=True, slots=True)
class Summed:
    """The summary that was asked for; None when the file knows no such user."""

    summary: Summary | None
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class Failed:
    """There will be no set, or no summary.

    `trace` says where an unexpected error came from, for the log.
    """

    reason: Reason
    message: str
    trace: str
    peak_bytes: int


Message: TypeAlias = Reached | Parts | Done | Summed | Failed
Last: TypeAlias = Done | Summed | Failed


def encode_task(task: Task | SummaryTask) -> bytes:
    """The task as a line; holds the key, so it goes to the worker and nowhere else."""
    values: dict[str, Any] = {"key": [task.key.key.hex(), task.key.iv.hex()] if task.key else None}
    match task:
        case Task(job_id, conversion, staging):
            values |= {"job_id": job_id, "staging": staging, "conversion": _sorted(conversion)}
        case SummaryTask(query):
            values |= {"query": _sorted(query)}
    return _line(values)


def decode_task(line: bytes) -> Task | SummaryTask:
    """The task in a line that `encode_task` made."""
    values = json.loads(line)
    key = values["key"] and CipherKey(*map(bytes.fromhex, values["key"]))
    if "query" in values:
        return SummaryTask(_query(values["query"]), key)
    return Task(values["job_id"], _conversion(values["conversion"]), values["staging"], key)


def _sorted(asked: Conversion | Query) -> dict[str, Any]:
    return {**asdict(asked), "section_names": sorted(asked.section_names)}


def encode_message(message: Message) -> bytes:
    """A worker's message as a line."""
    match message:
        case Reached(progress, parts):
            body: dict[str, Any] = {"progress": asdict(progress), "parts": _part_rows(parts)}
        case Parts(parts):
            body = {"parts": _part_rows(parts)}
        case Done() | Summed() | Failed():
            body = asdict(message)
    return _line({"type": type(message).__name__, **body})


def decode_message(line: bytes) -> Message:
    """The message in a line that `encode_message` made; ValueError or KeyError for any other."""
    values = json.loads(line)
    match values.pop("type"):
        case "Reached":
            return Reached(_progress(values["progress"]), _parts(values["parts"]))
        case "Parts":
            return Parts(_parts(values["parts"]))
        case "Done":
            return Done(**values)
        case "Summed":
            summary = values.pop("summary")
            return Summed(summary and Summary(**summary), **values)
        case "Failed":
            return Failed(Reason(values.pop("reason")), **values)
        case other:
            raise ValueError(f"unknown message type {other!r}")


def _line(values: dict[str, Any]) -> bytes:
    # ASCII, so that a name that is no valid UTF-8 on disk survives the way.
    return json.dumps(values, separators=(",", ":")).encode("ascii") + b"\n"


def _part_rows(parts: Sequence[PartFile]) -> list[tuple[str, str, int, int]]:
    return [(part.table, part.file_name, part.rows, part.size) for part in parts]


def _parts(rows: Sequence[Sequence[Any]]) -> tuple[PartFile, ...]:
    return tuple(PartFile(*row) for row in rows)


def _progress(values: dict[str, Any]) -> Progress:
    return Progress(**{**values, "layout": Layout(values["layout"])})


def _query(values: dict[str, Any]) -> Query:
    return Query(
        **{
            **values,
            "no_inputs": tuple(values["no_inputs"]),
            "date_fields": tuple(values["date_fields"]),
            "layout": Layout(values["layout"]),
            "limits": Limits(**values["limits"]),
            "section_names": frozenset(values["section_names"]),
        }
    )


def _conversion(values: dict[str, Any]) -> Conversion:
    return Conversion(
        **{
            **values,
            "file_names": tuple(values["file_names"]),
            "no_inputs": tuple(values["no_inputs"]),
            "profile": Profile(values["profile"]),
            "layout": Layout(values["layout"]),
            "limits": Limits(**values["limits"]),
            "section_names": frozenset(values["section_names"]),
        }
    )
