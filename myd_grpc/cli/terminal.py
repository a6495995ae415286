"""Results for a person at a terminal."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.constrain import Constrain
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from myd.analysis.v1.analysis_pb2 import Job, ShoppingSummary
from myd_grpc.cli import wording
from myd_grpc.cli.rate import Rate

_STYLES = {Job.WORKING: "cyan", Job.DONE: "green", Job.FAILED: "red"}
_REFRESHES_PER_S = 10
_ID_WIDTH = 32  # an id that is cut cannot be copied
_STATE_WIDTH = 15  # of `waiting for key`


class BarView:
    """One job as a progress bar; rich draws it again and again from `__rich__`."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._rate = Rate()
        self._job: Job | None = None

    def show(self, job: Job) -> None:
        """Takes the state that is drawn from now on."""
        self._rate.add(time.monotonic(), job.progress.bytes_read)
        self._job = job

    def note(self, text: str) -> None:
        """Prints a line above the bar."""
        self._console.print(text, style="yellow")

    def __rich__(self) -> RenderableType:
        if self._job is None:
            return Text("waiting for the server")
        figures = " · ".join(wording.figures(self._job, self._rate.per_second()))
        said = wording.message(self._job)
        return Group(
            Text(wording.title(self._job), style="bold", overflow="ellipsis", no_wrap=True),
            _bar_line(self._job),
            Text(figures, style="dim", overflow="ellipsis", no_wrap=True),
            *([Text(said, style="yellow")] if said else []),
        )


class TableView:
    """Many jobs as a live table, the newest on top."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._jobs: dict[str, Job] = {}

    def show(self, job: Job) -> None:
        """Takes a job's new state."""
        self._jobs[job.job_id] = job

    def note(self, text: str) -> None:
        """Prints a line above the table."""
        self._console.print(text, style="yellow")

    def __rich__(self) -> RenderableType:
        jobs = list(self._jobs.values())  # at once: rich draws in a thread of its own
        jobs.sort(key=lambda job: job.submit_time, reverse=True)
        rows = max(1, self._console.height - 4)  # what the screen has room for
        # Up to the edge, the terminal's echo of Ctrl-C would wrap and leave a line behind.
        return Constrain(_job_table(jobs[:rows]), self._console.width - len("^C") - 1)


class TerminalOutput:
    """See the module."""

    def __init__(self) -> None:
        # Names come from files: they are shown as they are, never read as markup.
        self._console = Console(markup=False, highlight=False, emoji=False)

    def submitted(self, job_id: str) -> None:
        """Prints the id."""
        self._console.print(job_id, soft_wrap=True)

    @contextmanager
    def follow(self) -> Iterator[BarView]:
        """A progress bar, gone when the job has ended."""
        view = BarView(self._console)
        with self._live(view, transient=True):
            yield view

    @contextmanager
    def follow_all(self) -> Iterator[TableView]:
        """A live table."""
        view = TableView(self._console)
        with self._live(view, transient=False):
            yield view

    def outcome(self, job: Job) -> None:
        """Prints what the job wrote and, where it stays in sight, how it ended."""
        if job.tables:
            self.tables(job.tables)
        mark = "✔" if job.status == Job.DONE else "✘"
        self._console.print(f"{mark} {wording.title(job)}", style=f"bold {_style(job)}")
        self._console.print(Padding(Text(wording.outcome(job), style=_style(job)), (0, 2)))
        if job.tables:
            self._console.print(Padding(Text(wording.location(job), style="dim"), (0, 2)))

    def job(self, job: Job) -> None:
        """Prints one job."""
        if job.status != Job.WORKING:
            self.outcome(job)
            return
        view = BarView(self._console)
        view.show(job)
        self._console.print(view)

    def waiting(self, job: Job, command: str) -> None:
        """Prints what is to be done about a job that waits for its key."""
        self._console.print(wording.waiting(job, command), style="yellow", soft_wrap=True)

    def jobs(self, jobs: Iterable[Job]) -> None:
        """Prints a table of jobs."""
        self._console.print(_job_table(jobs))

    def tables(self, tables: Iterable[Job.Table]) -> None:
        """Prints a table of tables."""
        self._console.print(_written_table(tables))

    def forgotten(self, job: Job) -> None:
        """Prints that the record is gone."""
        self._console.print(wording.forgotten(job), soft_wrap=True)

    def nothing_forgotten(self, job: Job) -> None:
        """Prints that there was no record."""
        self._console.print(wording.nothing_forgotten(job), soft_wrap=True)

    def summary(self, summary: ShoppingSummary) -> None:
        """Prints the months, a table of categories, and what they rest on."""
        months = ", ".join(summary.year_months) or "none with a date"
        self._console.print(Text.assemble(("months  ", "bold"), months))
        table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
        table.add_column("category")
        table.add_column("second level")
        for category, labels in summary.categories.items():
            second_levels = ", ".join(str(label) for label in labels)
            table.add_row(wording.printable(category), wording.printable(second_levels))
        self._console.print(table)
        self._console.print(Text(wording.basis(summary), style="dim"))
        for text in wording.cautions(summary):
            self._console.print(Text(text, style="yellow"))

    def _live(self, view: BarView | TableView, *, transient: bool) -> Live:
        return Live(
            view,
            console=self._console,
            transient=transient,
            refresh_per_second=_REFRESHES_PER_S,
            vertical_overflow="ellipsis",
        )


def _bar_line(job: Job) -> Table:
    line = Table.grid(padding=(0, 1), expand=True)
    for _ in range(4):
        line.add_column(no_wrap=True)
    line.columns[1].ratio = 1
    line.add_row(
        Text(wording.stage(job), style=_style(job)),
        _bar(job),
        f"{job.progress.percent:5.1f}%",
        wording.time_left(job),
    )
    return line


def _bar(job: Job) -> ProgressBar:
    is_reading = bool(job.progress.bytes_total)
    return ProgressBar(
        total=100,
        completed=job.progress.percent,
        pulse=job.status == Job.WORKING and not is_reading,
    )


def _job_table(jobs: Iterable[Job]) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0), expand=True)
    table.add_column("job", min_width=_ID_WIDTH, no_wrap=True)
    table.add_column("state", min_width=_STATE_WIDTH, no_wrap=True)
    table.add_column("", min_width=6, justify="right", no_wrap=True)
    # Names of files are long and alike; what the job is known by is its output.
    table.add_column("output", overflow="ellipsis", no_wrap=True, ratio=1)
    table.add_column("files", overflow="ellipsis", no_wrap=True, ratio=1)
    for job in jobs:
        table.add_row(
            job.job_id,
            Text(job.reason or wording.stage(job), style=_style(job)),
            f"{job.progress.percent:.1f}%",
            wording.printable(job.output_file_name),
            wording.inputs(job),
        )
    return table


def _written_table(tables: Iterable[Job.Table]) -> Table:
    """A line for each table; it goes by its files, whose names begin with the table's."""
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("files", overflow="fold")
    for heading in ("parts", "rows", "size"):
        table.add_column(heading, justify="right", no_wrap=True)
    for written in tables:
        table.add_row(
            wording.files(written),
            f"{len(written.parts):,}",
            f"{written.rows:,}",
            wording.size(wording.table_bytes(written)),
        )
    return table


def _style(job: Job) -> str:
    return _STYLES.get(job.status, "yellow")
