"""Cuts the text of a file of rows into pieces of whole rows, however long rows are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

_TAIL = 64 << 10
"""Bytes at the end of a piece that usually have a row's end among them."""


def whole_rows(file: BinaryIO, size: int) -> Iterator[bytes]:
    """The rest of a file of rows (docs/spec.md 3.6), in pieces that end where a row does.

    Pieces have about `size` bytes, and more where a row has. A last row without an end comes too.
    """
    held, within = list[bytes | memoryview](), False
    while piece := file.read(size):
        within ^= piece.count(b'"') % 2 == 1
        if end := _last_row_end(piece, within=within):
            held.append(memoryview(piece)[:end])
            yield _taken(held)
            piece = piece[end:]
        held.append(piece)
    if any(held):
        yield _taken(held)


def _taken(held: list[bytes | memoryview]) -> bytes:
    """What was held, as one, and held no more: of a long row, a copy more counts."""
    whole = b"".join(held)
    held.clear()
    return whole


def _last_row_end(piece: bytes, *, within: bool) -> int:
    """Where the last row in a piece ends, 0 if none does; `within` quotes is where it stops."""
    for size in (_TAIL, len(piece)):
        start = max(0, len(piece) - size)
        # Two quotes in a row end and begin quotes where nothing is. Without them, what is full of
        # them is looked through at once; all else stays where it is.
        tail = piece[start:].replace(b'""', b"  ")
        if end := _row_end_outside_quotes(tail, within=within):
            return start + end
    return 0


def _row_end_outside_quotes(tail: bytes, *, within: bool) -> int:
    stop = len(tail)
    while stop > 0:
        quote = tail.rfind(b'"', 0, stop)
        if not within and (end := tail.rfind(b"\n", quote + 1, stop) + 1):
            return end
        within, stop = not within, quote
    return 0
