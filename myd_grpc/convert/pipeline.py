"""A whole conversion: the one loop from input files to output sets."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from myd_grpc.convert.advice import (
    MOST_NOTES,
    summed_up,
)
from myd_grpc.convert.batch import NOTHING, Batch, Fragment
from myd_grpc.convert.checkpoint import (
    NO_CHECKPOINTS,
    Checkpoint,
    Checkpoints,
    StaleCheckpointError,
)
from myd_grpc.convert.engines.available import engine_for
from myd_grpc.convert.engines.engine import Flattener, RowRules
from myd_grpc.convert.errors import ConversionError, Reason, is_full, refused
from myd_grpc.convert.input.byte_source import InputMark
from myd_grpc.convert.input.probe import hinting, probe
from myd_grpc.convert.input.source import Source
from myd_grpc.convert.model import CipherKey, Conversion, PartFile, Progress
from myd_grpc.convert.output import disk
from myd_grpc.convert.output.naming import FileNames, stem
from myd_grpc.convert.piece import Piece
from myd_grpc.convert.reading.records import RecordReader
from myd_grpc.convert.target import OutputSet, Target
from myd_grpc.failpoints import reach

Report = Callable[[Progress], None]
"""Told how far the conversion is, after each batch."""

_ID_FIELD = "id"


def convert(
    conversion: Conversion,
    key: CipherKey | None,
    output: Path,
    report: Report,
    checkpoints: Checkpoints = NO_CHECKPOINTS,
    resume: Checkpoint | None = None,
) -> Converted:
    """Converts files to the output set `output`, a directory that exists and is empty.

    Answers when all is written and synced. Raises
    ConversionError; `output` then holds rubbish. With `resume`, goes on from that checkpoint in
    the directory as a dead process left it; raises StaleCheckpointError when that does not fit.
    """
    run = _Run(conversion, key, output, report, checkpoints)
    run.probe(resume)
    with _output_errors(), _without_cycle_search(), run.engine:
        return run.convert(resume)


@contextmanager
def _without_cycle_search() -> Iterator[None]:
    """Parsed records are trees: looking for cycles among them takes half the time of a parse."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@contextmanager
def _output_errors() -> Iterator[None]:
    """Whatever the file system refuses here is about the output: a source names its own errors."""
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise ConversionError(Reason.DISK_FULL, "no space is left for the output") from None
        what = "the output cannot be written"
        raise refused(Reason.OUTPUT_UNAVAILABLE, what, error) from None


@dataclass(frozen=True, slots=True)
class Converted:
    """All parts, set by set and table by table, and a line about what is strange in their shape.

    The note tells no content, and is empty where there is nothing to say.
    """

    parts: list[PartFile]
    note: str


