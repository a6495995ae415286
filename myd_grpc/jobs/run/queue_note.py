"""What the job that is to begin next says of what it waits for, where none can begin at all."""

from __future__ import annotations

import asyncio
import logging

from myd_grpc.errors import StateError
from myd_grpc.jobs.run.queue import JobQueue
from myd_grpc.jobs.run.recording import explained
from myd_grpc.jobs.store.statements import WAITS
from myd_grpc.jobs.store.store import JobStore

logger = logging.getLogger(__name__)


class QueueNote:
    """Lets one job of the queue say it for all: there may be thousands, which wait for the same."""

    def __init__(self, store: JobStore, queue: JobQueue) -> None:
        self._store = store
        self._queue = queue
        self._told = ""
        self._telling: set[asyncio.Task[None]] = set()

    def update(self, why: str) -> None:
        """Have the right job say `why` none begins; "" where they do, and none says anything."""
        first = (self._queue.next or "") if why else ""
        if first == self._told:
            return
        if self._told:
            self._tell(self._told, "")
        if first:
            self._tell(first, f"{WAITS}: {why}")
        self._told = first

    async def close(self) -> None:
        """Return when all is recorded that was said."""
        await asyncio.gather(*self._telling)

    def _tell(self, job_id: str, msg: str) -> None:
        task = asyncio.create_task(self._record(job_id, msg))
        self._telling.add(task)  # the loop itself would forget a task nobody holds
        task.add_done_callback(self._telling.discard)

    async def _record(self, job_id: str, msg: str) -> None:
        if msg:
            logger.warning("job %s: %s", job_id, msg)
        try:
            await self._store.say_queued(job_id, msg)
        except StateError as error:
            logger.warning("job %s: message not recorded: %s", job_id, explained(error))
