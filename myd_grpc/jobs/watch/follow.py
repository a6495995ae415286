"""What one stream of states consists of: the promises of WatchJob and WatchJobs.

`send` writes one message to the caller; it may raise, and the stream then ends with that.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import TypeAlias

from myd_grpc.callers.model import Caller
from myd_grpc.jobs.model import Change, DeletedJob, Status
from myd_grpc.jobs.store.store import JobStore
from myd_grpc.jobs.watch.hub import Hub
from myd_grpc.jobs.watch.subscribers import EncodedChange, JobFeed

Send: TypeAlias = Callable[[bytes], Awaitable[None]]

_PAGE = 100


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs a watcher of many is shown.

    Those in one of `statuses`, or all where that is empty; of those that had ended before the watch
    began, only the newest `ended_limit`.
    """

    statuses: tuple[Status, ...]
    ended_limit: int


async def follow_job(
    hub: Hub,
    store: JobStore,
    caller: Caller,
    job_id: str,
    from_revision: int,
    heartbeat_s: float,
    send: Send,
) -> bool:
    """Send the job's states until its final one is sent; False when there is no such job.

    Nothing at or below `from_revision` is sent except a final state. When nothing was shown for
    `heartbeat_s`, the last message is repeated.
    """
    with hub.watch_job(job_id) as (topic, watcher):
        # Watching began before this read, so no change falls in between.
        job = await store.get(caller, job_id)
        if job is None:
            return False
        hub.show_at_least(topic, job)
        revision, last, is_beat = from_revision, b"", False
        while True:
            state = topic.shown
            if state and (state.change.revision > revision or state.change.ended):
                revision, last = state.change.revision, state.data
                await send(last)
                if state.change.ended:
                    return True
            elif is_beat and last:
                await send(last)
            is_beat = not await watcher.wait(heartbeat_s)


async def follow_all(
    hub: Hub,
    store: JobStore,
    caller: Caller,
    job_filter: JobFilter,
    from_revision: int,
    send: Send,
) -> None:
    """Send the matching jobs' states and then each change; ends only by an exception.

    Messages go out in order of revision, and when one with revision r has been sent, so has the
    newest state of every matching job up to r, but for ended ones that are left out at the
    beginning: a caller may resume from any message.
    """
    with hub.watch_all() as (feed, watcher):
        upto = await store.last_revision()
        states = (
            _changes(hub, store, caller, feed, from_revision, upto)
            if from_revision
            else _beginning(hub, store, caller, job_filter, upto)
        )
        sent_to = from_revision
        while True:
            async for state in states:
                if _concerns(state.change, job_filter.statuses, sent_to):
                    await send(state.data)
            sent_to = max(sent_to, upto)
            await watcher.wait(None)
            upto = feed.shown
            states = _changes(hub, store, caller, feed, sent_to, upto)


async def _beginning(
    hub: Hub, store: JobStore, caller: Caller, job_filter: JobFilter, last: int
) -> AsyncIterator[EncodedChange]:
    """The states up to that revision of the jobs that work and of the newest that have ended."""
    revisions = await store.shown_first(caller, job_filter.statuses, job_filter.ended_limit, last)
    while revisions:
        # A job that has changed meanwhile comes with its change.
        jobs = await store.at_revisions(caller, revisions, _PAGE)
        for job in jobs:
            yield hub.encoded(job)
        revisions = [one for one in revisions if jobs and one > jobs[-1].revision]


async def _changes(
    hub: Hub, store: JobStore, caller: Caller, feed: JobFeed, after: int, last: int
) -> AsyncIterator[EncodedChange]:
    """The newest states with a revision in (after, last], in order, that the caller may see."""
    if after >= last:
        return
    if (recent := feed.between(after, last)) is not None:
        for state in recent:
            if caller.sees(state.change.owner):
                yield state
        return
    while changes := await store.changed_since(caller, after, _PAGE):
        for change in changes:
            if change.revision > last:
                return
            yield hub.encoded(change)
        after = changes[-1].revision


def _concerns(change: Change, statuses: Collection[Status], seen_to: int) -> bool:
    """Whether a watcher for these statuses, who has seen all up to a revision, gets this state.

    A job that was there by then was WORKING by then, because an end is a job's last change. So
    whoever watches WORKING jobs knows it, and is told of its end too.
    """
    if isinstance(change, DeletedJob) or not statuses or change.status in statuses:
        return True
    return Status.WORKING in statuses and change.submit_revision <= seen_to
