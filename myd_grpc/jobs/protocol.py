"""What the server and a worker process say to each other: one JSON object a line.

The server writes one task and then keeps the pipe open as a sign of life. The worker writes any
number of `Reached`, `Saved`, `Restarted` and `Parts` lines and then one `Done`, `Summed`,
`UserMissing` or `Failed`. The server answers each `Saved` and `Restarted` with a line KEPT once it
is committed; the worker waits with the next one for that. The line HASTEN asks for a `Saved` soon.
This module must stay light: a worker imports it before it is ready.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, fields
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

_ENCODER = json.JSONEncoder(separators=(",", ":"))

KEPT = b"kept\n"
HASTEN = b"hasten\n"

PARTS_IN_A_LINE = 500
"""Keeps lines short: a set may have many thousands of parts."""


@dataclass(frozen=True, slots=True)
class Task:
    """A conversion for a worker, with the directory (absolute) to stage it in.

    `checkpoint` is from where it goes on in that directory; None for the start, whatever is there.
    Every `checkpoint_s` seconds it saves where it is.
    """

    job_id: str
    conversion: Conversion
    staging: str
    key: CipherKey | None = field(default=None, repr=False)
    checkpoint: str | None = field(default=None, repr=False)
    checkpoint_s: float = 1.0


@dataclass(frozen=True, slots=True)
class SummaryTask:
    """A user's shopping to summarise."""

    query: Query
    key: CipherKey | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Reached:
    """How far the worker is."""

    progress: Progress


@dataclass(frozen=True, slots=True)
class Saved:
    """A checkpoint whose files are synced, and the parts that changed since the last one.

    `settles` says that the staged files will not fit an older one from now on.
    """

    state: str
    parts: tuple[PartFile, ...]
    settles: bool


@dataclass(frozen=True, slots=True)
class Restarted:
    """The checkpoint given with the task does not fit: the worker begins from the start."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Some of the finished set's parts, in order; comes after the last `Reached`."""

    parts: tuple[PartFile, ...]


@dataclass(frozen=True, slots=True)
class Done:
    """The set is written and synced.

    `note` is what is strange about its shape, for the job's message, or empty. `peak_bytes` is the
    most memory the worker held.
    """

    note: str
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class Summed:
    """The summary that was asked for."""

    summary: Summary
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class UserMissing:
    """The file knows no such user; `message` is for the caller."""

    message: str
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class Failed:
    """There will be no set, or no summary.

    `trace` says where an unexpected error came from, for the log; `passing` that something was
    lacking for a moment, so that there may be one later.
    """

    reason: Reason
    message: str
    trace: str
    peak_bytes: int
    passing: bool = False


Message: TypeAlias = Reached | Saved | Restarted | Parts | Done | Summed | UserMissing | Failed
Last: TypeAlias = Done | Summed | UserMissing | Failed


def encode_task(task: Task | SummaryTask) -> bytes:
    """The task as a line; holds the key, so it goes to the worker and nowhere else."""
    values: dict[str, Any] = {"key": [task.key.key.hex(), task.key.iv.hex()] if task.key else None}
    match task:
        case Task():
            values |= {
                "job_id": task.job_id,
                "conversion": _sorted(task.conversion),
                "staging": task.staging,
                "checkpoint": task.checkpoint,
                "checkpoint_s": task.checkpoint_s,
            }
        case SummaryTask(query):
            values |= {"query": _sorted(query)}
    # Bit by bit, so that other threads get their turn: there may be a hundred thousand names.
    return "".join(_ENCODER.iterencode(values)).encode("ascii") + b"\n"


def decode_task(line: bytes) -> Task | SummaryTask:
    """The task in a line that `encode_task` made."""
    values = json.loads(line)
    key = values["key"] and CipherKey(*map(bytes.fromhex, values["key"]))
    if "query" in values:
        return SummaryTask(_query(values["query"]), key)
    return Task(
        values["job_id"],
        _conversion(values["conversion"]),
        values["staging"],
        key,
        values["checkpoint"],
        values["checkpoint_s"],
    )


def _sorted(asked: Conversion | Query) -> dict[str, Any]:
    # Not asdict, which copies what it finds: of file names, there may be a hundred thousand.
    values = {one.name: getattr(asked, one.name) for one in fields(asked)}
    return values | {
        "limits": asdict(asked.limits),
        "section_names": sorted(asked.section_names),
    }


def encode_message(message: Message) -> bytes:
    """A worker's message as a line."""
    match message:
        case Saved(state, parts, settles):
            body: dict[str, Any] = {"state": state, "parts": _part_rows(parts), "settles": settles}
        case Parts(parts):
            body = {"parts": _part_rows(parts)}
        case Reached() | Restarted() | Done() | Summed() | UserMissing() | Failed():
            body = asdict(message)
    return _line({"type": type(message).__name__, **body})


def decode_message(line: bytes) -> Message:
    """The message in a line that `encode_message` made; ValueError or KeyError for any other."""
    values = json.loads(line)
    return _READERS[values.pop("type")](values)


def _line(values: dict[str, Any]) -> bytes:
    # ASCII, so that a name that is no valid UTF-8 on disk survives the way.
    return _ENCODER.encode(values).encode("ascii") + b"\n"


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
            "owner_fields": tuple(values["owner_fields"]),
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


def _saved(values: dict[str, Any]) -> Saved:
    return Saved(values["state"], _parts(values["parts"]), values["settles"])


def _summed(values: dict[str, Any]) -> Summed:
    return Summed(Summary(**values.pop("summary")), **values)


def _failed(values: dict[str, Any]) -> Failed:
    return Failed(Reason(values.pop("reason")), **values)


_READERS: dict[str, Callable[[dict[str, Any]], Message]] = {
    "Reached": lambda values: Reached(_progress(values["progress"])),
    "Saved": _saved,
    "Restarted": lambda _values: Restarted(),
    "Parts": lambda values: Parts(_parts(values["parts"])),
    "Done": lambda values: Done(**values),
    "Summed": _summed,
    "UserMissing": lambda values: UserMissing(**values),
    "Failed": _failed,
}
