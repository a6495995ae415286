"""The jobs that wait for a worker, and how many of them there may be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from myd_grpc.callers.model import CallerLimits
from myd_grpc.errors import QueueFullError, QuotaError
from myd_grpc.jobs.model import QueuedJob
from myd_grpc.jobs.run.turns import Turns

_RETRY_S = 5.0


class JobQueue:
    """Jobs that wait: those of each caller in order of arrival, and callers in turn.

    Those that ran before a restart come before all others, as they did.
    `slots` tells how many run at once, `max_queued` how many may wait beside them. A caller has the
    bounds that `limits_of` tells by its name; None in these is no bound. Slots that no job wants
    can be lent to jobs that run. A job needs no slot any more while its set is being published: the
    next one begins meanwhile, so that a worker need not wait for disks.
    """

    def __init__(
        self,
        slots: Callable[[], int],
        max_queued: int,
        limits_of: Callable[[str], CallerLimits] = lambda _: CallerLimits(),
    ) -> None:
        self._slots = slots
        self._max_queued = max_queued
        self._limits_of = limits_of
        self._accepting: Counter[str] = Counter()
        self._jobs: dict[str, QueuedJob] = {}
        self._begun: Turns[str] = Turns()
        self._turns: Turns[str] = Turns()
        self._running: Counter[str] = Counter()
        self._publishing = 0
        self._lent = 0

    @contextmanager
    def accepting(self, caller: str) -> Iterator[None]:
        """Keep a place for a job that may be added in the block.

        Raises QueueFullError or QuotaError when the caller may not submit one more.
        """
        self._check(caller)
        self._accepting[caller] += 1
        try:
            yield
        finally:
            self._accepting[caller] -= 1

    def add(self, job: QueuedJob) -> None:
        """Let a job wait."""
        self._jobs[job.job_id] = job
        self._line_of(job).add(job.owner, job.job_id)

    def get(self, job_id: str) -> QueuedJob | None:
        """The job, if it waits."""
        return self._jobs.get(job_id)

    def remove(self, job_id: str) -> QueuedJob | None:
        """Take the job out; None if it does not wait."""
        job = self._jobs.pop(job_id, None)
        if job:
            self._line_of(job).remove(job.owner, job_id)
        return job

    def remove_all(self) -> list[QueuedJob]:
        """Take all jobs out."""
        jobs, self._jobs = list(self._jobs.values()), {}
        self._begun, self._turns = Turns(), Turns()
        return jobs

    @property
    def next(self) -> str | None:
        """The id of the job that would run next, were there a slot; None when none may."""
        return self._begun.first(self._may_run) or self._turns.first(self._may_run)

    def begin(self) -> QueuedJob | None:
        """Take out the job that is to run next; None when none may."""
        if self._in_slots + self._lent >= self._slots() or self._publishing > self._slots():
            return None
        job_id = self._begun.take(self._may_run) or self._turns.take(self._may_run)
        if job_id is None:
            return None
        job = self._jobs.pop(job_id)
        self._running[job.owner] += 1
        return job

    def publish(self) -> None:
        """Note that a job that was begun needs its slot no more, and is about to end."""
        self._publishing += 1

    def end(self, job: QueuedJob, *, published: bool = False) -> None:
        """Note that a job that was begun runs no more, and whether that was told to `publish`."""
        self._running[job.owner] -= 1
        self._publishing -= published

    def lend(self) -> bool:
        """Note that a job which runs uses one more slot; False when there is none to spare."""
        spare = self._slots() - self._in_slots - self._lent - self._could_begin
        if spare > 0:
            self._lent += 1
        return spare > 0

    def take_back(self) -> None:
        """Note that a slot which was lent is used no more."""
        self._lent -= 1

    @property
    def wanted_back(self) -> int:
        """How many of the slots that were lent are missing: to jobs that wait, or altogether."""
        missing = self._in_slots + self._lent + self._could_begin - self._slots()
        return max(min(missing, self._lent), 0)

    @property
    def _in_slots(self) -> int:
        return self._running.total() - self._publishing

    @property
    def _could_begin(self) -> int:
        """How many of those that wait would begin, were there slots for all of them."""
        callers = {*self._begun.callers, *self._turns.callers}
        return sum(map(self._could_begin_of, callers))

    def _could_begin_of(self, caller: str) -> int:
        waiting = self._begun.of(caller) + self._turns.of(caller)
        most = self._limits_of(caller).running
        return waiting if most is None else min(waiting, max(most - self._running[caller], 0))

    def _check(self, caller: str) -> None:
        free = max(self._slots() - self._in_slots, 0)
        if self._accepting.total() + len(self._jobs) - free >= self._max_queued:
            raise QueueFullError("as many jobs wait as may wait; submit again later")
        limits = self._limits_of(caller)
        if limits.queued is None:
            return
        if limits.running is not None:
            free = min(free, max(limits.running - self._running[caller], 0))
        waiting = self._begun.of(caller) + self._turns.of(caller)
        if self._accepting[caller] + waiting - free >= limits.queued:
            most = f"as many jobs of this caller wait as may: {limits.queued} (queued)"
            raise QuotaError("caller", most, _RETRY_S)

    def _line_of(self, job: QueuedJob) -> Turns[str]:
        return self._begun if job.begun else self._turns

    def _may_run(self, caller: str) -> bool:
        most = self._limits_of(caller).running
        return most is None or self._running[caller] < most
