"""How large an output set may get: so many times its input, whatever the records are like.

A long id is in every row of its record, and an empty row has a comma for every column. What counts
is how large the set would be if it ended now, with every row as wide as its table. That only ever
grows: a set that would be too large is noticed before it is written, and at the same record
whatever the size of a batch.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from myd_grpc.convert.batch import Fragment, Rows
from myd_grpc.convert.csvtext import line
from myd_grpc.convert.jsontext.patterns import OR_NOTHING
from myd_grpc.convert.output.parts import Part
from myd_grpc.convert.schema import NewColumn, Schema
from myd_grpc.options import Profile

FREE_BYTES = 1 << 30
"""Bytes that every set may have, however small its input is."""

# A row's `_record_id`, and the number of its record in its `_row_id`.
_IDS = re.compile(rb'(?:"(?:[^"]++|""' + OR_NOTHING + rb')*+"|[^",]*+),f\d+r(\d+)')


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


@dataclass(slots=True)
class _Table:
    """A table's rows, and its columns, whose `header` takes so many bytes of each part."""

    rows: int = 0
    cells: int = 0
    data: int = 0
    columns: int = 0
    header: int = 0

    def size(self, rows_per_part: int) -> int:
        """The bytes of all its parts, every row as wide as the table."""
        headers = self.parts(rows_per_part) * self.header
        return headers + self.data + self.rows * self.columns - self.cells

    def parts(self, rows_per_part: int) -> int:
        """How many parts it has."""
        return -(-self.rows // rows_per_part)

    def change(self, rows: int, cells: int, data: int) -> None:
        """Adds so many of each; negative numbers take them away."""
        self.rows += rows
        self.cells += cells
        self.data += data


class Growth:
    """The size of the set whose schema it is, which may have `most_bytes`."""

    def __init__(
        self, schema: Schema, profile: Profile, rows_per_part: int, most_bytes: int
    ) -> None:
        self._schema = schema
        # What a part's header has beside names with a byte after each.
        self._beside = len(profile.byte_order_mark) + len(profile.line_end) - 1
        self._rows_per_part = rows_per_part
        self._most_bytes = most_bytes
        self._tables: list[_Table] = []
        self._size = 0

    def restore(self, parts: Iterable[Part]) -> None:
        """Begins with parts that are written, for a schema that is as it was then."""
        self._make_room()
        for part in parts:
            for one in part.segments:
                self._tables[part.table].change(one.rows, one.rows * one.width, one.size)
        self._size = self._size_of(range(len(self._tables)))

    def add(self, fragment: Fragment, first: int) -> None:
        """Adds a fragment, whose columns the schema has adopted; raises TooLargeError.

        `first` is the number of its batch's first record.
        """
        self._make_room()
        widened = {entry.owner for entry in fragment.entries if isinstance(entry, NewColumn)}
        for number in widened:
            self._size -= self._tables[number].size(self._rows_per_part)
            self._widen(number)
            self._size += self._tables[number].size(self._rows_per_part)
        for rows in fragment.rows:
            self._add_rows(rows)
        if self._size > self._most_bytes:
            raise TooLargeError(self._culprit(fragment, first))

    def _add_rows(self, rows: Rows) -> None:
        table, count = self._tables[rows.table], len(rows.ends)
        before = table.parts(self._rows_per_part)
        table.change(count, count * rows.width, len(rows.data))
        parts = table.parts(self._rows_per_part) - before
        self._size += parts * table.header + len(rows.data) + count * (table.columns - rows.width)

    def _make_room(self) -> None:
        for number in range(len(self._tables), len(self._schema.tables)):
            self._tables.append(_Table(header=self._beside))
            self._widen(number)

    def _size_of(self, tables: Iterable[int]) -> int:
        return sum(self._tables[table].size(self._rows_per_part) for table in tables)

    def _widen(self, number: int) -> None:
        """Brings a table to the columns that the schema has."""
        table, names = self._tables[number], self._schema.tables[number].columns
        if table.columns < len(names):
            table.header += _bytes(names[table.columns :])
            table.columns = len(names)

    def _culprit(self, fragment: Fragment, first: int) -> int:
        """The index of the record up to which the set would not be too large without it."""
        changes = _changes(fragment, first)
        for index in sorted(changes, reverse=True):
            for change in changes[index]:
                self._take_back(change)
            if self._size <= self._most_bytes:
                return index
        return min(changes)

    def _take_back(self, change: _Change) -> None:
        number = change.table
        table, names = self._tables[number], self._schema.tables[number].columns
        self._size -= table.size(self._rows_per_part)
        table.change(-change.rows, -change.cells, -change.data)
        if change.columns:
            table.columns -= 1
            table.header -= _bytes([names[table.columns]])
        self._size += table.size(self._rows_per_part)


def _changes(fragment: Fragment, first: int) -> dict[int, list[_Change]]:
    """What each record of a fragment brought, by its index in the batch."""
    changes = defaultdict[int, list[_Change]](list)
    for entry, index in zip(fragment.entries, fragment.origins, strict=True):
        if isinstance(entry, NewColumn):
            changes[index].append(_Change(entry.owner, columns=1))
    for rows in fragment.rows:
        start = 0
        for end in rows.ends:
            ids = _IDS.match(rows.data, start)
            index = int(ids[1]) - first  # type: ignore[index] # every row has them
            changes[index].append(_Change(rows.table, 1, rows.width, end - start))
            start = end
    return changes


def _bytes(names: list[str]) -> int:
    """What columns take of a header, with the comma or line end after each."""
    return len(line(names).encode()) + 1