class _Run:
    """One conversion, with its figures."""

    def __init__(
        self,
        conversion: Conversion,
        key: CipherKey | None,
        output: Path,
        report: Report,
        checkpoints: Checkpoints,
    ) -> None:
        self._conversion = conversion
        self._key = key
        self._output = output
        self._report = report
        self._checkpoints = checkpoints
        self._options = conversion.options
        limits = conversion.limits
        self._rules = RowRules(
            self._options.csv_profile,
            self._options.id_field or _ID_FIELD,
            limits.max_depth,
            limits.max_columns,
            limits.max_tables,
            limits.max_name_bytes,
        )
        self.engine = engine_for(conversion.engine, conversion.threads)
        self._inputs: tuple[InputMark, ...] = ()
        self._done: list[PartFile] = []
        # Those of finished sets that are not in a checkpoint yet.
        self._unsaved: list[PartFile] = []
        self._notes: list[str] = []
        # Records of the files before the one at hand.
        self._earlier = 0
        self._progress = Progress(
            files_total=len(conversion.file_names),
            layout=self._options.layout,
            engine=self.engine.name,
        )

    def probe(self, resume: Checkpoint | None) -> None:
        """Looks at every file before the first is converted: a wrong key shows at once."""
        marks = []
        for name in self._conversion.file_names:
            with self._open(name) as source:
                probe(source)
                marks.append(source.mark)
        self._inputs = tuple(marks)
        if resume and resume.inputs != self._inputs:
            raise StaleCheckpointError
        figures = resume.progress if resume else self._progress
        total = sum(mark.size for mark in marks)
        self._progress = replace(figures, bytes_total=total, engine=self.engine.name)
        self._report(self._progress)

    def _open(self, name: str, start: int = 0, mark: InputMark | None = None) -> Source:
        conversion = self._conversion
        return Source.open(conversion.data_dir, name, conversion.no_inputs, self._key, start, mark)

    def convert(self, resume: Checkpoint | None) -> Converted:
        """All sets, one after another."""
        try:
            return self._convert_sets(resume)
        except ConversionError:
            # As which layout a file was read that is malformed from the start on, too.
            self._report(self._progress)
            raise

    def _convert_sets(self, resume: Checkpoint | None) -> Converted:
        self._done = list(resume.done) if resume else []
        self._notes = list(resume.notes) if resume else []
        for one in self._sets():
            if resume is None:
                self._convert_set(one, None)
            elif resume.file in one.files:
                self._convert_set(one, resume)
                resume = None
        if not self._options.merge:
            disk.sync(self._output)
        return Converted(self._done, summed_up(self._notes))

    def _sets(self) -> list[OutputSet]:
        names = self._conversion.file_names
        if self._options.merge:
            return [OutputSet(range(len(names)))]
        directories = FileNames()
        return [
            OutputSet(range(index, index + 1), directories.claim(stem(name)) + "/")
            for index, name in enumerate(names)
        ]

    def _convert_set(self, one: OutputSet, resume: Checkpoint | None) -> None:
        directory = self._output / one.prefix
        directory.mkdir(exist_ok=True)
        size = sum(self._inputs[index].size for index in one.files)
        with Target.opened(self._conversion, one, directory, size) as target:
            target.restore(resume)
            if not (resume and resume.finishing):
                flattener = self.engine.flattener(self._rules, target.schema)
                self._convert_files(target, flattener, resume)
                self._complete(target)
            done = target.named(target.writer.finish())
            self._done += done
            self._unsaved += done
            if len(self._notes) < MOST_NOTES and (note := target.note()):
                self._notes.append(note)

    def _convert_files(
        self, target: Target, flattener: Flattener, resume: Checkpoint | None
    ) -> None:
        for index in target.set.files:
            if resume is None or index > resume.file:
                self._convert_file(index, target, flattener, None)
            elif index == resume.file:
                self._convert_file(index, target, flattener, resume.piece)

    def _complete(self, target: Target) -> None:
        """Writes the last rows; parts that get another header would not fit an older checkpoint."""
        target.writer.complete()
        if target.writer.needs_rewrite:
            checkpoint = self._checkpoint(target, target.set.files[-1], None, finishing=True)
            self._checkpoints.supersede(
                checkpoint, target.writer.unsynced(), self._changed_parts(target)
            )

    def _convert_file(
        self, index: int, target: Target, flattener: Flattener, piece: Piece | None
    ) -> None:
        """Converts a file, or the piece that is left of one that was begun before."""
        name, limits = self._conversion.file_names[index], self._conversion.limits
        before = self._before(index, piece)
        self._earlier = before.records
        start = piece.offset if piece else 0
        with (
            self._open(name, start, self._inputs[index]) as source,
            source.unchanged(),
            hinting(source),
        ):
            reader = RecordReader(source, limits, self._options, self._conversion.section_names)
            if piece:
                reader.resume(piece)
            else:
                piece = reader.find(self.engine, index - target.set.files.start + 1)
            if index == 0:
                self._progress = before = replace(before, layout=piece.layout)
            with closing(reader.batches(flattener.read_ahead)) as batches:
                for batch, made in batches:
                    self._convert_batch(batch, made, flattener, reader, target)
                    done = batch.first + len(batch.spans) - 1
                    self._progress = replace(
                        before,
                        bytes_read=before.bytes_read + source.reached(batch.end),
                        records=before.records + done,
                        rows=self._progress.rows,
                    )
                    self._report(self._progress)
                    left = replace(piece, offset=batch.end, records=done)
                    self._save(target, index, left)
                    reach("batch_written")
                    del batch, made  # a long one must not stay until the next is there
            self._progress = replace(
                self._progress,
                bytes_read=before.bytes_read + source.size,
                files_done=before.files_done + 1,
            )
        self._report(self._progress)

    def _before(self, index: int, piece: Piece | None) -> Progress:
        """The figures as they were when the file was begun."""
        return replace(
            self._progress,
            bytes_read=sum(mark.size for mark in self._inputs[:index]),
            records=self._progress.records - (piece.records if piece else 0),
        )

    def _convert_batch(
        self,
        batch: Batch,
        made: Fragment | None,
        flattener: Flattener,
        reader: RecordReader,
        target: Target,
    ) -> None:
        """Converts a batch: mostly that was done ahead, for the schema as it was then."""
        if made and not (made.entries and made.base < len(target.schema.entries)):
            self._take(made, batch, reader, target)
        else:
            made = NOTHING
        if made.is_full:
            batch = batch.between(made.records, len(batch.spans))
            made = self._flatten(batch, flattener, reader, target)
        if made.records < len(batch.spans):
            raise reader.bad_record(batch, made.records)

    def _flatten(
        self, batch: Batch, flattener: Flattener, reader: RecordReader, target: Target
    ) -> Fragment:
        """Has a batch flattened and takes all that comes of it; answers the last of that."""

        def take(fragment: Fragment) -> None:
            self._take(fragment, batch, reader, target)
            # What follows may take as much memory as this.
            target.writer.drain()

        last = flattener.flatten(batch, take)
        self._take(last, batch, reader, target)
        return last

    def _take(self, fragment: Fragment, batch: Batch, reader: RecordReader, target: Target) -> None:
        """The end of a batch's way, or of a part's: its columns adopted, its rows written."""
        before = target.writer.rows
        target.take(fragment, batch, reader, self._earlier)
        self._progress = replace(
            self._progress, rows=self._progress.rows + target.writer.rows - before
        )

    # Checkpoints

    def _save(self, target: Target, file: int, piece: Piece) -> None:
        if self._checkpoints.due():
            checkpoint = self._checkpoint(target, file, piece, finishing=False)
            self._checkpoints.save(
                checkpoint, target.writer.unsynced(), self._changed_parts(target)
            )

    def _changed_parts(self, target: Target) -> list[PartFile]:
        """The parts of all sets that got rows since the last checkpoint."""
        changed = self._unsaved + target.named(target.writer.changed_parts())
        self._unsaved.clear()
        return changed

    def _checkpoint(
        self, target: Target, file: int, piece: Piece | None, *, finishing: bool
    ) -> Checkpoint:
        return Checkpoint(
            inputs=self._inputs,
            file=file,
            piece=piece,
            finishing=finishing,
            done=tuple(self._done),
            notes=tuple(self._notes),
            beginning=target.beginning,
            entries=tuple(target.schema.entries),
            records=tuple(target.schema.records),
            parts=target.writer.snapshot(),
            progress=self._progress,
        )
