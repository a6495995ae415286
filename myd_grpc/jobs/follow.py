"""What one stream of states consists of: the promises of WatchJob and WatchJobs.

`send` writes one message to the caller; it may raise, and the stream then ends with that.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from typing import TypeAlias

from myd_grpc.jobs.audience import Feed, State
from myd_grpc.jobs.model import Job, Status
from myd_grpc.jobs.store import JobStore
from myd_grpc.jobs.watch import Hub

Send: TypeAlias = Callable[[bytes], Awaitable[None]]

_PAGE = 100


async def follow_job(
    hub: Hub, store: JobStore, job_id: str, from_revision: int, heartbeat_s: float, send: Send
) -> bool:
    """Send the job's states until its final one is sent; False when there is no such job.

    Nothing at or below `from_revision` is sent except a final state. When nothing was shown for
    `heartbeat_s`, the last message is repeated.
    """
    with hub.watch_job(job_id) as (topic, watcher):
        # Watching began before this read, so no change falls in between.
        job = await store.get(job_id)
        if job is None:
            return False
        hub.begin(topic, job)
        revision, last, is_beat = from_revision, b"", False
        while True:
            state = topic.shown
            if state and (state.job.revision > revision or state.job.ended):
                revision, last = state.job.revision, state.data
                await send(last)
                if state.job.ended:
                    return True
            elif is_beat and last:
                await send(last)
            is_beat = not await watcher.news(heartbeat_s)


async def follow_all(
    hub: Hub, store: JobStore, statuses: Collection[Status], from_revision: int, send: Send
) -> None:
    """Send the matching jobs' states and then each change; ends only by an exception.

    Messages go out in order of revision, and when one with revision r has been sent, so has the
    newest state of every matching job up to r: a caller may resume from any message.
    """
    with hub.watch_all() as (feed, watcher):
        sent_to = from_revision
        upto = await store.last_revision()
        while True:
            async for state in _changes(hub, store, feed, sent_to, upto):
                if _concerns(state.job, statuses, sent_to):
                    await send(state.data)
            sent_to = max(sent_to, upto)
            await watcher.news(None)
            upto = feed.shown


async def _changes(
    hub: Hub, store: JobStore, feed: Feed, after: int, last: int
) -> AsyncIterator[State]:
    """The newest states with a revision in (after, last], in order."""
    if after >= last:
        return
    if (recent := feed.between(after, last)) is not None:
        for state in recent:
            yield state
        return
    while jobs := await store.changed_since(after, _PAGE):
        for job in jobs:
            if job.revision > last:
                return
            yield hub.catch_up(job)
        after = jobs[-1].revision


def _concerns(job: Job, statuses: Collection[Status], seen_to: int) -> bool:
    """Whether a watcher for these statuses, who has seen all up to a revision, gets this state.

    A job that was there by then was WORKING by then, because an end is a job's last change. So
    whoever watches WORKING jobs knows it, and is told of its end too.
    """
    if not statuses or job.status in statuses:
        return True
    return Status.WORKING in statuses and job.submit_revision <= seen_to
