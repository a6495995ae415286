"""Bytes of a stage in pieces of a size that suits whoever takes them."""

from __future__ import annotations

from myd_grpc.convert.input.stage import Pull

_FIRST, _MOST = 4 << 10, 128 << 10

GATHERED = 64 << 10
"""Bytes that are worth the while to hand on."""


class Pieces:
    """Gives what a stage gives in pieces, and takes back the end of the last one.

    They are short at first, and again after that: what is given twice is copied twice. `offset` is
    how many bytes were given and not taken back.
    """

    def __init__(self, pull: Pull) -> None:
        self._pull = pull
        self._held = b""
        self._given = 0
        self._size = _FIRST
        self.offset = 0

    def next(self) -> bytes:
        """The next piece, none at the end."""
        if self._given == len(self._held):
            self._held, self._given = self._pull(), 0
        piece = self._held[self._given : self._given + self._size]
        self._given += len(piece)
        self.offset += len(piece)
        self._size = min(2 * self._size, _MOST)
        return piece

    def take_back(self, size: int) -> None:
        """Has so many bytes, the end of the last piece, be the next ones once more."""
        self._given -= size
        self.offset -= size
        self._size = _FIRST


class Gathered:
    """Gives what a stage gives, at least so many bytes at a time if there are.

    It may be in very small pieces, and whatever is done with one costs something by itself.
    """

    def __init__(self, pull: Pull, least: int) -> None:
        self._pull = pull
        self._least = least
        self._failure: Exception | None = None

    def read(self) -> bytes:
        """The next bytes, none at the end; raises what the stage does, after what came before."""
        if self._failure:
            raise self._failure
        first = self._pull()
        if not first or len(first) >= self._least:
            return first
        pieces, size = [first], len(first)
        try:
            while size < self._least and (piece := self._pull()):
                pieces.append(piece)
                size += len(piece)
        except Exception as error:  # noqa: BLE001 - it is raised after that
            self._failure = error
        return b"".join(pieces)
