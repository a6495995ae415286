"""CSV text as docs/spec.md 3.6 has it: cells, lines, and lines made longer afterwards."""

from __future__ import annotations

import re
from collections.abc import Iterator

Row = list[str]

EMPTY_STRING = str(b'""', "ascii")
"""The cell of an empty string. Known by identity: the string `""` in the data is another object."""

# Bytes that a row has at least.
_LEAST_ROW = len(",f1r1\n")
_MUST_QUOTE = re.compile('[",\r\n]')


def line(row: Row) -> str:
    """The text of a row without a line end."""
    text = ",".join(row)
    # Most rows need no quotes, and one look at the whole row shows it.
    if text.count(",") != len(row) - 1 or '"' in text or "\n" in text or "\r" in text:
        text = ",".join(map(quoted, row))
    return text


def long_line(row: Row) -> bytes:
    """The text of a row without a line end, as bytes: a long row is never held as one str."""
    return b",".join(map(_encoded, row))


def _encoded(cell: str) -> bytes:
    if cell is EMPTY_STRING or not _MUST_QUOTE.search(cell):
        return cell.encode()
    return b'"%b"' % cell.encode().replace(b'"', b'""')


def quoted(cell: str) -> str:
    """A cell in quotes if it needs them."""
    if cell is EMPTY_STRING or not _MUST_QUOTE.search(cell):
        return cell
    return '"' + cell.replace('"', '""') + '"'


class Widener:
    """Appends empty cells to rows given piece by piece.

    A line end within quotes is content. Every other section between quote characters is within
    quotes; a doubled quote makes an empty section and so changes nothing.
    """

    def __init__(self, cells: int, line_end: bytes) -> None:
        self._cells = cells
        self._old = line_end
        self._new = b"," * cells + line_end
        self._within = False
        self._rest = b""

    def pieces(self, text: bytes | memoryview, most_bytes: int) -> Iterator[bytes]:
        """Longer rows in pieces of about so many bytes, of however short ones they are made."""
        step = max(1, most_bytes * _LEAST_ROW // (_LEAST_ROW + self._cells))
        for start in range(0, len(text), step):
            yield self.widen(bytes(text[start : start + step]))

    def widen(self, piece: bytes) -> bytes:
        """The piece with longer rows; a CR at its end waits for the next piece."""
        if not self._cells:
            return piece
        piece = self._rest + piece
        cut = len(piece) - (piece[-1:] == b"\r")
        self._rest = piece[cut:]
        sections = piece[:cut].split(b'"')
        outside = slice(int(self._within), None, 2)
        sections[outside] = [s.replace(self._old, self._new) for s in sections[outside]]
        self._within ^= len(sections) % 2 == 0
        return b'"'.join(sections)
