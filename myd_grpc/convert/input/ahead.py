"""Has something made ahead, on a thread of its own, by as much as a few pieces."""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from threading import Semaphore, Thread
from typing import Generic, TypeVar

from myd_grpc.threads import start

_Piece = TypeVar("_Piece")

_PIECES = 4


class Ahead(Generic[_Piece]):
    """Calls `make` ahead of whoever takes what it gives, until it raises; one takes at a time.

    `make` must not be called by anybody else until this was closed. To make one raises
    BlockingIOError where the system lets no thread begin: then nothing was made.
    """

    def __init__(self, make: Callable[[], _Piece]) -> None:
        self._make = make
        self._room = Semaphore(_PIECES)
        self._made = SimpleQueue[_Piece | Exception]()
        self._failure: Exception | None = None
        self._closed = False
        # Nobody may wait for it at the end of the process.
        self._thread = Thread(target=self._work, name="input", daemon=True)
        start(self._thread)

    def next(self) -> _Piece:
        """What was made next; raises what `make` does, again and again."""
        if self._failure:
            raise self._failure
        made = self._made.get()
        self._room.release()
        if isinstance(made, Exception):
            self._failure = made
            raise made
        return made

    def close(self) -> None:
        """Makes nothing any more; waits for what is being made."""
        self._closed = True
        self._room.release()
        self._thread.join()

    def _work(self) -> None:
        while True:
            self._room.acquire()
            if self._closed:
                return
            try:
                made: _Piece | Exception = self._make()
            except Exception as error:  # noqa: BLE001 - it is raised where the piece is taken
                made = error
            self._made.put(made)
            if isinstance(made, Exception):
                return
            del made  # it must not stay until the next is there
