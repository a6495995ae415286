"""CSV text as docs/spec.md 3.6 has it: cells, lines, and lines made longer afterwards.

In a *marked* line every text is in quotes, also where it needs none. A cell is a text if it is a
`str`, and not of a class of its own, and is not the empty cell of null.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from myd_grpc.convert.dialect import Dialect
from myd_grpc.convert.guard import guarded, is_guarded_text

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


def header_bytes(names: Row, dialect: Dialect) -> bytes:
    """What a file begins with: the names of its columns, which are texts."""
    return dialect.byte_order_mark + texts_bytes(names, dialect)


def texts_bytes(texts: Row, dialect: Dialect) -> bytes:
    """A row of texts, with its line end; an empty text is null."""
    if dialect.guards_cells:
        text = ",".join(map(_safe, texts))
    else:
        text = marked_line(texts) if dialect.marks_text else line(texts)
    return (text + dialect.line_end).encode()


def _safe(name: str) -> str:
    text = name.replace('"', '""').encode()
    return guarded(text).decode() if is_guarded_text(text) else quoted(name)


def marked_line(row: Row) -> str:
    """The text of a marked row without a line end."""
    return ",".join(map(_marked, row))


def long_line(row: Row) -> bytes:
    """The text of a row without a line end, as bytes: a long row is never held as one str."""
    return b",".join(_encoded(cell, bool(_MUST_QUOTE.search(cell))) for cell in row)


def long_marked_line(row: Row) -> bytes:
    """The text of a marked row without a line end, as bytes."""
    return b",".join(_encoded(cell, bool(cell) and type(cell) is str) for cell in row)


def _marked(cell: str) -> str:
    if not cell or type(cell) is not str or cell is EMPTY_STRING:
        return cell
    return '"' + cell.replace('"', '""') + '"'


def _encoded(cell: str, in_quotes: bool) -> bytes:
    if cell is EMPTY_STRING or not in_quotes:
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
