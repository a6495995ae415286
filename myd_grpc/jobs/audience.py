"""What is watched: states of jobs, and those who wait for the next one."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable

from myd_grpc.jobs.model import Job


class State:
    """A committed state of a job, serialised at most once for all who are shown it."""

    __slots__ = ("_data", "_encode", "job")

    def __init__(self, job: Job, encode: Callable[[Job], bytes]) -> None:
        self.job = job
        self._encode = encode
        self._data: bytes | None = None

    @property
    def data(self) -> bytes:
        """The state as a response message."""
        if self._data is None:
            self._data = self._encode(self.job)
        return self._data


class Audience(ABC):
    """Who waits for the same news. `show` is called before they are woken."""

    def __init__(self) -> None:
        self.bells: set[asyncio.Event] = set()

    @abstractmethod
    def show(self) -> None:
        """Let watchers see what has been taken in since."""


class Topic(Audience):
    """One watched job: its newest state, and the one that is shown."""

    def __init__(self) -> None:
        super().__init__()
        self._newest: State | None = None
        self.shown: State | None = None

    def take(self, state: State) -> None:
        """Take in a state; an older one than the newest is no news."""
        if self._newest is None or state.job.revision > self._newest.job.revision:
            self._newest = state

    def show(self) -> None:
        """Let watchers see the newest state."""
        self.shown = self._newest


class Feed(Audience):
    """The recent changes of all jobs, each job with its newest state, in order of revision.

    It keeps as many states as have `capacity` parts together, since a job may have thousands.
    """

    def __init__(self, capacity: int = 10_000) -> None:
        super().__init__()
        self._capacity = capacity
        self._states: dict[str, State] = {}
        self._weight = 0
        self._newest = 0
        self._complete_after: int | None = None
        self.shown = 0

    def take(self, state: State) -> None:
        """Take in the newest change."""
        if self._complete_after is None:
            self._complete_after = state.job.revision - 1
        self._drop(state.job.job_id)  # so that it comes last
        self._states[state.job.job_id] = state
        self._weight += _weight(state)
        self._newest = state.job.revision
        while self._weight > self._capacity:
            oldest = next(iter(self._states))
            self._complete_after = self._states[oldest].job.revision
            self._drop(oldest)

    def show(self) -> None:
        """Let watchers see all that was taken in."""
        self.shown = self._newest

    def between(self, after: int, last: int) -> list[State] | None:
        """The newest states with a revision in (after, last]; None when not all are kept."""
        if self._complete_after is None or after < self._complete_after:
            return None
        found: list[State] = []
        for state in reversed(self._states.values()):
            if state.job.revision <= after:
                break
            if state.job.revision <= last:
                found.append(state)
        return found[::-1]

    def _drop(self, job_id: str) -> None:
        if dropped := self._states.pop(job_id, None):
            self._weight -= _weight(dropped)


def _weight(state: State) -> int:
    return 1 + sum(len(table.parts) for table in state.job.tables)
