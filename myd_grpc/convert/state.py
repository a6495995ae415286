"""How far a conversion is: what it reports, and what its checkpoints hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from pathlib import Path

from msgspec.structs import replace

from myd_grpc.convert.checkpoint import Checkpoint, Checkpoints
from myd_grpc.convert.input.byte_source import InputVersion
from myd_grpc.convert.kept_sets import KeptSets, KeptSetsFile
from myd_grpc.convert.model import BesideFile, FileRead, PartFile, Progress
from myd_grpc.convert.output.small_files import SmallFiles
from myd_grpc.convert.piece import Piece
from myd_grpc.convert.set_builder import SetBuilder, SetPlan
from myd_grpc.convert.unmatched import UnmatchedPatterns

Report = Callable[[Progress], None]
"""Told how far the conversion is, after each batch."""


class ConversionState:
    """The figures of a conversion, and the sets that it has finished.

    `inputs` are the files as they were when they were looked at, `done` the parts of finished sets,
    `beside` their other files, `notes` what was noted about those, and `unmatched` the patterns of
    the request that nothing in them matched.
    """

    def __init__(
        self,
        progress: Progress,
        report: Report,
        checkpoints: Checkpoints,
        finish_share: float,
        unmatched: UnmatchedPatterns,
        kept: KeptSetsFile,
        behind: SmallFiles | None,
    ) -> None:
        self._progress = progress
        # What came since, which is counted as often as records are broken.
        self._more_rows = self._more_rejects = 0
        self.inputs: tuple[InputVersion, ...] = ()
        # The bytes of all inputs before each, and of all.
        self._sizes = [0]
        self.done: list[PartFile] = []
        self.beside: list[BesideFile] = []
        self.notes: list[str] = []
        self.unmatched = unmatched
        self._report = report
        self._checkpoints = checkpoints
        self._kept = kept
        self._behind = behind
        # Which part of the time it takes to finish a set, and the input bytes of what is finished.
        self._finish_share = finish_share
        self._bytes_finished = 0
        # Parts of finished sets that are not in a checkpoint yet.
        self._unsaved: list[PartFile] = []
        # Files of finished sets, and directories, that nobody was asked to sync yet.
        self._unsynced: list[str] = []
        # The file at which the last checkpoint is, if that is of a set which was begun by then.
        self._within: int | None = None

    @property
    def progress(self) -> Progress:
        """The figures as they are now."""
        if self._more_rows or self._more_rejects:
            self.progress = replace(self._progress, rows=self.rows, rejects=self.rejects)
        return self._progress

    @progress.setter
    def progress(self, progress: Progress) -> None:
        self._progress = progress
        self._more_rows = self._more_rejects = 0

    @property
    def rows(self) -> int:
        """How many rows were written."""
        return self._progress.rows + self._more_rows

    @property
    def rejects(self) -> int:
        """How many records were left out."""
        return self._progress.rejects + self._more_rejects

    def take(self, inputs: tuple[InputVersion, ...]) -> None:
        """Takes it that the files are these."""
        self.inputs = inputs
        self._sizes = [0, *accumulate(version.size for version in inputs)]

    def resume(self, checkpoint: Checkpoint, kept: KeptSets, files: range) -> None:
        """Takes over the figures of a checkpoint, and its finished sets, made of these files."""
        self.progress = checkpoint.progress
        self._bytes_finished = self._size(files)
        self.done, self.beside = list(kept.done), list(kept.beside)
        self.notes = list(checkpoint.notes)
        self.unmatched.restore(checkpoint.unmatched)
        self._within = None if checkpoint.writers is None else checkpoint.file

    def report(self) -> None:
        """Tells whoever listens how far the conversion is."""
        read, share = self.progress.bytes_read, self._finish_share
        # In whole bytes, and exact where nothing is made of rows.
        done = read - int(share * (read - self._bytes_finished)) if share else read
        self._report(replace(self.progress, bytes_done=done))

    def add_rows(self, rows: int) -> None:
        """Counts rows that were written; they are reported with the next report."""
        self._more_rows += rows

    def add_reject(self) -> None:
        """Counts a record that was left out; it is reported with the next report."""
        self._more_rejects += 1

    def before_file(self, index: int, piece: Piece | None) -> Progress:
        """The figures as they were when a file was begun, of which `piece` is what is left."""
        return replace(
            self.progress,
            bytes_read=self._sizes[index],
            records=self.progress.records - (piece.records if piece else 0),
            rejects=self.progress.rejects - (piece.rejects if piece else 0),
        )

    def finishing(self, builder: SetBuilder, part: float) -> None:
        """Takes it that `part` of the time that it takes to finish a set has passed."""
        files = builder.plan.files
        self._bytes_finished = self._size(range(files.start)) + int(part * self._size(files))
        self.report()
        if self._checkpoints.due():
            self._checkpoints.save(*self._checkpoint(builder, files[-1], None, finishing=True))

    def _size(self, files: range) -> int:
        return self._sizes[files.stop] - self._sizes[files.start]

    def finish_set(
        self,
        plan: SetPlan,
        parts: Sequence[PartFile],
        beside: Sequence[BesideFile],
        unsynced: Sequence[str],
    ) -> None:
        """Takes the parts of a set that is finished, and the files beside its tables.

        The `unsynced` are to be synced with the next checkpoint, or by who takes them before.
        """
        self._unsynced += unsynced
        self.done += parts
        self.beside += beside
        self._unsaved += parts
        self._bytes_finished = self._size(range(plan.files.stop))
        self.report()

    @property
    def unsynced(self) -> int:
        """How many files of finished sets, and directories, are still to be synced."""
        return len(self._unsynced)

    def take_unsynced(self) -> list[str]:
        """Those files and directories, for whoever syncs them before a checkpoint counts them.

        They are there by then. Raises OSError where one could not be written.
        """
        if self._behind:
            self._behind.drain()
        taken, self._unsynced = self._unsynced, []
        return taken

    @property
    def is_due(self) -> bool:
        """Whether it is time for a checkpoint."""
        return self._checkpoints.due()

    def save(self, builder: SetBuilder, file: int, left: Callable[[], Piece]) -> None:
        """Saves a checkpoint if it is time for one; `left` tells what is left of the file."""
        if self.is_due:
            self._checkpoints.save(*self._checkpoint(builder, file, left(), finishing=False))

    def settle(self) -> None:
        """Returns when no checkpoint is being saved: its files are still to be there."""
        self._checkpoints.has_older()

    def save_finishing(self, builder: SetBuilder) -> None:
        """Saves the checkpoint of a set whose rows are all there, if an older one will not fit."""
        # Else nothing is taken as saved that is not.
        if self._has_older_of(builder.plan):
            file = builder.plan.files[-1]
            self._checkpoints.supersede(*self._checkpoint(builder, file, None, finishing=True))

    def save_finished(self, plan: SetPlan) -> None:
        """Saves the checkpoint of a set that is finished, if an older one will not fit."""
        if not self._has_older_of(plan):
            return
        changed, self._unsaved = self._unsaved, []
        self._within = None
        checkpoint = Checkpoint(
            file=plan.files.stop,
            kept=self._keep(),
            notes=tuple(self.notes),
            unmatched=self.unmatched.numbers,
            progress=self.progress,
        )
        unsynced = [*map(Path, self.take_unsynced()), *self._kept.unsynced]
        self._checkpoints.supersede(checkpoint, unsynced, changed)

    def _has_older_of(self, plan: SetPlan) -> bool:
        """Whether there is a checkpoint from within this set.

        One from before it fits whatever becomes of its files: the set is then made anew. A
        checkpoint says something of each set before, so there is not to be one for each.
        """
        return self._within in plan.files and self._checkpoints.has_older()

    def _keep(self, read: Sequence[FileRead] = ()) -> KeptSets | int:
        """Keeps what is new of inputs and finished sets; what a checkpoint is to say of them.

        And of the files that were `read` to their ends, where all are of one set.
        """
        return self._kept.keep(self.inputs, self.done, self.beside, read)

    def _checkpoint(
        self, builder: SetBuilder, file: int, piece: Piece | None, *, finishing: bool
    ) -> tuple[Checkpoint, Sequence[Path], list[PartFile]]:
        """A checkpoint, the files it needs synced, and the parts that got rows since the last."""
        builder.hand_on()
        written = builder.writer.snapshot()
        changed = self._unsaved + builder.plan.named(written.changed)
        self._unsaved.clear()
        self._within = file
        rejects = builder.rejects.snapshot()
        is_whole = len(builder.plan.files) == len(self.inputs)
        kept = self._keep(builder.read if is_whole else ())
        of_rejects = [builder.rejects.path] if rejects.size else []
        unsynced = [
            *map(Path, self.take_unsynced()),
            *written.unsynced,
            *of_rejects,
            *self._kept.unsynced,
        ]
        checkpoint = Checkpoint(
            file=file,
            kept=kept,
            piece=piece,
            finishing=finishing,
            read=() if is_whole else tuple(builder.read),
            notes=tuple(self.notes),
            unmatched=self.unmatched.numbers,
            beginning=builder.beginning,
            entries=tuple(builder.schema.entries),
            records=tuple(builder.schema.records),
            kinds=builder.kinds.snapshot(),
            masked=builder.masked.snapshot(),
            extents=builder.growth.snapshot(),
            writers=written.state,
            rejects=rejects,
            progress=self.progress,
        )
        return checkpoint, unsynced, changed
