"""Answers what a worker asks of object storage: the process that has the network has no keys.

Whatever has become of the worker, it reads inputs and uploads parts of sets, and nothing else.
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Sequence

from myd_grpc.objectstore.client import RANGE_BYTES
from myd_grpc.objectstore.direct import DirectAccess
from myd_grpc.objectstore.frames import (
    Answer,
    Connection,
    Find,
    FindAlike,
    Frame,
    Question,
    RangeRead,
    ReadRange,
    Refused,
    Upload,
    decode_question,
)
from myd_grpc.objectstore.location import Location
from myd_grpc.objectstore.outbox import Outbox
from myd_grpc.threads import Threads

_AT_ONCE = 8


class Broker:
    """Reads what is beneath `inputs`, but for what is in one of `hidden`, paths relative to that.

    Where there are no `inputs`, there is nothing to be read; without an `outbox`, nothing to be
    uploaded.
    """

    def __init__(
        self,
        connection: Connection,
        inputs: Location | None,
        hidden: Sequence[str] = (),
        outbox: Outbox | None = None,
    ) -> None:
        self._connection = connection
        self._inputs = DirectAccess(inputs) if inputs else None
        self._hidden = tuple(hidden)
        self._outbox = outbox
        self._sending = threading.Lock()
        self._room = threading.BoundedSemaphore(_AT_ONCE)

    def serve(self) -> None:
        """Answer until the connection ends, or until what comes over it is no question.

        An upload that is under way then is given up before this returns.
        """
        threads = Threads(_AT_ONCE)
        try:
            while frame := self._connection.receive():
                if (question := decode_question(frame.head)) is None:
                    return
                self._room.acquire()
                threads.submit(self._answer, frame, question)
        finally:
            if self._outbox:
                self._outbox.close()
                threads.shutdown()

    def _answer(self, frame: Frame, question: Question) -> None:
        body: list[memoryview] = []
        try:
            answer: Answer = self._answer_to(question, body)
        except OSError as error:
            answer = Refused(error.errno or errno.EIO)
        except ImportError:  # of a node without the extra, where another may have it
            answer = Refused(errno.EREMOTEIO)
        except Exception:  # noqa: BLE001 - whatever it is, the worker waits for an answer
            answer = Refused(errno.EIO)
        with self._sending:
            self._connection.send(frame.number, answer, body)
        self._room.release()

    def _answer_to(self, question: Question, body: list[memoryview]) -> Answer:
        if isinstance(question, Upload):
            return self._upload(question)
        if self._inputs is None:
            raise PermissionError(errno.EACCES, "no inputs")
        match question:
            case Find(path):
                return self._inputs.find(self._readable(path))
            case FindAlike(directory, name):
                return self._inputs.alike(self._readable(directory), name)
            case ReadRange(path, etag, offset, size) if offset >= 0 and 0 < size <= RANGE_BYTES:
                body.append(self._inputs.read_now(self._readable(path), etag, offset, size))
                return RangeRead()
        raise OSError(errno.EINVAL, "no range")

    def _upload(self, question: Upload) -> Answer:
        if self._outbox is None:
            raise PermissionError(errno.EACCES, "no outputs")
        return self._outbox.upload(question.path, question.file)

    def _readable(self, path: str) -> str:
        """The path; PermissionError if it is hidden. The client refuses what leads elsewhere."""
        plain = path.strip("/")  # as the client reads it, too
        if any(f"{plain}/".startswith(f"{one}/") for one in self._hidden):
            raise PermissionError(errno.EACCES, "hidden")
        return plain
