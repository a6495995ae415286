"""Objects as a worker reads them, which has no way to the store but its broker."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from myd_grpc.objectstore.access import Found, Listing, Uploaded
from myd_grpc.objectstore.frames import (
    Connection,
    Find,
    FindAlike,
    Frame,
    Question,
    RangeRead,
    ReadRange,
    Refused,
    Upload,
    decode_answer,
)
from myd_grpc.threads import start


class RemoteAccess:
    """An `ObjectAccess` that asks a broker; `lost` is called when there will be no answers."""

    def __init__(self, connection: Connection, lost: Callable[[], None]) -> None:
        self._connection = connection
        self._lost = lost
        self._lock = threading.Lock()
        self._asked = 0
        self._waiting: dict[int, Future[Any]] = {}
        start(threading.Thread(target=self._listen, daemon=True))

    def find(self, path: str) -> Found:
        """See `ObjectAccess.find`."""
        found: Found = self._ask(Find(path)).result()
        return found

    def read(self, path: str, etag: str, offset: int, size: int) -> Future[bytes]:
        """See `ObjectAccess.read`."""
        return self._ask(ReadRange(path, etag, offset, size))

    def alike(self, directory: str, name: str) -> Listing:
        """See `ObjectAccess.alike`."""
        listing: Listing = self._ask(FindAlike(directory, name)).result()
        return listing

    def upload(self, path: str, file: str) -> Future[Uploaded]:
        """Begins to make an object of a file; see `Upload`."""
        return self._ask(Upload(path, file))

    def _ask(self, question: Question) -> Future[Any]:
        answer: Future[Any] = Future()
        with self._lock:
            self._asked += 1
            self._waiting[self._asked] = answer
            try:
                self._connection.send(self._asked, question)
            except OSError:
                self._lost()
        return answer

    def _listen(self) -> None:
        try:
            while frame := self._connection.receive():
                self._answer(frame)
        except (OSError, ValueError):
            pass  # as at the end
        self._lost()

    def _answer(self, frame: Frame) -> None:
        answer = decode_answer(frame.head)
        with self._lock:
            waiting = self._waiting.pop(frame.number)
        if not waiting.set_running_or_notify_cancel():
            return
        if isinstance(answer, Refused):
            waiting.set_exception(OSError(answer.number, os.strerror(answer.number)))
        else:
            waiting.set_result(bytes(frame.body) if isinstance(answer, RangeRead) else answer)
