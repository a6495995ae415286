"""Streams of states without a connection: the real store and hub, under many schedules."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myd_grpc.callers.model import ANYBODY
from myd_grpc.convert.model import Progress
from myd_grpc.errors import ShuttingDownError
from myd_grpc.jobs.model import Change, DeletedJob, Job, Phase, Request, Status
from myd_grpc.jobs.store.store import JobStore
from myd_grpc.jobs.watch.follow import JobFilter, follow_all, follow_job
from myd_grpc.jobs.watch.hub import Hub
from myd_grpc.jobs.watch.subscribers import EncodedChange, JobFeed

QUIET_S = 60.0
ALL = JobFilter((), 100)


class Encoder:
    """Makes a state's bytes, and counts how often it had to."""

    def __init__(self) -> None:
        self.calls: Counter[int] = Counter()

    def __call__(self, change: Change) -> bytes:
        self.calls[change.revision] += 1
        status = "NOTFOUND" if isinstance(change, DeletedJob) else change.status
        return f"{change.job_id} {status} {change.revision}".encode()


def revision_of(message: bytes) -> int:
    return int(message.split()[2])


@asynccontextmanager
async def watching(state_dir: Path, encode: Encoder) -> AsyncIterator[tuple[JobStore, Hub]]:
    """A store whose commits a running hub shows, as in the server."""
    loop, hub = asyncio.get_running_loop(), Hub(encode)

    def announce(jobs: Sequence[Change]) -> None:
        loop.call_soon_threadsafe(hub.publish, jobs)

    store, showing = JobStore(state_dir, announce), asyncio.create_task(hub.run())
    try:
        yield store, hub
    finally:
        await hub.close()
        await showing
        store.close()


async def submit(store: JobStore, job_id: str) -> None:
    await store.submit(ANYBODY, job_id, Request(("a",), job_id), None, now=1)
    await store.start(job_id, now=1)


class Reader:
    """Reads one job's stream; takes up to `slowest` turns of the loop for each message."""

    def __init__(self, hub: Hub, store: JobStore, slowest: int) -> None:
        self.messages: list[bytes] = []
        self._hub, self._store = hub, store
        self._slowest = slowest

    async def send(self, message: bytes) -> None:
        self.messages.append(message)
        for _ in range(random.randint(0, self._slowest)):
            await asyncio.sleep(0)

    async def read(self, job_id: str, from_revision: int = 0) -> list[bytes]:
        await follow_job(self._hub, self._store, ANYBODY, job_id, from_revision, QUIET_S, self.send)
        return self.messages


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_the_pace_of_readers_none_sees_a_state_twice_or_misses_the_end(
    tmp_path: Path, seed: int
) -> None:
    random.seed(seed)
    async with watching(tmp_path, Encoder()) as (store, hub):
        await submit(store, "j1")
        reading = []
        for step in range(300):
            await store.progress("j1", Progress(rows=step), -1)
            if step % 10 == 0:  # readers come at any moment, in any pace
                reader = Reader(hub, store, random.choice([0, 3, 1000]))
                reading.append(asyncio.create_task(reader.read("j1")))
        await store.done("j1", now=2)
        streams = await asyncio.gather(*reading)
    last = 300 + 3
    for messages in streams:
        assert all(revision_of(a) < revision_of(b) for a, b in pairwise(messages))
        assert messages[-1] == f"j1 DONE {last}".encode()
    assert max(map(len, streams)) > 20, "a fast reader is shown most of it"
    assert min(map(len, streams)) < 20, "a slow one skips states"


async def test_a_state_is_serialised_once_for_all(tmp_path: Path) -> None:
    encode = Encoder()
    async with watching(tmp_path, encode) as (store, hub):
        await submit(store, "j1")
        readers = [Reader(hub, store, 0) for _ in range(500)]
        reading = [asyncio.create_task(reader.read("j1")) for reader in readers]
        for step in range(20):
            await store.progress("j1", Progress(rows=step), -1)
        await store.done("j1", now=2)
        await asyncio.gather(*reading)
    # Once as it was read for the first reader, and once as it was announced.
    assert max(encode.calls.values()) <= 2


async def test_more_readers_are_shown_fewer_states(tmp_path: Path) -> None:
    async with watching(tmp_path, Encoder()) as (store, hub):
        await submit(store, "j1")
        job = await store.get(ANYBODY, "j1")
        assert job
        begun, shown = asyncio.Semaphore(0), 0

        async def send(_message: bytes) -> None:
            nonlocal shown
            shown += 1
            begun.release()

        reading = [
            asyncio.create_task(follow_job(hub, store, ANYBODY, "j1", 0, QUIET_S, send))
            for _ in range(1000)
        ]
        for _ in reading:
            await begun.acquire()
        # A state for each turn of the loop, in which only some of the readers can be served.
        for revision in range(job.revision + 1, job.revision + 201):
            hub.publish([replace(job, revision=revision)])
            await asyncio.sleep(0)
        hub.publish([replace(job, status=Status.DONE, phase=Phase.ENDED, revision=1000)])
        await asyncio.gather(*reading)
    assert 2 * len(reading) <= shown < len(reading) * 200 / 2


