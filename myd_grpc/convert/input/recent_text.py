"""Text that was read lately, and may be read once more."""

from __future__ import annotations

from collections import deque
from threading import Lock

from myd_grpc.convert.input.stage import Pull

_MOST = 16 << 20
"""Bytes that are held at most."""


class RecentText:
    """Gives text, and holds the last of it while that is wanted.

    One reads, and another one may say meanwhile what is no longer wanted.
    """

    def __init__(self, pull: Pull) -> None:
        self._pull = pull
        self._lock = Lock()
        # What was given and is held, and what of it comes once more.
        self._held = deque[bytes]()
        self._again = deque[bytes]()
        self._size = 0
        self._offset = 0
        self._wanted_from: int | None = None

    def read(self) -> bytes:
        """The next text, none at the end; raises what `pull` does."""
        text = self._again.popleft() if self._again else self._pull()
        with self._lock:
            self._offset += len(text)
            if self._wanted_from is not None:
                self._hold(text)
                self._forget()
        return text

    def hold_on(self, last: bytes, wanted_from: int) -> None:
        """Holds the text that was given last, and what comes, from an offset on."""
        self.let_go()
        self._wanted_from = wanted_from
        self._hold(last)

    def want_from(self, offset: int) -> None:
        """Holds no text before an offset any more."""
        with self._lock:
            self._wanted_from = offset
            self._forget()

    def let_go(self) -> None:
        """Holds nothing any more."""
        self._wanted_from, self._size = None, 0
        self._held.clear()

    def reaches(self, offset: int) -> bool:
        """Whether the text from an offset on can be given next."""
        return self._offset - self._size <= offset <= self._offset

    def go_back(self, offset: int) -> None:
        """Gives the text from an offset on next, up to which it reaches."""
        while self._offset > offset:
            self._put_back(self._held.pop())
        if before := offset - self._offset:
            text = self._again.popleft()
            self._again.appendleft(text[before:])
            self._offset = offset
            self._hold(text[:before])

    def _put_back(self, text: bytes) -> None:
        self._again.appendleft(text)
        self._size -= len(text)
        self._offset -= len(text)

    def _hold(self, text: bytes) -> None:
        self._held.append(text)
        self._size += len(text)

    def _forget(self) -> None:
        start, wanted = self._offset - self._size, self._wanted_from or 0
        while self._held and (start + len(self._held[0]) <= wanted or self._size > _MOST):
            size = len(self._held.popleft())
            self._size -= size
            start += size
