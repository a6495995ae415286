"""How large an output set may get: so many times its input, whatever the records are like.

A long id is in every row of its record, and an empty row may cost something for every column. What
counts is how large the set would be if it ended now, with every row as wide as its table. That only
ever grows: a set that would be too large is noticed before it is written, and at the same record
whatever the size of a batch. What a table takes, its writers know.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from copy import copy
from itertools import repeat
from typing import NamedTuple

from myd_grpc.convert.batch import Appended, Fragment, Rows
from myd_grpc.convert.columns.rules import PARENT_ROW_ID, RECORD_ID, ROW_ID
from myd_grpc.convert.csvtext import line
from myd_grpc.convert.jsontext.patterns import OR_NOTHING
from myd_grpc.convert.output.writer import Extent
from myd_grpc.convert.schema import Entry, NewColumn, Schema, Table

FREE_BYTES = 1 << 30
"""Bytes that every set may have, however small its input is."""

_RECORD_ID = rb'(?:"(?:[^"]++|""' + OR_NOTHING + rb')*+"|[^",]*+),'
# The number of its record in a row's `_row_id`, or in that of its parent.
_ROW_ID = rb'"?f\d+r(\d+)'
_IDS = {True: re.compile(_RECORD_ID + _ROW_ID), False: re.compile(_ROW_ID)}
"""What rows begin with, by whether that is their `_record_id`."""


class TooLargeError(Exception):
    """The record at `index` in its batch makes the set too large."""

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.index = index


class _Change(NamedTuple):
    """What a record brought to a table: rows with cells in `data` bytes, and columns."""

    table: int
    rows: int = 0
    cells: int = 0
    data: int = 0
    columns: int = 0


class Growth:
    """The size of the set whose schema it is, which may have `most_bytes`.

    `size_of` says how many bytes a table takes as it is.
    """

    def __init__(self, schema: Schema, size_of: Callable[[Extent], int], most_bytes: int) -> None:
        self._schema = schema
        self._size_of = size_of
        self._most_bytes = most_bytes
        self._tables: list[Extent] = []
        # Of each table, and of all, and of what is listed beside them.
        self._sizes: list[int] = []
        self._size = 0
        # What the tables' headers take, and the most columns and bytes of names of one of them.
        self._bounds: tuple[int, int, int] | None = None

    def snapshot(self) -> tuple[Extent, ...]:
        """How large each table is."""
        return tuple(map(copy, self._tables))

    def restore(self, tables: Iterable[Extent], listed: int) -> None:
        """Begins with tables that large, for a schema that is as it was then, and what was listed.

        The last is in bytes.
        """
        self._tables = list(map(copy, tables))
        self._bounds = None
        self._sizes = list(map(self._size_of, self._tables))
        self._size = sum(self._sizes) + listed

    @property
    def rows(self) -> int:
        """The rows of all tables that are not left out."""
        return sum(
            extent.rows
            for table, extent in zip(self._schema.tables, self._tables, strict=False)
            if table.is_written
        )

    def add(self, fragment: Fragment, first: int) -> None:
        """Adds a fragment, whose columns the schema has adopted; raises TooLargeError.

        `first` is the number of its batch's first record.
        """
        self._make_room()
        for number in set(_widened(fragment.entries)):
            self._widen(number)
        for rows in fragment.rows:
            self._add_rows(rows)
        if self._size > self._most_bytes:
            raise TooLargeError(self._culprit(fragment, first))

    def has_room_for(self, rows: int, data: int) -> bool:
        """Whether so many rows, with so many bytes, surely fit, whatever tables they are of.

        That is so if they fit with a new part of every table, and as rows of the widest.
        """
        if self._bounds is None:
            names = [table.names for table in self._tables]
            headers = sum(self._size_of(Extent(rows=1, names=one)) for one in names)
            columns = max((table.columns for table in self._tables), default=0)
            self._bounds = headers, columns, max(names, default=0)
        headers, columns, name_bytes = self._bounds
        widest = Extent(rows=rows, data=data, columns=columns, names=name_bytes)
        return self._size + headers + self._size_of(widest) <= self._most_bytes

    def take(self, rows: Iterable[Rows]) -> None:
        """Adds rows for which there was room."""
        for some in rows:
            self._add_rows(some)

    def add_listed(self, data: int) -> bool:
        """Adds so many bytes that a record left out is listed with; whether there is room."""
        self._size += data
        return self._size <= self._most_bytes

    def take_appended(self, appended: Iterable[Appended]) -> None:
        """Adds rows for which there was room, with a cell for each column of their tables."""
        for number, rows, size in appended:
            self._count(number, rows, self._tables[number].columns, size)

    def _add_rows(self, rows: Rows) -> None:
        self._count(rows.table, len(rows.ends), rows.width, len(rows.data))

    def _count(self, number: int, rows: int, width: int, size: int) -> None:
        table = self._tables[number]
        table.rows += rows
        table.cells += rows * width
        table.data += size
        self._measure(number)

    def _make_room(self) -> None:
        for number in range(len(self._tables), len(self._schema.tables)):
            self._tables.append(Extent())
            self._sizes.append(0)
            self._bounds = None
            self._widen(number)

    def _widen(self, number: int) -> None:
        """Brings a table to the columns that the schema has."""
        table, names = self._tables[number], self._schema.tables[number].written
        if table.columns < len(names):
            self._bounds = None
            table.names += _bytes(names[table.columns :])
            table.columns = len(names)
            if table.rows:  # else it takes nothing
                self._measure(number)

    def _measure(self, number: int) -> None:
        """Counts a table as it is now."""
        size = self._size_of(self._tables[number])
        self._size += size - self._sizes[number]
        self._sizes[number] = size

    def _culprit(self, fragment: Fragment, first: int) -> int:
        """The index of the record up to which the set would not be too large without it."""
        changes = self._changes(fragment, first)
        for index in sorted(changes, reverse=True):
            for change in changes[index]:
                self._take_back(change)
            if self._size <= self._most_bytes:
                return index
        return min(changes)

    def _take_back(self, change: _Change) -> None:
        table, names = self._tables[change.table], self._schema.tables[change.table].written
        table.rows -= change.rows
        table.cells -= change.cells
        table.data -= change.data
        if change.columns:
            table.columns -= 1
            table.names -= _bytes([names[table.columns]])
        self._measure(change.table)

    def _changes(self, fragment: Fragment, first: int) -> dict[int, list[_Change]]:
        """What each record of a fragment brought, by its index in the batch."""
        changes = defaultdict[int, list[_Change]](list)
        written = {
            number: iter(self._schema.tables[number].treatments[-count:])
            for number, count in Counter(_widened(fragment.entries)).items()
        }
        for entry, index in zip(fragment.entries, fragment.origins, strict=True):
            if isinstance(entry, NewColumn) and next(written[entry.owner]).stays:
                changes[index].append(_Change(entry.owner, columns=1))
        for rows in fragment.rows:
            start = 0
            indices = _records(rows, self._schema.tables[rows.table], fragment.records, first)
            for end, index in zip(rows.ends, indices, strict=True):
                changes[index].append(_Change(rows.table, 1, rows.width, end - start))
                start = end
        return changes


def _widened(entries: Iterable[Entry]) -> Iterator[int]:
    """The tables that got columns, as often as they did."""
    return (entry.owner for entry in entries if isinstance(entry, NewColumn))


def _records(rows: Rows, table: Table, records: int, first: int) -> Iterator[int]:
    """The index of the record of each row, of so many records in a fragment.

    Where no row id is written, rows of records are those of the last ones, and all others count as
    the last one's.
    """
    links = table.written[: table.written_links]
    if ROW_ID in links or PARENT_ROW_ID in links:
        ids = _IDS[RECORD_ID in links]
        start = 0
        for end in rows.ends:
            found = ids.match(rows.data, start)
            yield int(found[1]) - first  # type: ignore[index] # every row has them
            start = end
    elif rows.table == 0:
        yield from range(records - len(rows.ends), records)
    else:
        yield from repeat(max(0, records - 1), len(rows.ends))


def _bytes(names: list[str]) -> int:
    """What columns take of a header, with the comma or line end after each."""
    return len(line(names).encode()) + 1