async def test_an_end_is_told_while_the_progress_of_another_job_is_being_shown(
    tmp_path: Path,
) -> None:
    async with watching(tmp_path, Encoder()) as (store, hub):
        for job_id in ("j1", "j2"):
            await submit(store, job_id)
        job = await store.get(ANYBODY, "j2")
        assert job
        ended = replace(job, status=Status.DONE, phase=Phase.ENDED, revision=1000)
        begun, shown = asyncio.Semaphore(0), 0

        async def send(message: bytes) -> None:
            nonlocal shown
            if revision_of(message) <= 4:
                begun.release()
                return
            if not shown:
                hub.publish([ended])
            shown += 1

        many = [
            asyncio.create_task(follow_job(hub, store, ANYBODY, "j1", 0, QUIET_S, send))
            for _ in range(1000)
        ]
        reader = Reader(hub, store, 0)
        reading = asyncio.create_task(reader.read("j2"))
        for _ in many:
            await begun.acquire()
        await store.progress("j1", Progress(rows=1), -1)
        await reading
        assert reader.messages[-1] == b"j2 DONE 1000"
        assert 0 < shown < len(many)
        await store.done("j1", now=2)
        await asyncio.gather(*many)


async def test_nothing_is_kept_of_readers_who_left(tmp_path: Path) -> None:
    async with watching(tmp_path, Encoder()) as (store, hub):
        await submit(store, "j1")
        reading = [asyncio.create_task(Reader(hub, store, 0).read("j1")) for _ in range(10)]
        await store.progress("j1", Progress(rows=1), -1)
        for task in reading:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        assert hub._topics == {}
        assert hub.feed.wakeups == set()


async def test_closing_ends_readers_and_refuses_new_ones(tmp_path: Path) -> None:
    async with watching(tmp_path, Encoder()) as (store, hub):
        await submit(store, "j1")
        first = asyncio.Event()

        async def send(_message: bytes) -> None:
            first.set()

        reading = asyncio.create_task(follow_job(hub, store, ANYBODY, "j1", 0, QUIET_S, send))
        await first.wait()
        await hub.close()
        with pytest.raises(ShuttingDownError):
            await reading
        with pytest.raises(ShuttingDownError):
            await follow_job(hub, store, ANYBODY, "j1", 0, QUIET_S, send)


@pytest.mark.parametrize("seed", range(3))
async def test_a_live_page_is_in_order_and_loses_nothing_wherever_it_is_resumed(
    tmp_path: Path, seed: int
) -> None:
    random.seed(seed)
    async with watching(tmp_path, Encoder()) as (store, hub):
        pages = [Page(hub, store, breaks=False), Page(hub, store, breaks=True)]
        showing = [asyncio.create_task(page.follow()) for page in pages]
        jobs = [f"j{number}" for number in range(150)]
        for job_id in jobs:
            await submit(store, job_id)
            await store.progress(random.choice(jobs), Progress(rows=1), -1)
        await store.fail(jobs, "CANCELLED", "", now=3)
        last = await store.last_revision()
        for page, task in zip(pages, showing, strict=True):
            await page.reached(last)
            task.cancel()
    for page in pages:
        assert all(a < b for a, b in pairwise(page.revisions))
        assert page.ended == set(jobs)


class PageLostError(Exception):
    """The connection of a page broke."""


class Page:
    """A live page of all jobs; one that breaks now and then goes on from its last message."""

    def __init__(self, hub: Hub, store: JobStore, *, breaks: bool) -> None:
        self.revisions: list[int] = []
        self.ended: set[str] = set()
        self._hub, self._store, self._breaks = hub, store, breaks
        self._news = asyncio.Event()

    async def follow(self) -> None:
        while True:
            last = self.revisions[-1] if self.revisions else 0
            with suppress(PageLostError):
                await follow_all(self._hub, self._store, ANYBODY, ALL, last, self._send)

    async def reached(self, revision: int) -> None:
        while not self.revisions or self.revisions[-1] < revision:
            self._news.clear()
            await self._news.wait()

    async def _send(self, message: bytes) -> None:
        if self._breaks and random.random() < 0.1:
            raise PageLostError
        job_id, status, revision = message.decode().split()
        self.revisions.append(int(revision))
        if status == Status.FAILED:
            self.ended.add(job_id)
        self._news.set()


# --- the feed --------------------------------------------------------------------------------


def state(job_id: str, revision: int) -> EncodedChange:
    job = Job(
        job_id, Request(("a",), job_id), Status.WORKING, Phase.QUEUED, "", "",
        revision, revision, 1, 0, 0, Progress(), -1.0,
    )  # fmt: skip
    return EncodedChange(job, Encoder())


@given(
    changes=st.lists(st.sampled_from("abcdef"), min_size=1),
    bounds=st.tuples(st.integers(0, 30), st.integers(0, 30)),
)
def test_the_feed_knows_the_newest_state_of_each_job_or_says_that_it_does_not(
    changes: list[str], bounds: tuple[int, int]
) -> None:
    feed = JobFeed(capacity=4 * state("a", 1).size)
    newest: dict[str, int] = {}
    for revision, job_id in enumerate(changes, 1):
        feed.take(state(job_id, revision))
        newest[job_id] = revision
    after, last = bounds
    found = feed.between(after, last)
    if found is None:
        assert len(newest) > 4 or last > len(changes)
    else:
        expected = sorted(one for one in newest.values() if after < one <= last)
        assert [one.change.revision for one in found] == expected


def test_a_feed_that_begins_late_does_not_know_what_came_before() -> None:
    feed = JobFeed()
    assert feed.between(0, 10) is None
    feed.take(state("a", 8))
    assert feed.between(6, 8) is None
    assert feed.between(7, 8)


def test_a_feed_does_not_know_what_is_still_on_its_way() -> None:
    feed = JobFeed()
    feed.take(state("a", 8))
    assert feed.between(7, 9) is None
