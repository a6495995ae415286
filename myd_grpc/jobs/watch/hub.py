"""Who watches what: states go out as bytes made once, in slices that let other work through.

The hub lives on the event loop. It learns of each commit from the store and shows it to watchers
in rounds. A slice that took T seconds is followed by a pause of 3 T for mere progress, so that
showing takes at most a quarter of the loop however many watch. The end of a job is shown at once
to those who watch that job alone: that happens to each of them only once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from myd_grpc.errors import CallError, ShuttingDownError
from myd_grpc.jobs.model import Change, Job
from myd_grpc.jobs.watch.subscribers import Encode, EncodedChange, JobFeed, JobTopic, Subscribers

_SLICE = 50
_PAUSE_FACTOR = 3


class Watcher:
    """One stream, and how it hears that there is something new to send."""

    def __init__(self, hub: Hub, wakeup: asyncio.Event) -> None:
        self._hub = hub
        self._wakeup = wakeup
        self._began = hub.breaks

    async def wait(self, timeout_s: float | None) -> bool:
        """Wait until something is shown; False when nothing was for that long.

        Raises ShuttingDownError when the hub closes, and why the stream is broken off if it is.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await self._wakeup.wait()
        except TimeoutError:
            return False
        self._hub.raise_if_closed()
        self._hub.raise_if_broken(self._began)
        self._wakeup.clear()
        return True


class Hub:
    """Takes in committed changes and shows them to whoever watches."""

    def __init__(self, encode: Encode) -> None:
        self._encode = encode
        self._topics: dict[str, JobTopic] = {}
        self.feed = JobFeed()
        # Subscribers that have something to be shown, in order of arrival.
        self._urgent: dict[Subscribers, None] = {}
        self._relaxed: dict[Subscribers, None] = {}
        self._work = asyncio.Event()
        self._closed = False
        self.breaks = 0
        self._why_broken: CallError | None = None

    def publish(self, changes: Sequence[Change]) -> None:
        """Take in committed changes, in order of revision."""
        for change in changes:
            state = EncodedChange(change, self._encode)
            self.feed.take(state)
            self._announce(self.feed, is_end=False)
            # A job is deleted when it has ended: those who watch it alone were told of its end.
            topic = self._topics.get(change.job_id)
            if topic and isinstance(change, Job):
                topic.take(state)
                self._announce(topic, is_end=change.ended)

    @contextmanager
    def watch_job(self, job_id: str) -> Iterator[tuple[JobTopic, Watcher]]:
        """Watch one job: from now on no change of it is missed."""
        topic = self._topics.setdefault(job_id, JobTopic())
        try:
            with self._watcher(topic) as watcher:
                yield topic, watcher
        finally:
            if not topic.wakeups:
                self._topics.pop(job_id, None)

    @contextmanager
    def watch_all(self) -> Iterator[tuple[JobFeed, Watcher]]:
        """Watch all jobs: from now on no change is missed."""
        with self._watcher(self.feed) as watcher:
            yield self.feed, watcher

    def show_at_least(self, topic: JobTopic, job: Job) -> None:
        """Show at least the state that was just read from the store to a watcher who begins."""
        if topic.shown is None or job.revision > topic.shown.change.revision:
            topic.take(EncodedChange(job, self._encode))
            topic.show()

    def encoded(self, change: Change) -> EncodedChange:
        """A change for one watcher of all jobs who is further behind than the feed reaches."""
        return EncodedChange(change, self._encode)

    async def run(self) -> None:
        """Show what comes in until the hub is closed."""
        while not self._closed:
            self._work.clear()
            await self._show_urgent()
            if self._relaxed:
                await self._show_relaxed(_pop_first(self._relaxed))
            elif not self._closed:
                await self._work.wait()

    async def close(self) -> None:
        """End every stream: each watcher hears of it when it is woken."""
        self._closed = True
        self._work.set()
        await self._wake_all()

    async def break_off(self, why: CallError) -> None:
        """End the streams that there are; those that begin later are none of them."""
        self.breaks += 1
        self._why_broken = why
        await self._wake_all()

    def raise_if_closed(self) -> None:
        """Raises ShuttingDownError when no more will be shown."""
        if self._closed:
            raise ShuttingDownError

    def raise_if_broken(self, began: int) -> None:
        """Raises why, when streams were broken off since there were `began` breaks."""
        if self._why_broken and self.breaks > began:
            raise self._why_broken

    async def _wake_all(self) -> None:
        for subscribers in (self.feed, *self._topics.values()):
            await _wake_at_once(subscribers)

    def _announce(self, subscribers: Subscribers, *, is_end: bool) -> None:
        if not subscribers.wakeups:
            subscribers.show()  # nobody to be spared
        elif is_end:
            self._relaxed.pop(subscribers, None)
            self._urgent[subscribers] = None
            self._work.set()
        elif subscribers not in self._urgent:
            self._relaxed[subscribers] = None
            self._work.set()

    async def _show_urgent(self) -> None:
        while self._urgent:
            subscribers = _pop_first(self._urgent)
            subscribers.show()
            await _wake_at_once(subscribers)

    async def _show_relaxed(self, subscribers: Subscribers) -> None:
        """Show it slowly; what is urgent comes in between."""
        subscribers.show()
        for wakeups in _slices(subscribers):
            began = time.monotonic()
            await _wake(wakeups)
            await asyncio.sleep(_PAUSE_FACTOR * (time.monotonic() - began))
            await self._show_urgent()
            if self._closed:
                return

    @contextmanager
    def _watcher(self, subscribers: Subscribers) -> Iterator[Watcher]:
        self.raise_if_closed()
        wakeup = asyncio.Event()
        subscribers.wakeups.add(wakeup)
        try:
            yield Watcher(self, wakeup)
        finally:
            subscribers.wakeups.discard(wakeup)


def _slices(subscribers: Subscribers) -> Iterator[list[asyncio.Event]]:
    wakeups = list(subscribers.wakeups)
    return (wakeups[first : first + _SLICE] for first in range(0, len(wakeups), _SLICE))


async def _wake(wakeups: Iterable[asyncio.Event]) -> None:
    """Wake the streams that wait for these, and let them write before this returns."""
    for wakeup in wakeups:
        wakeup.set()
    await asyncio.sleep(0)


async def _wake_at_once(subscribers: Subscribers) -> None:
    for wakeups in _slices(subscribers):
        await _wake(wakeups)


def _pop_first(due: dict[Subscribers, None]) -> Subscribers:
    first = next(iter(due))
    del due[first]
    return first
