"""CSV text as docs/spec.md 3.6 has it: cells and lines.

In a *marked* line every text is in quotes, also where it needs none. A cell is a text if it is a
`str`, and not of a class of its own, and is not the empty cell of null.
"""

from __future__ import annotations

import re

from myd_grpc.convert.dialect import Dialect
from myd_grpc.convert.guard import guarded, is_guarded_text

Row = list[str]

EMPTY_STRING = str(b'""', "ascii")
"""The cell of an empty string. Known by identity: the string `""` in the data is another object."""

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
