"""An output set in the making: what takes a batch's columns and rows, and knows their bounds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

from msgspec.structs import replace

from myd_grpc.convert.batch import Batch, Fragment, Rows
from myd_grpc.convert.checkpoint import Checkpoint
from myd_grpc.convert.checkpoint_form import StaleCheckpointError
from myd_grpc.convert.columns.fingerprint import key_fingerprint
from myd_grpc.convert.engines.engine import RowRules
from myd_grpc.convert.errors import ConversionError, Reason
from myd_grpc.convert.gathering import Gathering
from myd_grpc.convert.hints import FirstRecord, ReadContext, note, refusal
from myd_grpc.convert.input.byte_source import InputVersion
from myd_grpc.convert.kept_sets import FILE_NAME as KEPT_SETS
from myd_grpc.convert.kinds import SetKinds, SetMasked, TableKinds
from myd_grpc.convert.model import BesideFile, Conversion, FileRead, PartFile
from myd_grpc.convert.notes import cut_note
from myd_grpc.convert.output import growth
from myd_grpc.convert.output.growth import Growth, TooLargeError
from myd_grpc.convert.output.rejects_file import FILE_NAME, RejectsFile, RejectsState
from myd_grpc.convert.output.set_writer import FinishedSet, SetWriter
from myd_grpc.convert.output.small_files import SmallFiles
from myd_grpc.convert.output.writer import WriteContext
from myd_grpc.convert.package.facts import InputFacts, SetFacts, tables_of
from myd_grpc.convert.reading.records import RecordReader
from myd_grpc.convert.rejects import Flaw
from myd_grpc.convert.schema import BeyondError, Schema
from myd_grpc.dictionary import Dictionary
from myd_grpc.options import Layout

_File = TypeVar("_File", PartFile, BesideFile)


@dataclass(frozen=True, slots=True)
class SetPlan:
    """An output set: its files (indices in the request), and its directory in the job's."""

    files: range
    prefix: str = ""

    @property
    def name(self) -> str:
        """The directory's name, "" for the job's own."""
        return self.prefix[:-1]

    def named(self, files: Sequence[_File]) -> list[_File]:
        """Files of the set as files of the job."""
        prefix = self.prefix
        if not prefix:
            return list(files)
        return [replace(file, file_name=prefix + file.file_name) for file in files]


