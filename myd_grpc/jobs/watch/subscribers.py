"""What is watched: states of jobs, and those who wait for the next one."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TypeAlias

from myd_grpc.jobs.model import Change, Job
from myd_grpc.jobs.store.message_sizes import size_of_job

Encode: TypeAlias = Callable[[Change], bytes]

_SIZE_OF_DELETED = 100
_KEPT = 4 << 20


class EncodedChange:
    """A committed change of a job, serialised at most once for all who are shown it."""

    __slots__ = ("_data", "_encode", "change", "size")

    def __init__(self, change: Change, encode: Encode) -> None:
        self.change = change
        self.size = size_of_job(change) if isinstance(change, Job) else _SIZE_OF_DELETED
        self._encode = encode
        self._data: bytes | None = None

    @property
    def data(self) -> bytes:
        """The state as a response message."""
        if self._data is None:
            self._data = self._encode(self.change)
        return self._data


class Subscribers(ABC):
    """The streams that wait for the same changes; `show` is called before they are woken."""

    def __init__(self) -> None:
        self.wakeups: set[asyncio.Event] = set()

    @abstractmethod
    def show(self) -> None:
        """Let watchers see what has been taken in since."""


class JobTopic(Subscribers):
    """The subscribers of one job, with its newest state and the one that they may see."""

    def __init__(self) -> None:
        super().__init__()
        self._newest: EncodedChange | None = None
        self.shown: EncodedChange | None = None

    def take(self, state: EncodedChange) -> None:
        """Take in a state; an older one than the newest is no news."""
        if self._newest is None or state.change.revision > self._newest.change.revision:
            self._newest = state

    def show(self) -> None:
        """Let watchers see the newest state."""
        self.shown = self._newest


class JobFeed(Subscribers):
    """The subscribers of all jobs, with the newest states of recently changed ones, by revision.

    It keeps as many states as have `capacity` bytes together, since a job may have thousands of
    parts.
    """

    def __init__(self, capacity: int = _KEPT) -> None:
        super().__init__()
        self._capacity = capacity
        self._states: dict[str, EncodedChange] = {}
        self._size = 0
        self._newest = 0
        self._complete_after: int | None = None
        self.shown = 0

    def take(self, state: EncodedChange) -> None:
        """Take in the newest change."""
        if self._complete_after is None:
            self._complete_after = state.change.revision - 1
        self._drop(state.change.job_id)  # so that it comes last
        self._states[state.change.job_id] = state
        self._size += state.size
        self._newest = state.change.revision
        while self._size > self._capacity:
            oldest = next(iter(self._states))
            self._complete_after = self._states[oldest].change.revision
            self._drop(oldest)

    def show(self) -> None:
        """Let watchers see all that was taken in."""
        self.shown = self._newest

    def between(self, after: int, last: int) -> list[EncodedChange] | None:
        """The newest states with a revision in (after, last]; None when not all are here."""
        if self._complete_after is None or after < self._complete_after or last > self._newest:
            return None
        found: list[EncodedChange] = []
        for state in reversed(self._states.values()):
            if state.change.revision <= after:
                break
            if state.change.revision <= last:
                found.append(state)
        return found[::-1]

    def _drop(self, job_id: str) -> None:
        if dropped := self._states.pop(job_id, None):
            self._size -= dropped.size
