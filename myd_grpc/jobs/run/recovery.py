"""After a start: each job that the last server left ends, goes on, or waits for its key."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from myd_grpc.convert.errors import ConversionError, Reason, ShortageError
from myd_grpc.convert.model import NO_KEYS
from myd_grpc.convert.output.naming import set_directory
from myd_grpc.jobs.model import QueuedJob, UnfinishedJob
from myd_grpc.jobs.publish.place import OutputPlace
from myd_grpc.jobs.publish.sub_directories import DirectoryMissingError
from myd_grpc.jobs.run.recording import pause
from myd_grpc.jobs.store.store import JobStore

logger = logging.getLogger(__name__)

INTERRUPTED = (
    "the server was stopped before the job was done; submit it again, with a request_id, so that "
    "it can wait for its key next time"
)
TOO_LATE = "the server was restarted, and the key was not sent again in time; submit it again"


def waiting_for(*, encrypted: bool, needs_masking_key: bool) -> str:
    """What a job says that waits for these keys."""
    which = ["the key"] * encrypted + ["the masking key"] * needs_masking_key
    return (
        f"the server was restarted and does not store keys: hand {' and '.join(which)} over with "
        "ResumeJob, or send the same request with the same request_id again, and the job goes on"
    )


@dataclass(frozen=True, slots=True)
class WaitingJob:
    """A job that goes on if it is handed its keys before `deadline` (epoch seconds)."""

    job: QueuedJob
    deadline: int


@dataclass(frozen=True, slots=True)
class ResumedJobs:
    """The jobs of the last server that go on, in the order in which they were submitted."""

    queued: list[QueuedJob] = field(default_factory=list)
    waiting: list[WaitingJob] = field(default_factory=list)


class Recovery:
    """Settles what the last server left. Blocks the loop, which serves nobody yet.

    `window_s` is how long a job waits for its key, `now` the time in epoch seconds. What the jobs
    are to do is not looked at, which may be long: their files are checked when each begins.
    """

    def __init__(
        self,
        store: JobStore,
        output: OutputPlace,
        window_s: int,
        now: int,
    ) -> None:
        self._store = store
        self._output = output
        self._window_s = window_s
        self._now = now
        self._resumed = ResumedJobs()
        self._done: list[str] = []
        self._failed: dict[tuple[Reason, str], list[str]] = {}
        self._waiting: dict[str, list[str]] = {}  # by what they say

    async def run(self) -> ResumedJobs:
        """The jobs that are to go on; all others have ended."""
        left = await self._store.unfinished()
        for one in left:
            try:
                await self._settle_once_possible(one)
            except ConversionError as error:
                self._failed.setdefault((error.reason, error.message), []).append(one.job_id)
        await self._commit()
        if left:
            logger.info("after restart: %s", self._summary())
        return self._resumed

    async def _settle_once_possible(self, one: UnfinishedJob) -> None:
        """As `_settle`, however long this machine, or the store of sets, lacks what it takes."""
        while True:
            try:
                self._settle(one)
            except ShortageError as error:
                logger.warning("job %s: %s", one.job_id, error.message)
                await pause()
            else:
                return

    def _settle(self, one: UnfinishedJob) -> None:
        """Decide about a job. Raises ConversionError for one that does not go on."""
        if self._publish(one):
            self._done.append(one.job_id)
            return
        job = QueuedJob(
            one.job_id,
            one.owner,
            one.output_dir,
            one.name,
            NO_KEYS,
            one.overwrite,
            resumable=True,
            begun=one.begun,
        )
        if not one.encrypted and not one.needs_masking_key:
            self._resumed.queued.append(job)
        elif one.has_request_id:
            deadline = (one.waiting_since or self._now) + self._window_s
            if deadline <= self._now:
                raise ConversionError(Reason.INTERRUPTED, TOO_LATE)
            self._resumed.waiting.append(WaitingJob(job, deadline))
            says = waiting_for(encrypted=one.encrypted, needs_masking_key=one.needs_masking_key)
            self._waiting.setdefault(says, []).append(one.job_id)
        else:
            raise ConversionError(Reason.INTERRUPTED, INTERRUPTED)

    def _publish(self, one: UnfinishedJob) -> bool:
        """Whether the job's set was complete, and is published now if it was not before."""
        name = set_directory(one.name)
        try:
            return self._output.within(
                one.output_dir,
                lambda output: output.recover(one.job_id, one.staged, name, replace=one.overwrite),
            )
        except DirectoryMissingError:
            return False

    async def _commit(self) -> None:
        """Record it all; the space of a failed job is free before anyone hears of the failure."""
        queued = [one.job_id for one in self._resumed.queued]
        waiting = [one.job.job_id for one in self._resumed.waiting]
        for job_id in self._done:
            await self._store.done(job_id, self._now)
        for directory in ["", *await self._store.output_dirs()]:
            self._sweep(directory, [*queued, *waiting])
        for (reason, message), job_ids in self._failed.items():
            await self._store.fail(job_ids, reason, message, self._now)
        await self._store.queue_again(queued)
        for says, job_ids in self._waiting.items():
            await self._store.wait_for_key(job_ids, says, self._now)

    def _sweep(self, directory: str, but: list[str]) -> None:
        try:
            self._output.within(directory, lambda output: output.sweep(but))
        except DirectoryMissingError:
            return
        except ConversionError as error:
            logger.warning("a directory of sets is not swept: %s", error.message)

    def _summary(self) -> str:
        numbers = {
            "done": len(self._done),
            "failed": sum(map(len, self._failed.values())),
            "going on": len(self._resumed.queued),
            "waiting for their keys": len(self._resumed.waiting),
        }
        return ", ".join(f"{number} jobs {what}" for what, number in numbers.items() if number)
