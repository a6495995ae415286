"""The tables of an output set: what their columns are, and what tables and columns are called.

A schema only ever grows, and it grows in document order. So it is kept as a log of entries; the
log's length says which state of the schema something was made for, and the log is all that must
be remembered to rebuild it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from myd_grpc.convert.errors import ConversionError, Reason

KeyPath = tuple[str, ...]
"""Keys from a row's object down to a value; a repeated key has its `~n` already."""

ROOT_LINKS = ("_record_id", "_row_id")
CHILD_LINKS = ("_record_id", "_row_id", "_parent_row_id")
"""The columns each table starts with (SPEC section 3.3)."""


@dataclass(frozen=True, slots=True)
class NewTable:
    """A list at `path` in a row of table number `parent` became a table: the next number."""

    parent: int
    path: KeyPath


@dataclass(frozen=True, slots=True)
class NewColumn:
    """A value at `path` in a row of table number `table` became that table's next column."""

    table: int
    path: KeyPath


Entry = NewTable | NewColumn


class FreeNames:
    """Hands out names that differ: the wanted one, or the next free `~2`, `~3`, … of it.

    For a name that is wanted again and again, it does not begin to try anew each time.
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        # Each name in use, with the last number that was tried for it.
        self._tried = dict.fromkeys(taken, 1)

    def claim(self, wanted: str) -> str:
        """A name for what would like to be called `wanted`."""
        name, number = wanted, self._tried.get(wanted, 1)
        while name in self._tried:
            number += 1
            name = f"{wanted}~{number}"
        self._tried[wanted] = number
        self._tried.setdefault(name, 1)
        return name


@dataclass(slots=True)
class Table:
    """A table with the names of all its columns, link columns first."""

    name: str
    columns: list[str]
    names: FreeNames = field(repr=False)


class Schema:
    """All tables, numbered from 0 (the root table) in the order of their first appearance."""

    def __init__(self, root: str, max_tables: int, max_columns: int) -> None:
        self.entries: list[Entry] = []
        self.tables = [Table(root, list(ROOT_LINKS), FreeNames(ROOT_LINKS))]
        self._names = FreeNames([root])
        self._max_tables = max_tables
        self._max_columns = max_columns

    def adopt(self, entries: Iterable[Entry]) -> None:
        """Adds new tables and columns in document order; raises ConversionError LIMIT_EXCEEDED."""
        for entry in entries:
            if isinstance(entry, NewTable):
                self._add_table(entry)
            else:
                self._add_column(self.tables[entry.table], entry.path)
            self.entries.append(entry)

    def _add_table(self, entry: NewTable) -> None:
        if len(self.tables) >= self._max_tables:
            raise ConversionError(
                Reason.LIMIT_EXCEEDED, f"the set has more than {self._max_tables} tables"
            )
        wanted = f"{self.tables[entry.parent].name}.{shown(entry.path)}"
        name = self._names.claim(wanted)
        self.tables.append(Table(name, list(CHILD_LINKS), FreeNames(CHILD_LINKS)))

    def _add_column(self, table: Table, path: KeyPath) -> None:
        if len(table.columns) >= self._max_columns:
            raise ConversionError(
                Reason.LIMIT_EXCEEDED,
                f"table {table.name} has more than {self._max_columns} columns",
            )
        table.columns.append(table.names.claim(shown(path)))


def shown(path: KeyPath) -> str:
    """A path as a name: its keys joined with dots, an empty key as an underscore."""
    return ".".join(key or "_" for key in path)


def next_free(wanted: str, is_taken: Callable[[str], bool]) -> str:
    """`wanted`, or the first of `wanted~2`, `wanted~3`, … that is not taken (SPEC section 3.5)."""
    name, number = wanted, 1
    while is_taken(name):
        number += 1
        name = f"{wanted}~{number}"
    return name
