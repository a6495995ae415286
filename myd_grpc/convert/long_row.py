"""A long row, made of a marked one while it is written: two of it would take too much memory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from myd_grpc.convert.dialect import Dialect
from myd_grpc.convert.guard import guarded_pieces, is_guarded_number, is_guarded_text
from myd_grpc.convert.jsontext.patterns import OR_NOTHING

LONG_BYTES = 8 << 20
"""Bytes from which on a row is long."""

_PIECE = 1 << 20
# A cell with what comes after it: what is within the quotes of a text, or another one.
_CELL = re.compile(rb'(?:"((?:[^"]++|""' + OR_NOTHING + rb')*+)"|([^",\n]*+))[,\n]')
_MUST_QUOTE = re.compile(rb'[",\r\n]')


@dataclass(frozen=True, slots=True)
class LongRow:
    """The row of a table in a dialect that does not mark texts; it has `width` cells.

    `marked` is the row that it is made of, with its line feed.
    """

    table: int
    width: int
    marked: memoryview
    dialect: Dialect

    def __len__(self) -> int:
        """About how many bytes it has."""
        return len(self.marked)

    def guards(self) -> list[int]:
        """How many cells of each column are guarded."""
        return [int(is_guarded) for _, _, is_guarded in self._cells()]

    def pieces(self) -> Iterator[bytes | memoryview]:
        """Its text, in pieces that are short, or parts of the marked row."""
        some = bytearray()
        for column, (text, is_text, is_guarded) in enumerate(self._cells()):
            some += b"," if column else b""
            for piece in _cell(text, is_text, is_guarded):
                if len(some) + len(piece) > _PIECE:
                    yield bytes(some)
                    some.clear()
                if len(piece) > _PIECE:
                    yield piece
                else:
                    some += piece
        yield bytes(some) + self.dialect.line_end.encode()

    def _cells(self) -> Iterator[tuple[memoryview, bool, bool]]:
        """What each cell holds, whether that is a text, and whether it is guarded."""
        for cell in _CELL.finditer(self.marked):
            is_text = cell.start(1) >= 0
            start, end = cell.span(1 if is_text else 2)
            text = self.marked[start:end]
            is_guarded = is_guarded_text if is_text else is_guarded_number
            yield text, is_text, self.dialect.guards_cells and is_guarded(text)


def _cell(text: memoryview, is_text: bool, is_guarded: bool) -> Iterator[bytes | memoryview]:
    if is_guarded:
        yield from guarded_pieces(text)
    elif is_text and (not text or _MUST_QUOTE.search(text)):
        yield from (b'"', text, b'"')
    else:
        yield text
