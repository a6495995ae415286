"""Who watches what: states go out as bytes made once, in slices that let other work through.

The hub lives on the event loop. It learns of each commit from the store and shows it to watchers
in rounds. A round that took T seconds is followed by a pause of 3 T for mere progress, so that
showing takes at most a quarter of the loop however many watch; ends are shown at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from myd_grpc.errors import ShuttingDownError
from myd_grpc.jobs.model import Job

_SLICE = 50
_PAUSE_FACTOR = 3


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


class Audience:
    """Who waits for the same news. `show` is called before they are woken."""

    def __init__(self) -> None:
        self.bells: set[asyncio.Event] = set()

    def show(self) -> None:
        """Let watchers see what has been taken in since."""
        raise NotImplementedError


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


class Watcher:
    """One stream's place in an audience."""

    def __init__(self, hub: Hub, bell: asyncio.Event) -> None:
        self._hub = hub
        self._bell = bell

    async def news(self, timeout_s: float | None) -> bool:
        """Wait until something is shown; False when nothing was for that long.

        Raises ShuttingDownError when the hub closes.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await self._bell.wait()
        except TimeoutError:
            return False
        self._hub.raise_if_closed()
        self._bell.clear()
        return True


class Hub:
    """Takes in committed changes and shows them to whoever watches."""

    def __init__(self, encode: Callable[[Job], bytes]) -> None:
        self._encode = encode
        self._topics: dict[str, Topic] = {}
        self.feed = Feed()
        # Audiences that have something to be shown, in order of arrival.
        self._urgent: dict[Audience, None] = {}
        self._relaxed: dict[Audience, None] = {}
        self._work = asyncio.Event()
        self._closed = False

    def publish(self, jobs: Sequence[Job]) -> None:
        """Take in committed changes, in order of revision."""
        for job in jobs:
            state = State(job, self._encode)
            self.feed.take(state)
            self._announce(self.feed, job)
            if topic := self._topics.get(job.job_id):
                topic.take(state)
                self._announce(topic, job)

    @contextmanager
    def watch_job(self, job_id: str) -> Iterator[tuple[Topic, Watcher]]:
        """Watch one job: from now on no change of it is missed."""
        topic = self._topics.setdefault(job_id, Topic())
        try:
            with self._watcher(topic) as watcher:
                yield topic, watcher
        finally:
            if not topic.bells:
                self._topics.pop(job_id, None)

    @contextmanager
    def watch_all(self) -> Iterator[tuple[Feed, Watcher]]:
        """Watch all jobs: from now on no change is missed."""
        with self._watcher(self.feed) as watcher:
            yield self.feed, watcher

    def begin(self, topic: Topic, job: Job) -> None:
        """Show at least the state that was just read from the store to a watcher who begins."""
        if topic.shown is None or job.revision > topic.shown.job.revision:
            topic.take(State(job, self._encode))
            topic.show()

    def catch_up(self, job: Job) -> State:
        """A state for one watcher of the feed who is further behind than the feed reaches."""
        return State(job, self._encode)

    async def run(self) -> None:
        """Show what comes in until the hub is closed."""
        relaxed_from = 0.0
        while not self._closed:
            await self._wait_for_work(relaxed_from)
            if self._urgent:
                await self._show(_pop_first(self._urgent))
            elif self._relaxed and time.monotonic() >= relaxed_from:
                began = time.monotonic()
                await self._show(_pop_first(self._relaxed))
                ended = time.monotonic()
                relaxed_from = ended + _PAUSE_FACTOR * (ended - began)

    async def close(self) -> None:
        """End every stream: each watcher hears of it when it is woken."""
        self._closed = True
        self._work.set()
        for audience in (self.feed, *self._topics.values()):
            await _ring(audience)

    def raise_if_closed(self) -> None:
        """Raises ShuttingDownError when no more will be shown."""
        if self._closed:
            raise ShuttingDownError

    def _announce(self, audience: Audience, job: Job) -> None:
        if not audience.bells:
            audience.show()  # nobody to be spared
        elif job.ended:
            self._relaxed.pop(audience, None)
            self._urgent[audience] = None
            self._work.set()
        elif audience not in self._urgent:
            self._relaxed[audience] = None
            self._work.set()

    async def _wait_for_work(self, relaxed_from: float) -> None:
        """Return when there is something urgent, or something relaxed and it is time for it."""
        self._work.clear()
        if self._urgent or self._closed:
            return
        pause_s = max(relaxed_from - time.monotonic(), 0) if self._relaxed else None
        if pause_s == 0:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await self._work.wait()

    async def _show(self, audience: Audience) -> None:
        audience.show()
        await _ring(audience)

    @contextmanager
    def _watcher(self, audience: Audience) -> Iterator[Watcher]:
        self.raise_if_closed()
        bell = asyncio.Event()
        audience.bells.add(bell)
        try:
            yield Watcher(self, bell)
        finally:
            audience.bells.discard(bell)


async def _ring(audience: Audience) -> None:
    """Wake all watchers, a slice at a time: each slice does its writing before the next."""
    bells = list(audience.bells)
    for first in range(0, len(bells), _SLICE):
        for bell in bells[first : first + _SLICE]:
            bell.set()
        await asyncio.sleep(0)


def _pop_first(audiences: dict[Audience, None]) -> Audience:
    first = next(iter(audiences))
    del audiences[first]
    return first
