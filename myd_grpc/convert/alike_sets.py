"""Sets of one small file each that are like one before them: of which only rows are another's.

Of most sets that a job makes of small files, tables and columns are the same. To find that out
again, name by name, and what there is to be written, takes longer than to read the file and to make
its rows. So the first of a kind is made as any set; for those that bring the same columns in the
same order, what came of it is taken as it is. Whatever is out of the ordinary is left to that way.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import count
from typing import TypeAlias

from msgspec.structs import replace

from myd_grpc.convert.batch import Fragment, Rows
from myd_grpc.convert.csvtext import header_bytes
from myd_grpc.convert.engines.engine import Engine, RowRules
from myd_grpc.convert.errors import ConversionError
from myd_grpc.convert.input.source import Source
from myd_grpc.convert.input_files import InputFiles
from myd_grpc.convert.kinds import ColumnKinds, TableKinds
from myd_grpc.convert.model import Conversion, PartFile
from myd_grpc.convert.output.formats import RowPlan
from myd_grpc.convert.output.set_writer import FinishedSet
from myd_grpc.convert.output.small_files import MOST_BYTES, SmallFiles
from myd_grpc.convert.package.facts import InputFacts, SetFacts, TableFacts, tables_of
from myd_grpc.convert.reading.records import RecordReader
from myd_grpc.convert.schema import Schema
from myd_grpc.convert.set_builder import SetBuilder, SetPlan
from myd_grpc.convert.set_finisher import SetFinisher
from myd_grpc.convert.state import ConversionState
from myd_grpc.failpoints import reach
from myd_grpc.options import ConvertOptions, Format, Layout

_MOST_ENTRIES = 2_000
"""Columns and tables of a set beyond which they are not kept."""
_MOST_KEPT = 16_000
"""Those of all kinds that are kept, with one for each kind."""
_TRIES = 16
"""Sets that were read in vain, beside one for each that was not, until none is tried."""

_Kind: TypeAlias = tuple[object, ...]
_Kinds: TypeAlias = tuple[TableKinds, ...]


@dataclass(frozen=True, slots=True)
class _Read:
    """A whole file: how it was read, and all that came of its records, of which there are some."""

    layout: Layout
    begins_with_list: bool
    records: int
    size: int
    made: Fragment

    def kind(self) -> _Kind:
        """All of it that decides what there is in the set beside figures and rows."""
        made = self.made
        tables = (rows.table for rows in made.rows)
        return self.layout, self.begins_with_list, *made.entries, None, *made.origins, None, *tables


@dataclass(frozen=True, slots=True)
class _Table:
    """A table of all sets of a kind, with the name and the header of its file."""

    number: int
    file_name: str
    header: bytes
    facts: TableFacts


@dataclass(frozen=True, slots=True)
class _Model:
    """What all sets of a kind have: the schema, and those tables that have rows.

    It has a `number` that no other one has.
    """

    number: int
    schema: Schema
    tables: Sequence[_Table]


class _Columns:
    """What the kinds of values in rows say of columns, kept for sets of which it is the same."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, _Kinds], Sequence[Mapping[int, ColumnKinds]]] = {}
        self._kept = 0

    def of(self, model: _Model, kinds: _Kinds) -> Sequence[Mapping[int, ColumnKinds]]:
        """What is said of them, table by table: see `TableFacts`."""
        known = self._known.get((model.number, kinds))
        if known is None:
            found = {one.table: one.columns() for one in kinds}
            known = [
                _after_links(found.get(one.number, {}), one.facts.links) for one in model.tables
            ]
            # Tables without a value take memory, too.
            size = 1 + len(known) + len(kinds) + sum(map(len, known))
            self._kept += size
            if self._kept > _MOST_KEPT:
                self._kept = size
                self._known.clear()
            self._known[model.number, kinds] = known
        return known


