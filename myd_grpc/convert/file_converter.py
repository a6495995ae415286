"""The way of one file of a set: it is read, cut to batches, and each of those converted."""

from __future__ import annotations

from contextlib import closing

from msgspec.structs import replace

from myd_grpc.convert.batch import Batch
from myd_grpc.convert.batch_converter import BatchConverter
from myd_grpc.convert.engines.engine import Engine, Flattener, Passed, RowRules
from myd_grpc.convert.file_rejects import FileRejects
from myd_grpc.convert.input.probe import hinting
from myd_grpc.convert.input.source import Source
from myd_grpc.convert.input_files import InputFiles
from myd_grpc.convert.model import Conversion, FileRead, Progress
from myd_grpc.convert.piece import Piece
from myd_grpc.convert.reading.records import RecordReader
from myd_grpc.convert.reading.rejecting import RejectingReader
from myd_grpc.convert.schema import Schema
from myd_grpc.convert.set_builder import SetBuilder
from myd_grpc.convert.state import ConversionState
from myd_grpc.failpoints import reach


class Flatteners:
    """The flattener of a set: there is another one only for files whose ids have other rules."""

    def __init__(self, engine: Engine, schema: Schema) -> None:
        self._engine = engine
        self._schema = schema
        self._last: tuple[RowRules, Flattener] | None = None

    def of(self, rules: RowRules) -> Flattener:
        """The flattener with these rules."""
        if self._last is None or self._last[0] != rules:
            self._last = rules, self._engine.flattener(rules, self._schema)
        return self._last[1]


class FileConverter:
    """Converts files into the sets that they are of, and saves how far it is."""

    def __init__(
        self, conversion: Conversion, files: InputFiles, engine: Engine, state: ConversionState
    ) -> None:
        self._conversion = conversion
        self._options = conversion.options
        self._files = files
        self._engine = engine
        self._state = state

    def convert(
        self, index: int, builder: SetBuilder, flatteners: Flatteners, piece: Piece | None
    ) -> None:
        """Converts a file, or the piece that is left of one that was begun before."""
        state = self._state
        before = state.before_file(index, piece)

        def passed(offset: int) -> None:
            bytes_read = before.bytes_read + source.reached(offset)
            state.progress = replace(state.progress, bytes_read=bytes_read)
            state.report()

        with (
            self._files.open(index) as source,
            source.unchanged(),
            hinting(source),
        ):
            reader = self._reader(source, builder, passed)
            if piece:
                reader.resume(piece, self._engine)
            else:
                piece = reader.find(self._engine, index - builder.plan.files.start + 1)
            if index == 0:
                before = replace(before, layout=piece.layout)
                state.progress = replace(state.progress, layout=piece.layout)
            flattener = flatteners.of(builder.begin_file(piece.layout))
            converter = BatchConverter(flattener, reader, builder, state, before.records)
            with closing(reader.batches(flattener.read_ahead, flattener.whole)) as batches:
                for batch, made in batches:
                    if settled := converter.convert(batch, made):
                        whole = batch.between(0, settled)
                        self._went_on(before, builder, index, source, piece, whole)
                        del whole
                    reach("batch_written")
                    del batch, made  # a long one must not stay until the next is there
            state.progress = replace(
                state.progress,
                bytes_read=before.bytes_read + source.size,
                records=before.records + reader.records,
                files_done=before.files_done + 1,
            )
            rejects = state.rejects - before.rejects
            builder.read.append(FileRead(piece.layout, reader.records, rejects))
        state.report()

    def _reader(self, source: Source, builder: SetBuilder, passed: Passed) -> RecordReader:
        """What reads a file's records, and leaves broken ones out where that is asked for."""
        conversion, most = self._conversion, self._options.max_rejects
        limits, names = conversion.limits, conversion.section_names
        if not most:
            return RecordReader(source, limits, self._options, names, passed)
        most -= conversion.rejects_before
        rejects = FileRejects(source.name, most, self._state, builder)
        return RejectingReader(source, limits, self._options, names, rejects, passed)

    def _went_on(
        self,
        before: Progress,
        builder: SetBuilder,
        index: int,
        source: Source,
        piece: Piece,
        batch: Batch,
    ) -> None:
        """Reports that a file was converted up to the end of a batch, and saves that."""
        state, done = self._state, batch.first + len(batch.spans) - 1
        state.progress = replace(
            before,
            bytes_read=before.bytes_read + source.reached(batch.end),
            records=before.records + done,
            rows=state.rows,
            rejects=state.rejects,
        )
        state.report()

        def left() -> Piece:
            rejects, end = state.rejects - before.rejects, batch.end
            place = source.place_before(end)
            return Piece(
                piece.file, end, done, piece.layout, piece.depth, piece.limits, rejects, place
            )

        state.save(builder, index, left)
