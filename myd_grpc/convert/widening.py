"""Rows of a CSV file made longer afterwards, by empty cells at their ends (docs/spec.md 3.5).

A line end within quotes is content. The compiled core makes them where it is there, for any engine:
the bytes are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from typing_extensions import Buffer

# Bytes that a row has at least.
_LEAST_ROW = len(",f1r1\n")


class Widener(Protocol):
    """Appends so many empty cells to rows, whose text comes in pieces of any kind."""

    def pieces(self, text: bytes | memoryview, most_bytes: int) -> Iterator[Buffer]:
        """Longer rows of the next piece, in pieces of about so many bytes, however short rows are.

        A carriage return at its end may wait for the next one.
        """
        ...


class PythonWidener:
    """Without the core.

    Every other section between quote characters is within quotes; a doubled quote makes an empty
    section and so changes nothing.
    """

    def __init__(self, cells: int, line_end: bytes) -> None:
        self._cells = cells
        self._old = line_end
        self._new = b"," * cells + line_end
        self._within = False
        self._rest = b""

    def pieces(self, text: bytes | memoryview, most_bytes: int) -> Iterator[Buffer]:
        """See `Widener.pieces`."""
        step = max(1, most_bytes * _LEAST_ROW // (_LEAST_ROW + self._cells))
        for start in range(0, len(text), step):
            yield self._widen(bytes(text[start : start + step]))

    def _widen(self, piece: bytes) -> bytes:
        piece = self._rest + piece
        cut = len(piece) - (piece[-1:] == b"\r")
        self._rest = piece[cut:]
        sections = piece[:cut].split(b'"')
        outside = slice(int(self._within), None, 2)
        sections[outside] = [s.replace(self._old, self._new) for s in sections[outside]]
        self._within ^= len(sections) % 2 == 0
        return b'"'.join(sections)


WIDENERS: dict[str, Callable[[int, bytes], Widener]] = {"python": PythonWidener}
"""What makes rows longer, by the engine that it belongs to: how many cells, and the line end."""

try:  # the compiled core is optional
    from myd_grpc import _native
except ImportError:
    pass
else:

    class _NativeWidener:
        def __init__(self, cells: int, line_end: bytes) -> None:
            self._core = _native.Widener(cells, line_end)

        def pieces(self, text: bytes | memoryview, most_bytes: int) -> Iterator[Buffer]:
            """See `Widener.pieces`."""
            start = 0
            while start < len(text):
                made, start = self._core.widen(text, start, most_bytes)
                yield made

    WIDENERS["native"] = _NativeWidener


def widened(
    pieces: Iterator[bytes | memoryview], cells: int, line_end: bytes, most_bytes: int
) -> Iterator[bytes | memoryview]:
    """The text of rows with so many empty cells more in each, in pieces of about so many bytes."""
    if not cells:
        return pieces
    widener = WIDENERS.get("native", PythonWidener)(cells, line_end)
    return (memoryview(longer) for piece in pieces for longer in widener.pieces(piece, most_bytes))
