"""Reads the text of a file that has to be read from its start, some of it ahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from myd_grpc.convert.input.ahead import Ahead
from myd_grpc.convert.input.chain import Chain

_SMALL = 64 << 10
"""A file of no more bytes is read by the time that a thread has begun."""


class TextReader:
    """Gives text, and tells how far the file was read for it.

    `begin` gives the stages from the start, and what tells how far they have read a file of so many
    bytes. Close it before the file, and before another one is begun.
    """

    def __init__(self, begin: Callable[[], tuple[Chain, Callable[[], int]]], size: int) -> None:
        self._begin = begin
        self._is_small = size <= _SMALL
        self._ahead: Ahead[tuple[bytes, int]] | None = None
        self._next: Callable[[], tuple[bytes, int]] | None = None
        self._failure: Exception | None = None
        # Where pieces of text end, and how far the file was read for each.
        self._ends: deque[tuple[int, int]] = deque()
        self._offset = 0
        self._reached = 0

    def read(self) -> bytes:
        """The next text, none at the end; raises what the stages do, again and again."""
        if self._failure:
            raise self._failure
        if self._next is None:
            self._next = self._started()
        try:
            text, position = self._next()
        except Exception as error:
            self._failure = error
            raise
        self._offset += len(text)
        self._ends.append((self._offset, position))
        return text

    def reached(self, offset: int) -> int:
        """How far the file was read for the text up to an offset; no less than before."""
        ends = self._ends
        while ends and ends[0][0] <= offset:
            self._reached = max(self._reached, ends.popleft()[1])
        return self._reached

    def close(self) -> None:
        """Reads nothing any more."""
        if self._ahead:
            self._ahead.close()

    def _started(self) -> Callable[[], tuple[bytes, int]]:
        chain, position = self._begin()

        def make() -> tuple[bytes, int]:
            return chain.read(), position()

        if self._is_small:
            return make
        try:
            self._ahead = Ahead(make)
        except BlockingIOError:  # each piece is made when it is wanted
            return make
        return self._ahead.next
