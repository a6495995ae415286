"""Recorded streams of one job's states, over all restarts of the server, and what holds of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import grpc

from myd.analysis.v1 import analysis_pb2 as pb
from myd.analysis.v1 import analysis_pb2_grpc as pb_grpc
from tests.support.serving import ENDED, PATIENCE_S

_OPTIONS = [
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 200),
]
_FIGURES = ("bytes_total", "bytes_read", "records", "rejects", "rows", "files_done", "percent")


@dataclass
class Session:
    """One stream: from which revision it was asked for, what came, and how it ended."""

    asked: int
    states: list[pb.Job] = field(default_factory=list)
    end: grpc.StatusCode | None = None


class Recorder(threading.Thread):
    """Watches a job to its end, resuming whenever the stream breaks."""

    def __init__(
        self,
        address: str,
        job_id: str,
        interceptors: Iterable[Any] = (),
    ) -> None:
        super().__init__(daemon=True)
        self._interceptors = interceptors
        self.sessions: list[Session] = []
        self._news = threading.Condition()
        self._address = address
        self._job_id = job_id
        self.start()

    @property
    def seen(self) -> int:
        """The last revision that came."""
        return max((job.revision for one in self.sessions for job in one.states), default=0)

    def has_come_beyond(self, records: int) -> Session:
        """The stream that has told of more records than that, or of the end, once there is one."""

        def has_come() -> bool:
            jobs = [job for one in self.sessions for job in one.states]
            return any(job.progress.records > records or job.status in ENDED for job in jobs)

        self._wait_until(has_come)
        return self.sessions[-1]

    def has_broken(self, session: Session) -> None:
        """Return when the stream is over: what was on its way has come."""
        self._wait_until(lambda: session.end is not None)

    def _wait_until(self, holds: Callable[[], bool]) -> None:
        with self._news:
            assert self._news.wait_for(holds, PATIENCE_S)

    def run(self) -> None:
        with grpc.insecure_channel(self._address, options=_OPTIONS) as channel:
            stub: Any = pb_grpc.AnalysisServiceStub(
                grpc.intercept_channel(channel, *self._interceptors)
            )
            while not self.sessions or self.sessions[-1].end is not grpc.StatusCode.OK:
                session = Session(self.seen)
                with self._news:
                    self.sessions.append(session)
                request = pb.WatchJobRequest(job_id=self._job_id, from_revision=session.asked)
                stream = stub.WatchJob(request, wait_for_ready=True, timeout=2 * PATIENCE_S)
                try:
                    for response in stream:
                        with self._news:
                            session.states.append(response.data)
                            self._news.notify_all()
                    self._end(session, grpc.StatusCode.OK)
                except grpc.RpcError as error:
                    self._end(session, error.code())
                    time.sleep(0.05)  # a server that stops refuses until it is gone

    def _end(self, session: Session, code: grpc.StatusCode) -> None:
        with self._news:
            session.end = code
            self._news.notify_all()

    def finish(self) -> list[Session]:
        """All sessions, when the job has ended and the last stream has told it."""
        self.join(2 * PATIENCE_S)
        assert not self.is_alive(), "the end was never told"
        return self.sessions


def assert_ordered(sessions: list[Session]) -> None:
    """In order of revision, never back; progress does not fall either."""
    states = [job for one in sessions for job in one.states]
    for earlier, later in pairwise(states):
        assert earlier.revision <= later.revision
        for figure in _FIGURES:
            assert getattr(earlier.progress, figure) <= getattr(later.progress, figure), figure


def assert_unique(sessions: list[Session]) -> None:
    """No state twice but as a heartbeat, which repeats the last one, or as the final one."""
    for one in sessions:
        for earlier, later in pairwise(one.states):
            assert earlier.revision < later.revision or earlier == later
    ends = [job for one in sessions for job in one.states if job.status in ENDED]
    assert all(job == ends[0] for job in ends)


def assert_terminated(sessions: list[Session], *, server_dies: bool = False) -> None:
    """The final state comes exactly once in a stream, as its last message, and it ends OK.

    A server that is killed may die between the two.
    """
    for one in sessions:
        ended = [job.status in ENDED for job in one.states]
        assert not any(ended[:-1])
        was_cut_off = server_dies and one.end is grpc.StatusCode.UNAVAILABLE
        assert was_cut_off or (one.end is grpc.StatusCode.OK) == any(ended)
    assert sessions[-1].end is grpc.StatusCode.OK


def assert_resumable(sessions: list[Session]) -> None:
    """Nothing comes again at or below the revision asked for, except a final state."""
    for one in sessions:
        for job in one.states:
            assert job.revision > one.asked or job.status in ENDED


def assert_committed(seen: int, state: pb.Job, sessions: list[Session]) -> None:
    """What was seen before a crash is still there after it: `state` is the job's as read then."""
    assert state.revision >= seen
    for one in sessions:
        for job in one.states:
            assert job.revision != state.revision or job == state


def validate(sessions: list[Session], *, server_dies: bool = False) -> None:
    """All that can be told from the streams alone, of a server that is killed or not."""
    assert_ordered(sessions)
    assert_unique(sessions)
    assert_terminated(sessions, server_dies=server_dies)
    assert_resumable(sessions)
