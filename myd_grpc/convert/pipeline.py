"""A whole conversion: the one loop from input files to output sets."""

from __future__ import annotations

import errno
import gc
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from myd_grpc.convert.ahead import Flatteners
from myd_grpc.convert.engine import Batch, Flattening, Fragment
from myd_grpc.convert.engines import engine_for
from myd_grpc.convert.errors import ConversionError, Reason
from myd_grpc.convert.model import CipherKey, Conversion, PartFile, Progress
from myd_grpc.convert.naming import FileNames, stem
from myd_grpc.convert.records import RecordReader
from myd_grpc.convert.schema import Schema
from myd_grpc.convert.source import Source
from myd_grpc.convert.tables import SetWriter, sync
from myd_grpc.convert.window import Window
from myd_grpc.failpoints import reach

Report = Callable[[Progress, list[PartFile]], None]
"""Told how far the conversion is and which parts have changed, after each batch."""

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def convert(
    conversion: Conversion, key: CipherKey | None, output: Path, report: Report
) -> list[PartFile]:
    """Converts files to the output set `output`, a directory that exists and is empty.

    Answers all parts, set by set and table by table, when all is written and synced. Raises
    ConversionError; `output` then holds rubbish.
    """
    run = _Run(conversion, key, output, report)
    run.probe()
    with _output_errors(), _without_cycle_search(), run.flatteners:
        return run.merged() if conversion.merge else run.one_by_one()


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
        if error.errno in _NO_SPACE:
            raise ConversionError(Reason.DISK_FULL, "no space is left for the output") from None
        why = os.strerror(error.errno or 0).lower()
        raise ConversionError(
            Reason.OUTPUT_UNAVAILABLE, f"the output cannot be written: {why}"
        ) from None


class _Run:
    """One conversion, with its figures."""

    def __init__(
        self, conversion: Conversion, key: CipherKey | None, output: Path, report: Report
    ) -> None:
        self._conversion = conversion
        self._key = key
        self._output = output
        self._report = report
        self._flattening = Flattening(
            conversion.profile, conversion.id_field, conversion.limits.max_depth
        )
        self.flatteners = Flatteners(
            lambda: engine_for(conversion.engine, self._flattening), conversion.threads
        )
        self._progress = Progress(
            files_total=len(conversion.file_names),
            layout=conversion.layout,
            engine=self.flatteners.name,
        )

    def probe(self) -> None:
        """Looks at every file before the first is converted: a wrong key shows at once."""
        total = 0
        for name in self._conversion.file_names:
            with self._open(name) as source:
                source.probe(self._key)
                total += source.size
        self._progress = replace(self._progress, bytes_total=total)
        self._report(self._progress, [])

    def _open(self, name: str) -> Source:
        conversion = self._conversion
        return Source.open(conversion.data_dir, name, conversion.no_inputs, self._key)

    def merged(self) -> list[PartFile]:
        """One set from all files."""
        with self._writer(self._output) as (schema, writer):
            for number, name in enumerate(self._conversion.file_names, 1):
                self._convert_file(name, number, _Set(schema, writer))
            writer.complete()
            return writer.finish()

    def one_by_one(self) -> list[PartFile]:
        """A set of its own for each file, in a directory with the file's name."""
        names = FileNames()
        parts: list[PartFile] = []
        for name in self._conversion.file_names:
            prefix = names.claim(stem(name)) + "/"
            (self._output / prefix).mkdir()
            with self._writer(self._output / prefix) as (schema, writer):
                self._convert_file(name, 1, _Set(schema, writer, prefix))
                writer.complete()
                parts += _within(prefix, writer.finish())
        sync(self._output)
        return parts

    @contextmanager
    def _writer(self, directory: Path) -> Iterator[tuple[Schema, SetWriter]]:
        limits = self._conversion.limits
        schema = Schema(self._conversion.name, limits.max_tables, limits.max_columns)
        writer = SetWriter(directory, schema, self._flattening, limits.rows_per_part)
        try:
            yield schema, writer
        finally:
            writer.close()

    def _convert_file(self, name: str, number: int, target: _Set) -> None:
        """Converts the file as number `number` of the set (from 1)."""
        conversion, before = self._conversion, self._progress
        with self._open(name) as source, self._hint(source):
            cut_off = self.flatteners.cut_off
            reader = RecordReader(name, Window(source.read), conversion.limits, cut_off)
            reader.open(conversion.layout, conversion.record_path, conversion.section_names)
            if before.files_done == 0:
                self._progress = before = replace(before, layout=reader.layout)
            entries = target.schema.entries
            for batch, fragment in self.flatteners.in_order(reader.batches(), number, entries):
                self._take(batch, fragment, reader, target)
                self._progress = replace(
                    before,
                    bytes_read=before.bytes_read + source.position,
                    records=before.records + batch.first + len(batch.spans) - 1,
                    rows=self._progress.rows,
                )
                self._report(self._progress, _within(target.prefix, target.writer.changed_parts()))
                reach("batch_written")
            self._progress = replace(
                self._progress,
                bytes_read=before.bytes_read + source.size,
                files_done=before.files_done + 1,
            )
        self._report(self._progress, [])

    def _take(self, batch: Batch, fragment: Fragment, reader: RecordReader, target: _Set) -> None:
        """The end of a batch's way: its columns adopted, its rows written."""
        _adopt(fragment, batch, reader, target.schema)
        before = target.writer.rows
        target.writer.write(fragment)
        self._progress = replace(
            self._progress, rows=self._progress.rows + target.writer.rows - before
        )
        if fragment.records < len(batch.spans):
            raise reader.bad_record(batch, fragment.records)

    @contextmanager
    def _hint(self, source: Source) -> Iterator[None]:
        """Says so where malformed JSON is ciphertext that came without a key."""
        try:
            yield
        except ConversionError as error:
            if error.reason is Reason.INVALID_JSON and not self._key and source.looks_encrypted():
                raise ConversionError(
                    error.reason,
                    f"{error.message}; the file looks encrypted: send aes256cbckey and iv",
                ) from None
            raise


@dataclass(frozen=True, slots=True)
class _Set:
    """An output set in the making; `prefix` is its directory within the job's, if it has one."""

    schema: Schema
    writer: SetWriter
    prefix: str = ""


def _adopt(fragment: Fragment, batch: Batch, reader: RecordReader, schema: Schema) -> None:
    try:
        schema.adopt(fragment.entries)
    except ConversionError as error:
        index = fragment.origins[len(schema.entries) - fragment.base]
        raise reader.failure(error.reason, error.message, batch, index) from None


def _within(prefix: str, parts: list[PartFile]) -> list[PartFile]:
    return [replace(part, file_name=prefix + part.file_name) for part in parts]