class SetBuilder:
    """Builds an output set: columns of fragments are adopted, and their rows written."""

    def __init__(
        self,
        conversion: Conversion,
        plan: SetPlan,
        context: WriteContext,
        writer: SetWriter,
        bound: Growth,
        rules: RowRules,
        rejects: RejectsFile,
    ) -> None:
        self.plan = plan
        self.schema = context.schema
        self.kinds = context.kinds
        self.masked = SetMasked()
        self.writer = writer
        self.growth = bound
        self.rejects = rejects
        self.beginning: FirstRecord | None = None
        self.read: list[FileRead] = []
        self._conversion = conversion
        self._rules = rules
        self._rows = 0
        # Without rules for columns, every row of every table counts.
        self._gathering: Gathering | None = None
        if rules.columns.is_plain:
            self._gathering = Gathering(bound, self._write, writer.appends_gathered)

    @classmethod
    @contextmanager
    def opened(
        cls,
        conversion: Conversion,
        plan: SetPlan,
        directory: Path,
        size: int,
        rules: RowRules,
        behind: SmallFiles | None = None,
    ) -> Iterator[Self]:
        """A set that is written into a directory; its inputs have `size` bytes.

        Small files may be written `behind`: see `WriteContext`.
        """
        limits, options = conversion.limits, conversion.options
        schema = Schema(conversion.name, limits, rules.columns, rules.id_field)
        context = WriteContext(directory, schema, SetKinds(), options, limits.rows_per_part, behind)
        most = limits.max_growth * size + growth.FREE_BYTES
        with SetWriter.opened(context) as writer:
            bound = Growth(schema, writer.size_of, most)
            rejects = RejectsFile(directory, options.csv_profile)
            with closing(rejects):
                builder = cls(conversion, plan, context, writer, bound, rules, rejects)
                yield builder
                # It leads back to this, and nobody searches for cycles while very many sets are
                # made.
                builder._gathering = None

    def begin_file(self, layout: Layout) -> RowRules:
        """The rules for the records of a file, which was found to have this layout.

        The set's links are as those of its first file with records.
        """
        are_keyed = layout is Layout.KEYED
        if self.beginning is None:
            self._take_ids(layout)
        began_keyed = (self.beginning.layout is Layout.KEYED) if self.beginning else are_keyed
        return self._rules.of_file(are_keyed=are_keyed, began_keyed=began_keyed)

    def _take_ids(self, layout: Layout) -> None:
        self.schema.take_ids("" if layout is Layout.KEYED else self._rules.id_field)

    def take(self, fragment: Fragment, batch: Batch, reader: RecordReader, earlier: int) -> int:
        """Adopts a batch's columns and writes its rows; raises ConversionError LIMIT_EXCEEDED.

        `earlier` is how many records the files before have. Answers by how many rows the set grew:
        those of tables that are left out, as they are, do not count.
        """
        if self.beginning is None:
            start = batch.spans[0][0]
            self.beginning = FirstRecord(reader.layout, batch.text((start, start + 1)) == b"[")
        if fragment.few and self._gathering and self._gathering.holds(fragment):
            self._rows += fragment.few.row_count
            return fragment.few.row_count
        self.hand_on()
        self._adopt(fragment, batch, reader, earlier)
        self._require_growth(fragment, batch, reader)
        self._write(fragment.rows, fragment.kinds)
        self.masked.add(fragment.masked)
        before, self._rows = self._rows, max(self._rows, self.growth.rows)
        return self._rows - before

    def leave_out(self, file: str, record: int, offset: int, flaw: Flaw) -> None:
        """Lists a record of a file that is left out; raises ConversionError LIMIT_EXCEEDED.

        All rows of the records before it were taken, and none of those after it.
        """
        size = self.rejects.add(file, record, offset, flaw)
        if self._gathering:
            self._gathering.make_room(size)
        if not self.growth.add_listed(size):
            what = f"{file}: record {record} at byte {offset}: {self._too_large}"
            raise ConversionError(Reason.LIMIT_EXCEEDED, what)

    def hand_on(self) -> None:
        """Has all rows written that were taken."""
        if self._gathering:
            self._gathering.hand_on()

    def _write(self, rows: Sequence[Rows], kinds: Sequence[TableKinds]) -> None:
        self.writer.add(rows)
        self.kinds.add(kinds)

    def _adopt(self, fragment: Fragment, batch: Batch, reader: RecordReader, earlier: int) -> None:
        records = [earlier + batch.first + index for index in fragment.origins]
        try:
            self.schema.adopt(fragment.entries, records)
        except BeyondError as error:
            index = len(self.schema.entries) - fragment.base
            what = refusal(self.schema, error, records[index], self._read_context(reader.layout))
            origin = fragment.origins[index]
            raise reader.failure(Reason.LIMIT_EXCEEDED, what, batch, origin) from None

    def _require_growth(self, fragment: Fragment, batch: Batch, reader: RecordReader) -> None:
        try:
            self.growth.add(fragment, batch.first)
        except TooLargeError as error:
            failure = reader.failure(Reason.LIMIT_EXCEEDED, self._too_large, batch, error.index)
            raise failure from None

    @property
    def _too_large(self) -> str:
        times = f"{self._conversion.limits.max_growth} times the input's size"
        return f"the output would be more than {times} and 1 GiB (MYD_MAX_GROWTH)"

    def _read_context(self, layout: Layout) -> ReadContext:
        options, names = self._conversion.options, self._conversion.section_names
        return ReadContext(layout, options.record_path, options.id_field, names)

    def note(self, finished: FinishedSet) -> str:
        """What is strange about the finished set, or ""; begins with the file's name if need be."""
        cut = cut_note(sum(finished.cut.values()))
        if self._conversion.options.merge:
            return "; ".join(filter(None, [self._about(), cut]))
        found = "; ".join(filter(None, [self._about(), cut, self._where_rejects_are()]))
        return found and f"{self._conversion.file_names[self.plan.files.start]}: {found}"

    def _about(self) -> str:
        """What is strange about the set's shape."""
        if self.beginning is None:
            return ""
        return note(self.schema, self._read_context(self.beginning.layout), self.beginning)

    def _where_rejects_are(self) -> str:
        """In which of many directories their list is: nothing else tells."""
        rejects = any(read.rejects for read in self.read)
        return f"see {self.plan.prefix}{FILE_NAME}" if rejects else ""

    def facts(
        self, finished: FinishedSet, inputs: Sequence[InputVersion], dictionary: Dictionary
    ) -> SetFacts:
        """What is known of the set, which is finished; `inputs` are all those of the job."""
        files = [
            InputFacts(
                self._conversion.file_names[index],
                inputs[index].size,
                read.records,
                read.layout,
                read.rejects,
            )
            for index, read in zip(self.plan.files, self.read, strict=True)
        ]
        options = self._conversion.options
        return SetFacts(
            self._conversion.name,
            options,
            files,
            dictionary,
            self.schema,
            tables_of(self.schema, options.formats, finished),
            masked=self.masked.cells,
            key_fingerprint=key_fingerprint(key) if (key := self._rules.columns.key) else "",
        )

    def restore(self, resume: Checkpoint | None) -> None:
        """Brings the set's directory to the state of the checkpoint, to emptiness without one."""
        if resume:
            self.beginning = resume.beginning
            self.read = list(resume.read)
            if self.beginning:
                self._take_ids(self.beginning.layout)
            elif self.read:
                self._take_ids(self.read[-1].layout)
            self.schema.adopt(resume.entries, resume.records)
            self.growth.restore(resume.extents, resume.rejects.size)
            self._rows = self.growth.rows
            self.kinds.add(resume.kinds)
            self.masked.add(resume.masked)
        try:
            finishing = resume is not None and resume.finishing
            self.rejects.restore(resume.rejects if resume else RejectsState())
            self.writer.restore(
                resume.writers if resume else None, [FILE_NAME, KEPT_SETS], finishing=finishing
            )
        except (ValueError, FileNotFoundError):
            raise StaleCheckpointError from None
