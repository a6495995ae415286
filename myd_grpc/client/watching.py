"""A watch that goes on where it broke."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

import grpc

from myd.analysis.v1.analysis_pb2 import Job
from myd_grpc.client.errors import CallError, ResourceError, UnavailableError
from myd_grpc.client.retry import pauses

ENDED = frozenset({Job.DONE, Job.FAILED, Job.NOTFOUND})

OnBreak = Callable[[CallError], None]


class Patience(NamedTuple):
    """For how many seconds to try again, without hearing anything."""

    connect_s: float  # before the first message
    resume_s: float  # after it: a server that was there is likely to come back


class StreamCall(Protocol):
    """A running server-streaming call."""

    def __iter__(self) -> Iterator[Any]: ...

    def cancel(self) -> bool:
        """Ends it from this side."""


class Watch:
    """The states of one or many jobs, none twice and none older than one already given.

    `open_stream` starts the call from a revision; `translate` makes the exception of a failed one.
    A stream that breaks, or ends before its time, is opened again from the last revision seen.
    """

    def __init__(
        self,
        open_stream: Callable[[int], StreamCall],
        from_revision: int,
        translate: Callable[[grpc.RpcError], CallError],
    ) -> None:
        self._open_stream = open_stream
        self._translate = translate
        self._from_revision = from_revision
        self._seen: dict[str, int] = {}

    def states(self, patience: Patience, on_break: OnBreak | None = None) -> Iterator[Job]:
        """Yields each new state; raises when the server stays away for longer than `patience`."""
        pause, heard = pauses(patience.connect_s), False
        while True:
            try:
                for job in self._read():
                    pause, heard = pauses(patience.resume_s), True
                    if self._is_news(job):
                        yield job
                broken: CallError = _ended_early()
            except grpc.RpcError as error:
                broken = self._translate(error)
            pause_s = next(pause, None)
            if pause_s is None or not isinstance(broken, UnavailableError | ResourceError):
                raise broken
            if on_break and heard:
                on_break(broken)  # once, however many attempts it takes
            heard = False
            time.sleep(pause_s)

    def _read(self) -> Iterator[Job]:
        call = self._open_stream(self._from_revision)
        try:
            for response in call:
                yield response.data
        finally:
            call.cancel()  # the caller may leave in the middle

    def _is_news(self, job: Job) -> bool:
        """False for a heartbeat, which repeats a state."""
        known = self._seen.get(job.job_id)
        if known is None:
            # The server sends an ended job's state also to those who ask for later ones only.
            is_news = job.revision > self._from_revision or job.status in ENDED
        else:
            is_news = job.revision > known or job.status == Job.NOTFOUND
        self._seen[job.job_id] = max(job.revision, known or 0)
        self._from_revision = max(job.revision, self._from_revision)
        return is_news


def _ended_early() -> CallError:
    return UnavailableError("the stream ended early", grpc.StatusCode.UNAVAILABLE)