class AlikeSets:
    """Makes sets like those that it has learnt of."""

    def __init__(
        self,
        conversion: Conversion,
        rules: RowRules,
        files: InputFiles,
        engine: Engine,
        state: ConversionState,
        finisher: SetFinisher,
        behind: SmallFiles,
    ) -> None:
        self._conversion = conversion
        self._files = files
        self._engine = engine
        self._state = state
        self._finisher = finisher
        self._behind = behind
        self._dialect = rules.dialect
        # For each set, the schema is one that has nothing yet.
        schema = Schema(conversion.name, conversion.limits, rules.columns, rules.id_field)
        self._flattener = engine.flattener(rules, schema)
        self._models: dict[_Kind, _Model | None] = {}
        self._numbers = count()
        self._columns = _Columns()
        self._kept = 0
        self._unknown: _Kind | None = None
        self._left = _TRIES

    @staticmethod
    def may_be(options: ConvertOptions, rules: RowRules) -> bool:
        """Whether sets of a job may be made so: all is as usual, with no patterns."""
        is_plain = rules.columns.is_plain and not RowPlan.of(options).dialect.marks_text
        return is_plain and options.formats == (Format.CSV,) and not options.max_rejects

    def make(self, plan: SetPlan, directory: str) -> bool:
        """Makes a set in a directory that is not there, if it is like one before.

        False where nothing was done, and the set is to be made as any other, which also meets what
        is wrong with its file. Raises ConversionError and OSError.
        """
        self._unknown = None
        index = plan.files.start
        # What saves a checkpoint needs a set in the making.
        if not self._left or self._state.inputs[index].size > MOST_BYTES or self._state.is_due:
            return False
        read = None
        with suppress(ConversionError), self._files.open(index) as source, source.unchanged():
            read = self._read(source)
        kind = read.kind() if read else None
        if read and kind and (model := self._models.get(kind)):
            if self._write(read, model, plan, directory):
                self._left += 1
                return True
        elif kind and kind not in self._models:
            self._unknown = kind
        self._left -= 1
        return False

    def learn(self, builder: SetBuilder, finished: FinishedSet) -> None:
        """Takes the set that was made because `make` has not made it as what others are like."""
        kind, self._unknown = self._unknown, None
        if kind is None:
            return
        schema = builder.schema
        self._kept += 1 + len(schema.entries)
        if self._kept > _MOST_KEPT:
            self._kept = 1 + len(schema.entries)
            self._models.clear()
        tables = tables_of(schema, self._conversion.options.formats, finished)
        numbers = {table.name: number for number, table in enumerate(schema.tables)}
        model = _Model(
            next(self._numbers),
            schema,
            [
                _Table(
                    numbers[table.name],
                    table.files[Format.CSV][0].file_name,
                    header_bytes(list(table.columns), self._dialect),
                    table,
                )
                for table in tables
            ],
        )
        is_usual = all(len(table.files[Format.CSV]) == 1 for table in tables)
        self._models[kind] = model if is_usual and not builder.note(finished) else None

    def _read(self, source: Source) -> _Read | None:
        """A file as a whole; None where that is not all in one batch, or has a flaw."""
        conversion = self._conversion
        names = conversion.section_names
        reader = RecordReader(source, conversion.limits, conversion.options, names)
        layout = reader.find(self._engine).layout
        flattener = self._flattener
        with closing(reader.batches(flattener.read_ahead, flattener.whole)) as batches:
            batch, made = next(batches, (None, None))
            if batch is None or len(batch.data) > MOST_BYTES:  # as it is expanded
                return None
            made = made or flattener.flatten(batch)
            if made.records < len(batch.spans) or made.is_full or made.few:
                return None
            if len(made.entries) > _MOST_ENTRIES or next(batches, None):
                return None
        start = batch.spans[0][0]
        is_list = batch.text((start, start + 1)) == b"["
        return _Read(layout, is_list, reader.records, source.size, made)

    def _write(self, read: _Read, model: _Model, plan: SetPlan, directory: str) -> bool:
        """Writes a set of a kind, unless it differs from that after all."""
        made = read.made
        rows = {one.table: one for one in made.rows}
        files = dict[str, bytes]()
        for table in model.tables:
            of_table = rows.get(table.number)
            if of_table is None or not self._fits(of_table, table):
                return False
            files[table.file_name] = table.header + of_table.data
        kinds = tuple(made.kinds)
        is_once = len(made.rows) == len(files) and len(kinds) == len({one.table for one in kinds})
        if not is_once or sum(map(len, files.values())) > MOST_BYTES:
            return False
        try:
            os.mkdir(directory)  # noqa: PTH102 - a Path would take as long again
        except FileExistsError:
            return False  # of a set that was begun before a crash
        self._behind.write([(f"{directory}/{name}", text) for name, text in files.items()])
        parts = [
            PartFile(table.facts.name, name, len(rows[table.number].ends), len(text))
            for table, (name, text) in zip(model.tables, files.items(), strict=True)
        ]
        facts = self._facts(read, model, plan, kinds, parts)
        beside = self._finisher.write_beside(directory, facts, (model.number, kinds))
        names = [*files, *(one.file_name for one in beside)]
        unsynced = [*(f"{directory}/{name}" for name in names), directory]
        self._count(read, plan, parts)
        state = self._state
        state.finish_set(plan, plan.named(parts), plan.named(beside), unsynced)
        return True

    def _fits(self, rows: Rows, table: _Table) -> bool:
        has_one_part = 0 < len(rows.ends) <= self._conversion.limits.rows_per_part
        return has_one_part and rows.width == len(table.facts.columns)

    def _facts(
        self,
        read: _Read,
        model: _Model,
        plan: SetPlan,
        kinds: _Kinds,
        parts: Sequence[PartFile],
    ) -> SetFacts:
        """See `SetBuilder.facts`."""
        tables = [
            _with(table.facts, of_columns, part)
            for table, of_columns, part in zip(
                model.tables, self._columns.of(model, kinds), parts, strict=True
            )
        ]
        name = self._conversion.file_names[plan.files.start]
        inputs = [InputFacts(name, read.size, read.records, read.layout)]
        options, dictionary = self._conversion.options, self._finisher.dictionary
        return SetFacts(self._conversion.name, options, inputs, dictionary, model.schema, tables)

    def _count(self, read: _Read, plan: SetPlan, parts: Sequence[PartFile]) -> None:
        state = self._state
        before = state.before_file(plan.files.start, None)
        state.progress = replace(
            before,
            bytes_read=before.bytes_read + read.size,
            records=before.records + read.records,
            rows=before.rows + sum(part.rows for part in parts),
            files_done=before.files_done + 1,
        )
        reach("batch_written")


def _after_links(kinds: Mapping[int, ColumnKinds], links: int) -> Mapping[int, ColumnKinds]:
    """The same by numbers that count link columns, which come first."""
    return {links + column: one for column, one in kinds.items()}


def _with(table: TableFacts, kinds: Mapping[int, ColumnKinds], part: PartFile) -> TableFacts:
    """A table of a kind with the figures of one set."""
    return TableFacts(
        table.name,
        table.parent,
        table.columns,
        table.links,
        kinds,
        {Format.CSV: [part]},
        table.cut,
        table.guarded,
    )
