"""A watch that goes on where it broke."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing
from typing import Any, NamedTuple, Protocol

import grpc

from myd.analysis.v1.analysis_pb2 import Job
from myd_grpc.client.errors import (
    NON_RETRYABLE_CODES,
    CallError,
    ConnectionAgedError,
    NotGrpcError,
    TlsError,
    UnauthenticatedError,
    UnavailableError,
)
from myd_grpc.client.retry import LONGEST_PAUSE_S, Notice, OnRetry, backoff
from myd_grpc.client.tokens import Metadata, Token

ENDED = frozenset({Job.DONE, Job.FAILED, Job.NOTFOUND})

OnBreak = Callable[[CallError], None]


class RetryBudget(NamedTuple):
    """How many seconds of retries a call or watch has, in which nothing is heard."""

    connect_s: float  # before the first message
    resume_s: float  # after it: a server that was there is likely to come back


class StreamCall(Protocol):
    """A running server-streaming call."""

    def __iter__(self) -> Iterator[Any]: ...

    def initial_metadata(self) -> Any:
        """Returns when the server has answered, or the call has failed."""

    def cancel(self) -> bool:
        """Ends it from this side."""


class WatchCursor:
    """How far a watch has come over all its streams: which states are new, and when to give up.

    `revision` is the last one seen, from which the next stream begins.
    """

    def __init__(
        self,
        from_revision: int,
        budget: RetryBudget,
        on_break: OnBreak | None,
        token: Token,
        on_retry: OnRetry | None = None,
    ) -> None:
        self.revision = from_revision
        self._token = token
        self._sent: Metadata | None = None
        self._budget = budget
        self._on_break = on_break
        self._notice = Notice(on_retry)
        self._pauses = backoff(budget.connect_s)
        self._seen: dict[str, int] = {}
        self._heard = False
        self._answered_s = math.inf

    def metadata(self) -> Metadata | None:
        """What the next stream is opened with. Raises InvalidTokenError."""
        self._sent = self._token.metadata()
        return self._sent

    def answered(self) -> None:
        """Note that a stream has been opened, or has failed."""
        self._answered_s = time.monotonic()

    def accepts(self, job: Job) -> bool:
        """Whether a state is news: none comes twice, and none older than one already given."""
        self._heard = True
        is_news = self._is_news(job)
        if is_news:
            self._pauses = backoff(self._budget.resume_s)
        return is_news

    def pause_after(self, broken: CallError) -> float:
        """Seconds to wait before the next stream; raises `broken` when there is to be none.

        Whatever the code is: a proxy on the way gives any. Only what is wrong with the call itself
        would be so again.
        """
        if time.monotonic() - self._answered_s > LONGEST_PAUSE_S:
            # It has stood, though there may have been nothing to tell.
            self._pauses = backoff(self._budget.resume_s)
        self._answered_s = math.inf
        pause_s = next(self._pauses, None)
        if pause_s is None or self._is_final(broken):
            raise broken
        if not isinstance(broken, ConnectionAgedError):  # which is nothing to tell anybody
            self._tell(broken)
        return pause_s

    def _tell(self, broken: CallError) -> None:
        """Tell that nothing is heard: once, however many attempts it takes."""
        if not self._seen:
            self._notice.give(broken)
        elif self._on_break and self._heard:
            self._on_break(broken)
        self._heard = False

    def _is_final(self, broken: CallError) -> bool:
        if isinstance(broken, UnauthenticatedError):
            # The token may have been renewed since the stream was opened with it.
            return self._token.metadata() == self._sent
        return broken.code in NON_RETRYABLE_CODES or self._never_began(broken)

    def _never_began(self, broken: CallError) -> bool:
        """Whether TLS keeps the watch from the server, or there is none, and always was so.

        Later it may be that certificates are just being replaced, or the server.
        """
        return isinstance(broken, NotGrpcError | TlsError) and not self._seen

    def _is_news(self, job: Job) -> bool:
        """Whether a state was not there before; a heartbeat repeats one."""
        known = self._seen.get(job.job_id)
        if known is None:
            # The server sends an ended job's state also to those who ask for later ones only.
            is_news = job.revision > self.revision or job.status in ENDED
        else:
            is_news = job.revision > known or job.status == Job.NOTFOUND
        self._seen[job.job_id] = max(job.revision, known or 0)
        self.revision = max(job.revision, self.revision)
        return is_news


class Watch:
    """The states of one or many jobs.

    `open_stream` starts the call from a revision; `translate` makes the exception of a failed one;
    `closed` is set when the caller wants no more. A stream that breaks, or ends before its time, is
    opened again from the last revision seen.
    """

    def __init__(
        self,
        open_stream: Callable[[int], StreamCall],
        translate: Callable[[grpc.RpcError], CallError],
        closed: threading.Event,
    ) -> None:
        self._open_stream = open_stream
        self._translate = translate
        self._closed = closed

    def states(self, cursor: WatchCursor) -> Iterator[Job]:
        """Yields each new state; raises when the server stays away for too long."""
        while True:
            try:
                for job in self._read(cursor):
                    if cursor.accepts(job):
                        yield job
                broken: CallError = ended_early()
            except grpc.RpcError as error:
                broken = self._translate(error)
            if self._closed.is_set() or self._closed.wait(cursor.pause_after(broken)):
                raise broken

    def _read(self, cursor: WatchCursor) -> Iterator[Job]:
        call = self._open_stream(cursor.revision)
        try:
            call.initial_metadata()
            cursor.answered()
            for response in call:
                yield response.data
        finally:
            call.cancel()  # the caller may leave in the middle


class AsyncWatch:
    """The states of one or many jobs, as `Watch` has them, on asyncio.

    A task that is cancelled is not resumed, nor is a client that is closed.

    `closed` is looked at, never waited for.
    """

    def __init__(
        self,
        open_stream: Callable[[int], Any],
        translate: Callable[[grpc.RpcError], Awaitable[CallError]],
        closed: threading.Event,
    ) -> None:
        self._open_stream = open_stream
        self._translate = translate
        self._closed = closed

    async def states(self, cursor: WatchCursor) -> AsyncGenerator[Job, None]:
        """Yields each new state; raises when the server stays away for too long."""
        while True:
            try:
                async with aclosing(self._read(cursor)) as jobs:
                    async for job in jobs:
                        if cursor.accepts(job):
                            yield job
                broken: CallError = ended_early()
            except grpc.RpcError as error:
                broken = await self._translate(error)
            except asyncio.CancelledError:
                if not self._is_closed_by_another():
                    raise
                raise _closed() from None
            if not self._closed.is_set():
                await asyncio.sleep(cursor.pause_after(broken))
            if self._closed.is_set():
                raise broken

    async def _read(self, cursor: WatchCursor) -> AsyncGenerator[Job, None]:
        call = self._open_stream(cursor.revision)
        try:
            await call.initial_metadata()
            cursor.answered()
            async for response in call:
                yield response.data
        finally:
            call.cancel()  # the caller may leave in the middle

    def _is_closed_by_another(self) -> bool:
        """Whether it was not this task that was cancelled, but the call, with its connection."""
        task = asyncio.current_task()
        return self._closed.is_set() and not (task and task.cancelling())


def _closed() -> CallError:
    return CallError("the client was closed", grpc.StatusCode.CANCELLED)


def ended_early() -> CallError:
    """What is wrong with a stream that ends well before there is an end to tell."""
    return UnavailableError("the stream ended early", grpc.StatusCode.UNAVAILABLE)
