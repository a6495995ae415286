"""Rows as a profile has them, made of marked ones (docs/spec.md 3.6, 3.15).

A text is in quotes only where it needs them, and lines have the profile's end: so they are those
that an engine would have written at once. For EXCEL_SAFE, cells that Excel would show or run
otherwise are guarded. Rows of the native engine are made by its core, all others here; the bytes
are the same.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import accumulate, groupby, pairwise
from typing import Any, Protocol

from typing_extensions import Buffer

from myd_grpc.convert.batch import Rows
from myd_grpc.convert.dialect import Dialect
from myd_grpc.convert.guard import FORMS, guarded, is_guarded_number, is_guarded_text
from myd_grpc.convert.jsontext.patterns import OR_NOTHING
from myd_grpc.convert.long_row import LONG_BYTES, LongRow

_MUST_QUOTE = re.compile(rb'[",\r\n]')
_WITHIN = rb'(?:[^"]++|""' + OR_NOTHING + rb")*+"
# A text that needs no quotes, or one with its quotes.
_TEXT = re.compile(rb'"([^",\r\n]++)"(?!")|("' + _WITHIN + rb'")')
# A cell with the comma after it: what is within the quotes of a text, or another one.
_CELL = re.compile(rb'(?:"(' + _WITHIN + rb')"|([^",]*+)),')


class PlainRows:
    """Makes rows in a dialect that does not mark texts of marked ones, and counts guarded cells."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._guards: dict[tuple[int, int], int] = {}

    @property
    def guards(self) -> Mapping[tuple[int, int], int]:
        """How many cells were guarded, by the numbers of their table and column, from 0.

        Link columns are the first ones. Names in headers do not count.
        """
        return self._guards

    def snapshot(self) -> list[list[int]]:
        """What was counted, as plain data: a table, a column, and how many cells."""
        return [[table, column, cells] for (table, column), cells in self._guards.items()]

    def restore(self, state: Sequence[Sequence[int]]) -> None:
        """Goes on counting from a snapshot."""
        self._guards = {(table, column): cells for table, column, cells in state}

    def rows(self, marked: Iterable[Rows]) -> Iterator[Rows | LongRow]:
        """The rows that are made of marked ones; their guarded cells count from then on."""
        for rows in marked:
            if len(rows.data) < LONG_BYTES:  # as usual
                yield self._made(rows)
            else:
                yield from map(self._made_alone, _stretches(rows))

    def _made_alone(self, rows: Rows) -> Rows | LongRow:
        """Makes a long row, or those between two of them."""
        if len(rows.ends) > 1 or len(rows.data) < LONG_BYTES:
            return self._made(rows)
        row = LongRow(rows.table, rows.width, memoryview(rows.data), self._dialect)
        self._count(rows.table, row.guards())
        return row

    def _made(self, rows: Rows) -> Rows:
        transform = _transform(type(rows.ends), self._dialect)
        # A row without cells reads as one with an empty one.
        data, ends, guards = transform.rows(rows.data, rows.ends, max(1, rows.width))
        self._count(rows.table, guards)
        return rows._replace(data=memoryview(data), ends=ends)

    def _count(self, table: int, guards: Iterable[int]) -> None:
        for column, cells in enumerate(guards):
            if cells:
                self._guards[table, column] = self._guards.get((table, column), 0) + cells


def _stretches(rows: Rows) -> Iterator[Rows]:
    """Rows as stretches of such as are not long, and the long ones, each alone."""
    sizes = [end - start for start, end in pairwise((0, *rows.ends))]
    if max(sizes) < LONG_BYTES:
        yield rows
        return
    start = 0
    for is_long, stretch in groupby(sizes, lambda size: size >= LONG_BYTES):
        for some in ([size] for size in stretch) if is_long else [list(stretch)]:
            data, ends = memoryview(rows.data)[start : start + sum(some)], array("Q")
            ends.extend(accumulate(some))
            start += len(data)
            yield rows._replace(data=data, ends=ends)


class _Transform(Protocol):
    def rows(
        self, data: Buffer, ends: Any, width: int
    ) -> tuple[Buffer, Sequence[int], Sequence[int]]:
        """The text and the ends of rows that are made of marked ones of so many cells.

        `ends` is as the engine keeps it that has made those. What comes last says for each column
        how many cells were guarded; it is empty where none may be.
        """
        ...


class _PythonTransform:
    def __init__(self, dialect: Dialect) -> None:
        self._line_end = dialect.line_end.encode()
        self._guards_cells = dialect.guards_cells

    def rows(
        self, data: Buffer, ends: Sequence[int], width: int
    ) -> tuple[Buffer, Sequence[int], Sequence[int]]:
        """See `_Transform.rows`."""
        # Where no column is written yet, a row is what one of a single null cell is.
        text, guards = memoryview(data), [0] * (width or 1) if self._guards_cells else []
        made, made_ends, start = bytearray(), array("Q"), 0
        for end in ends:
            row = bytes(text[start : end - 1])
            made += _safe_row(row, guards) if self._guards_cells else _TEXT.sub(rb"\1\2", row)
            made += self._line_end
            made_ends.append(len(made))
            start = end
        return made, made_ends, guards


def _safe_row(row: bytes, guards: list[int]) -> bytes:
    """A row with its cells guarded; counts those."""
    return b",".join(
        _safe_cell(column, cell[1], cell[2], guards)
        for column, cell in enumerate(_CELL.finditer(row + b","))
    )


def _safe_cell(column: int, text: bytes | None, other: bytes, guards: list[int]) -> bytes:
    """A cell, which is a text or another one."""
    if text is None:
        text, is_guarded, plain = other, is_guarded_number(other), other
    else:
        is_guarded = is_guarded_text(text)
        plain = text if text and not _MUST_QUOTE.search(text) else b'"%b"' % text
    guards[column] += is_guarded
    return guarded(text) if is_guarded else plain


_TRANSFORMS: dict[type, Callable[[Dialect], _Transform]] = {}
"""What makes other rows, by how the ends of an engine's rows are kept."""

try:  # the compiled core is optional
    from myd_grpc import _native
except ImportError:
    pass
else:

    def _native_transform(dialect: Dialect) -> _native.PlainRows:
        return _native.PlainRows(dialect.line_end, FORMS if dialect.guards_cells else None)

    _TRANSFORMS[_native.Ends] = _native_transform


@cache
def _transform(ends: type, dialect: Dialect) -> _Transform:
    return _TRANSFORMS.get(ends, _PythonTransform)(dialect)
