"""What must survive a crash for a conversion to go on where it was; nothing of it is content.

A checkpoint is taken between two batches: it says how far the input is converted, what the schema
is, and how long each part is. Everything written later is cut off again when it is taken up.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from myd_grpc.convert.advice import Beginning
from myd_grpc.convert.model import Layout, PartFile, Progress
from myd_grpc.convert.records import Place
from myd_grpc.convert.schema import Entry, NewColumn, NewTable
from myd_grpc.convert.source import InputMark
from myd_grpc.convert.tables import Part, Segment

_VERSION = 3


class StaleCheckpointError(Exception):
    """A checkpoint does not fit the input or the output any more: begin from the start."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of a conversion between two batches.

    `file` is the index of the file at hand and `place` how far it is read, None when it is not
    begun. `finishing` says that the set's rows are all written and its parts are getting their
    final headers. `done` are the parts of the sets before, and `notes` what was noted about those.
    `entries`, with the `records` that brought them, `parts` and `beginning` (None before its first
    record) describe the set at hand. `progress` is what was reported.
    """

    inputs: tuple[InputMark, ...]
    file: int
    place: Place | None
    finishing: bool
    done: tuple[PartFile, ...]
    notes: tuple[str, ...]
    beginning: Beginning | None
    entries: tuple[Entry, ...]
    records: tuple[int, ...]
    parts: tuple[Part, ...]
    progress: Progress

    def to_json(self) -> str:
        """The checkpoint as one line of text."""
        # Not by asdict, which copies what it finds: of inputs, there may be a hundred thousand.
        values = asdict(replace(self, inputs=(), entries=())) | {
            "version": _VERSION,
            "inputs": [_mark_row(mark) for mark in self.inputs],
            "entries": [_row(entry) for entry in self.entries],
        }
        return json.dumps(values, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Checkpoint:
        """The checkpoint in a text that `to_json` made; raises StaleCheckpointError for any other.

        An older program's checkpoint is stale, too.
        """
        try:
            values = json.loads(text)
            if values.pop("version") != _VERSION:
                raise StaleCheckpointError
            return cls(**{name: _READERS[name](value) for name, value in values.items()})
        except (ValueError, KeyError, TypeError, AttributeError):
            raise StaleCheckpointError from None


class Checkpoints(Protocol):
    """Keeps checkpoints.

    `files` are those to be synced before one counts, `parts` those that got rows since the last.
    """

    def due(self) -> bool:
        """Whether it is time for one."""
        ...

    def save(
        self, checkpoint: Checkpoint, files: Sequence[Path], parts: Sequence[PartFile]
    ) -> None:
        """Keep it soon, without waiting."""
        ...

    def settle(
        self, checkpoint: Checkpoint, files: Sequence[Path], parts: Sequence[PartFile]
    ) -> None:
        """Keep it before this returns: what follows would not fit an older one."""
        ...


class NoCheckpoints:
    """Keeps none: after a crash, such a conversion begins from the start."""

    def due(self) -> bool:
        """Never."""
        return False

    def save(
        self, checkpoint: Checkpoint, files: Sequence[Path], parts: Sequence[PartFile]
    ) -> None:
        """Nothing."""

    settle = save


NO_CHECKPOINTS = NoCheckpoints()


def _mark_row(mark: InputMark) -> list[int]:
    return [mark.size, mark.modified_ns, mark.changed_ns, mark.inode]


def _row(entry: Entry) -> list[Any]:
    if isinstance(entry, NewTable):
        return ["table", entry.parent, *entry.path]
    return ["column", entry.table, *entry.path]


def _entry(row: list[Any]) -> Entry:
    kind, table, *path = row
    make = NewTable if kind == "table" else NewColumn
    return make(table, tuple(path))


def _part(values: dict[str, Any]) -> Part:
    return Part(**{**values, "segments": [Segment(**one) for one in values["segments"]]})


_READERS: dict[str, Any] = {
    "inputs": lambda rows: tuple(InputMark(*row) for row in rows),
    "file": int,
    "place": lambda row: row and Place(**{**row, "layout": Layout(row["layout"])}),
    "finishing": bool,
    "done": lambda rows: tuple(PartFile(**row) for row in rows),
    "notes": tuple,
    "beginning": lambda row: row and Beginning(**{**row, "layout": Layout(row["layout"])}),
    "records": tuple,
    "entries": lambda rows: tuple(map(_entry, rows)),
    "parts": lambda rows: tuple(map(_part, rows)),
    "progress": lambda row: Progress(**{**row, "layout": Layout(row["layout"])}),
}
