"""What must survive a crash for a conversion to go on where it was; nothing of it is content.

A checkpoint is taken between two batches: it says how far the input is converted, what the schema
is, and how far each writer is. Everything written later is gone again when it is taken up.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from msgspec import Struct

from myd_grpc.convert.checkpoint_form import from_line, to_line
from myd_grpc.convert.hints import FirstRecord
from myd_grpc.convert.kept_sets import KeptSets
from myd_grpc.convert.kinds import MaskedCells, TableKinds
from myd_grpc.convert.model import FileRead, PartFile, Progress
from myd_grpc.convert.output.rejects_file import RejectsState
from myd_grpc.convert.output.writer import Extent
from myd_grpc.convert.piece import Piece
from myd_grpc.convert.schema import Entry

_VERSION = 12


class Checkpoint(Struct, frozen=True):
    """The state of a conversion between two batches, or between two sets.

    `file` is the index of the file at hand and `piece` what is left of it, None when it is not
    begun. `finishing` says that the set's rows are all written and its files are getting their
    final form; `read` are those of its files that were read to their ends, unless all inputs are of
    this set: then that is kept with the inputs, as there may be very many. `kept` is what is known
    of those and the sets before, or how much of its file is (`KeptSetsFile`), `notes` what was
    noted about those, and `unmatched` the numbers of the patterns that nothing in them matched.
    `entries`, with the `records` that brought them, `kinds`, `masked`, `extents` and `beginning`
    (None before its first record) describe the tables of the set at hand, and `writers` its files:
    what each writer said of its own, which nobody else reads; None where the set is not begun.
    `rejects` is how much there is of the list of its records that were left out.
    `progress` is what was reported.
    """

    file: int
    kept: KeptSets | int
    notes: tuple[str, ...]
    unmatched: tuple[int, ...]
    progress: Progress
    piece: Piece | None = None
    finishing: bool = False
    read: tuple[FileRead, ...] = ()
    beginning: FirstRecord | None = None
    entries: tuple[Entry, ...] = ()
    records: tuple[int, ...] = ()
    kinds: tuple[TableKinds, ...] = ()
    masked: tuple[MaskedCells, ...] = ()
    extents: tuple[Extent, ...] = ()
    writers: dict[str, Any] | None = None
    rejects: RejectsState = RejectsState()

    def to_json(self) -> str:
        """The checkpoint as one line of text."""
        return to_line(self, _VERSION)

    @classmethod
    def from_json(cls, text: str) -> Checkpoint:
        """The checkpoint in a text that `to_json` made; raises StaleCheckpointError for any other.

        An older program's checkpoint is stale, too.
        """
        return from_line(text, cls, _VERSION)


class Checkpoints(Protocol):
    """Where a conversion saves its checkpoints.

    `files` are those to be synced before a checkpoint counts, `parts` those that got rows since the
    last one.
    """

    def due(self) -> bool:
        """Whether it is time for a checkpoint."""
        ...

    def save(
        self, checkpoint: Checkpoint, files: Sequence[Path], parts: Sequence[PartFile]
    ) -> None:
        """Saves a checkpoint soon, without waiting for that."""
        ...

    def has_older(self) -> bool:
        """Whether one was saved that is to be superseded; waits for one that is being saved."""
        ...

    def supersede(
        self, checkpoint: Checkpoint, files: Sequence[Path], parts: Sequence[PartFile]
    ) -> None:
        """Saves a checkpoint before this returns: what follows would fit no older one."""
        ...


class NoCheckpoints:
    """Saves no checkpoint: after a crash, such a conversion begins from the start."""

    def due(self) -> bool:
        """False: it is never time for one."""
        return False

    def save(
        self, checkpoint: Checkpoint, files: Sequence[Path], parts: Sequence[PartFile]
    ) -> None:
        """Does nothing."""

    def has_older(self) -> bool:
        """False: none is saved."""
        return False

    supersede = save


NO_CHECKPOINTS = NoCheckpoints()
