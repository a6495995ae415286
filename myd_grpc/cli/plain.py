"""Results for logs and pipes: plain lines, without colours or cursor movements."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from myd.analysis.v1.analysis_pb2 import Job, ShoppingSummary
from myd_grpc.cli import wording
from myd_grpc.cli.rate import Rate
from myd_grpc.cli.wrapping import tell

_BETWEEN_LINES_S = 1.0


class PlainView:
    """A line for each change of state, and one a second of progress in between."""

    def __init__(
        self, *, name_jobs: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._name_jobs = name_jobs
        self._clock = clock
        self._rate = Rate()
        self._last: dict[str, tuple[str, float]] = {}

    def show(self, job: Job) -> None:
        """Prints a line, unless nothing but numbers changed since the last second."""
        now_s, stage = self._clock(), wording.stage(job) + wording.message(job)
        self._rate.add(now_s, job.progress.bytes_read)
        last_stage, last_s = self._last.get(job.job_id, ("", 0.0))
        if stage == last_stage and now_s - last_s < _BETWEEN_LINES_S:
            return
        self._last[job.job_id] = (stage, now_s)
        print(self._line(job), flush=True)

    def note(self, text: str) -> None:
        """Prints to standard error, as all that is not a result."""
        tell(text)

    lost = note

    def _line(self, job: Job) -> str:
        head = [wording.printable(job.job_id), wording.title(job)] if self._name_jobs else []
        rate = None if self._name_jobs else self._rate.per_second()
        figures = [f"{job.progress.percent:.1f}%", *wording.figures(job, rate)]
        parts = [*head, wording.stage(job), *figures, wording.time_left(job), wording.message(job)]
        return "  ".join(filter(None, parts))


class PlainOutput:
    """See the module."""

    def submitted(self, job_id: str) -> None:
        """Prints the id and nothing else, for `job=$(client.py convert --detach ...)`."""
        print(wording.printable(job_id), flush=True)

    @contextmanager
    def follow(self) -> Iterator[PlainView]:
        """A view of one job."""
        yield PlainView()

    @contextmanager
    def follow_all(self) -> Iterator[PlainView]:
        """A view of many jobs: each line names its own."""
        yield PlainView(name_jobs=True)

    def outcome(self, job: Job) -> None:
        """Prints what the job wrote and how it ended."""
        self.tables(job.tables)
        print(wording.outcome(job))
        if job.tables:
            print(wording.location(job))

    def job(self, job: Job) -> None:
        """Prints one job, with its outcome once it has one."""
        self._line(job)
        if job.status in {Job.DONE, Job.FAILED}:
            self.outcome(job)
        elif said := wording.message(job):
            print(said)

    def waiting(self, job: Job, command: str) -> None:
        """Prints what is to be done about a job that waits for its key."""
        print(wording.waiting(job, command))

    def jobs(self, jobs: Iterable[Job]) -> None:
        """Prints a line for each job."""
        for job in jobs:
            self._line(job)

    def tables(self, tables: Iterable[Job.Table]) -> None:
        """Prints a line for each table."""
        for table in tables:
            print(
                wording.printable(table.name),
                wording.count(table.rows, "row"),
                wording.table_size(table),
                wording.files(table),
                sep="\t",
            )

    def remark(self, text: str) -> None:
        """Prints to standard error, as all that is not a result."""
        tell(text)

    def nothing_cancelled(self, job: Job) -> None:
        """Prints that the job had ended before."""
        print(wording.nothing_cancelled(job))

    def forgotten(self, job: Job) -> None:
        """Prints that the record is gone."""
        print(wording.forgotten(job))

    def nothing_forgotten(self, job: Job) -> None:
        """Prints that there was no record."""
        print(wording.nothing_forgotten(job))

    def summary(self, summary: ShoppingSummary) -> None:
        """Prints the months, a line for each category, and what they rest on."""
        print("months", wording.printable(" ".join(summary.year_months)), sep="\t")
        for category, second_levels in summary.categories.items():
            labels = [wording.printable(str(label)) for label in second_levels]
            print(wording.printable(category), ", ".join(labels), sep="\t")
        print(wording.basis(summary))
        for text in wording.cautions(summary):
            tell(text)

    def _line(self, job: Job) -> None:
        facts = [wording.printable(job.job_id), wording.stage(job)]
        if job.status != Job.NOTFOUND:  # of which nothing else is known
            facts += [f"{job.progress.percent:.1f}%", wording.title(job)]
        print(*facts, sep="\t")
