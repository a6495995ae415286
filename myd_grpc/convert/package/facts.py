"""What is known of a finished set, as all files beside its tables tell it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, repeat
from typing import TypeAlias

from myd_grpc.convert.columns.rules import PARENT_ROW_ID, ROW_ID
from myd_grpc.convert.kinds import ColumnKinds
from myd_grpc.convert.model import PartFile
from myd_grpc.convert.output.finishing import FinishedTable
from myd_grpc.convert.output.set_writer import FinishedSet
from myd_grpc.convert.package.column_types import FieldType, field_type
from myd_grpc.convert.schema import Schema
from myd_grpc.dictionary import Dictionary
from myd_grpc.options import ConvertOptions, Format, Layout

_KEYS = frozenset({ROW_ID, PARENT_ROW_ID})


Counts: TypeAlias = tuple[int, int, int]
"""How many cells of a column are values, null, and the empty string."""


@dataclass(frozen=True, slots=True)
class InputFacts:
    """An input file: its name in the data directory, its bytes as it lies, and how it was read.

    Of its `records`, so many `rejects` were left out.
    """

    name: str
    size: int
    records: int
    layout: Layout
    rejects: int = 0


@dataclass(frozen=True, slots=True)
class TableFacts:
    """A table and its files.

    `columns` are those of the header, of which the first `links` are link columns (docs/spec.md
    3.3). `kinds` has those that have values, by their index in `columns`, and no link column.
    `parent` is the index of the parent table in the set's, None for the root table and where one of
    the columns is left out that tell of which row it is. `files` has them by format, in the order
    of the set's. `cut` and `guarded` say how many cells were cut short and guarded, by the index of
    their column.
    """

    name: str
    parent: int | None
    columns: Sequence[str]
    links: int
    kinds: Mapping[int, ColumnKinds]
    files: Mapping[Format, Sequence[PartFile]]
    cut: Mapping[int, int]
    guarded: Mapping[int, int]

    def may_be_null(self, index: int) -> bool:
        """Whether a column may have rows without a value: all but those that tell rows apart."""
        return may_be_null(self.columns[index], is_link=index < self.links)

    @property
    def has_row_ids(self) -> bool:
        """Whether its rows have ids, which tell them apart."""
        return ROW_ID in self.columns[: self.links]

    @property
    def types(self) -> tuple[FieldType, ...]:
        """The types of columns; a cell that is guarded is a formula, thus text."""
        found = {index: field_type(kinds) for index, kinds in self.kinds.items()}
        found |= dict.fromkeys(self.guarded, FieldType.STRING)
        return tuple(map(found.get, range(len(self.columns)), repeat(FieldType.STRING)))

    def all_files(self) -> Iterator[PartFile]:
        """Those of all formats."""
        return chain.from_iterable(self.files.values())

    @property
    def rows(self) -> int:
        """The rows in all files of a format, of which each has all."""
        return sum(file.rows for file in next(iter(self.files.values())))


def may_be_null(name: str, *, is_link: bool) -> bool:
    """Whether a column may have rows without a value, see `TableFacts.may_be_null`."""
    return not is_link or name not in _KEYS


@dataclass(frozen=True, slots=True)
class Checksums:
    """The SHA-256 of each input, and of each file of a set by its name, as hex digits.

    `columns` says what cells there are of each column of each table.
    """

    inputs: Sequence[str]
    files: Mapping[str, str]
    columns: Sequence[Sequence[Counts]]


@dataclass(frozen=True, slots=True)
class SetFacts:
    """A set: what it was made of, as what, and its tables, each after its parent.

    `dictionary` is what is known of columns (docs/spec.md 3.11). There are `checksums` if they were
    asked for. `masked` says how many cells were masked, by the numbers of their table and column in
    the schema, see `MaskedCells`. `key_fingerprint` tells the key of pseudonyms from others, "" for
    none.
    """

    name: str
    options: ConvertOptions
    inputs: Sequence[InputFacts]
    dictionary: Dictionary
    schema: Schema
    tables: Sequence[TableFacts]
    checksums: Checksums | None = None
    masked: Mapping[tuple[int, int], int] = field(default_factory=dict)
    key_fingerprint: str = ""

    @property
    def rejects(self) -> int:
        """How many records were left out (docs/spec.md 11.8)."""
        return sum(one.rejects for one in self.inputs)


def tables_of(schema: Schema, formats: Sequence[Format], finished: FinishedSet) -> list[TableFacts]:
    """The tables of a finished set in these formats."""
    files = _by_format(finished.files)
    names = [table.name for table in schema.tables]
    parents = {
        name: "" if parent is None else names[parent]
        for name, parent in zip(names, schema.parents, strict=True)
    }
    numbers = {table.name: number for number, table in enumerate(finished.rows.tables)}
    cut, guarded = _by_table(finished.cut), _by_table(finished.guarded)
    return [
        TableFacts(
            table.name,
            _parent(table, numbers.get(parents[table.name]), finished.rows.tables),
            table.columns,
            table.links,
            table.kinds,
            {one: files[table.name, one.ending] for one in formats},
            cut[number],
            guarded[number],
        )
        for number, table in enumerate(finished.rows.tables)
    ]


def _parent(
    table: FinishedTable, parent: int | None, tables: Sequence[FinishedTable]
) -> int | None:
    """The parent's index, if rows of a table tell of which row of it they are."""
    if parent is None or PARENT_ROW_ID not in table.columns[: table.links]:
        return None
    of_parent = tables[parent]
    return parent if ROW_ID in of_parent.columns[: of_parent.links] else None


def _by_format(files: Iterable[PartFile]) -> Mapping[tuple[str, str], list[PartFile]]:
    """The files of each table and format, which the ending of their names tells."""
    found = defaultdict[tuple[str, str], list[PartFile]](list)
    for file in files:
        found[file.table, file.file_name[file.file_name.rindex(".") :]].append(file)
    return found


def _by_table(counts: Mapping[tuple[int, int], int]) -> Mapping[int, Mapping[int, int]]:
    """Counts by table, and in each by column, in order."""
    found = defaultdict[int, dict[int, int]](dict)
    for (table, column), count in sorted(counts.items()):
        found[table][column] = count
    return found
