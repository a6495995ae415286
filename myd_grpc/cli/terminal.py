"""Results for a person at a terminal."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.constrain import Constrain
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from myd.analysis.v1.analysis_pb2 import Job, ShoppingSummary
from myd_grpc.cli import wording
from myd_grpc.cli.job_table import Title, job_table, live_table, style
from myd_grpc.cli.rate import Rate
from myd_grpc.cli.wrapping import wrapped

_REFRESHES_PER_S = 10
_INDENT = "  "


class BarView:
    """One job as a progress bar; rich draws it again and again from `__rich__`."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._rate = Rate()
        self._job: Job | None = None
        self._is_lost = False

    def show(self, job: Job) -> None:
        """Takes the state that is drawn from now on."""
        self._rate.add(time.monotonic(), job.progress.bytes_read)
        self._job, self._is_lost = job, False

    def note(self, text: str) -> None:
        """Prints a line above the bar."""
        _print(self._console, text, "yellow")

    def lost(self, text: str) -> None:
        """Prints a line above the bar, which shows no movement until there is a new state."""
        self._is_lost = True
        self.note(text)

    def __rich__(self) -> RenderableType:
        if self._job is None:
            return Text("waiting for the server")
        rate = None if self._is_lost else self._rate.per_second()
        figures = " · ".join(wording.figures(self._job, rate))
        said = wording.message(self._job)
        return Group(
            Title(self._job, style="bold"),
            _bar_line(self._job, is_lost=self._is_lost),
            Text(figures, style="dim", overflow="ellipsis", no_wrap=True),
            *([Text(said, style="yellow")] if said else []),
        )


class TableView:
    """Many jobs as a live table, those that work on top."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._jobs: dict[str, Job] = {}

    def show(self, job: Job) -> None:
        """Takes a job's new state; one whose record was deleted goes."""
        if job.status == Job.NOTFOUND:
            self._jobs.pop(job.job_id, None)
        else:
            self._jobs[job.job_id] = job

    def note(self, text: str) -> None:
        """Prints a line above the table."""
        _print(self._console, text, "yellow")

    lost = note

    def __rich__(self) -> RenderableType:
        jobs = list(self._jobs.values())  # at once: rich draws in a thread of its own
        # Up to the edge, the terminal's echo of Ctrl-C would wrap and leave a line behind.
        width = self._console.width - len("^C") - 1
        return Constrain(live_table(jobs, width, self._console.height), width)


class TerminalOutput:
    """See the module."""

    def __init__(self) -> None:
        # Names come from files: they are shown as they are, never read as markup.
        self._console = Console(markup=False, highlight=False, emoji=False)

    def submitted(self, job_id: str) -> None:
        """Prints the id."""
        self._console.print(wording.printable(job_id), soft_wrap=True)

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
        _print(self._console, f"{mark} {wording.title(job)}", f"bold {style(job)}")
        _print(self._console, wording.outcome(job), style(job), _INDENT)
        if job.tables:
            _print(self._console, wording.location(job), "dim", _INDENT)

    def job(self, job: Job) -> None:
        """Prints one job."""
        if job.status == Job.NOTFOUND:
            missing = f"{wording.printable(job.job_id)} NOTFOUND"
            self._console.print(missing, style="yellow", soft_wrap=True)
            return
        if job.status == Job.WORKING:
            view = BarView(self._console)
            view.show(job)
            self._console.print(view)
        else:
            self.outcome(job)
        facts = f"{wording.printable(job.job_id)}, {wording.times(job)}"
        _print(self._console, facts, "dim", _INDENT)

    def waiting(self, job: Job, command: str) -> None:
        """Prints what is to be done about a job that waits for its key."""
        _print(self._console, wording.waiting(job, command), "yellow")

    def jobs(self, jobs: Iterable[Job]) -> None:
        """Prints a table of jobs."""
        self._console.print(job_table(jobs, self._console.width))

    def tables(self, tables: Iterable[Job.Table]) -> None:
        """Prints a table of tables."""
        self._console.print(_written_table(tables))

    def remark(self, text: str) -> None:
        """Prints a line in yellow."""
        _print(self._console, text, "yellow")

    def nothing_cancelled(self, job: Job) -> None:
        """Prints that the job had ended before."""
        self._console.print(wording.nothing_cancelled(job), soft_wrap=True)

    def forgotten(self, job: Job) -> None:
        """Prints that the record is gone."""
        self._console.print(wording.forgotten(job), soft_wrap=True)

    def nothing_forgotten(self, job: Job) -> None:
        """Prints that there was no record."""
        self._console.print(wording.nothing_forgotten(job), soft_wrap=True)

    def summary(self, summary: ShoppingSummary) -> None:
        """Prints the months, a table of categories, and what they rest on."""
        months = ", ".join(summary.year_months) or "none with a date"
        self._console.print(Text.assemble(("months  ", "bold"), wording.printable(months)))
        table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
        table.add_column("category")
        table.add_column("second level")
        for category, labels in summary.categories.items():
            second_levels = ", ".join(str(label) for label in labels)
            table.add_row(wording.printable(category), wording.printable(second_levels))
        self._console.print(table)
        self._console.print(Text(wording.basis(summary), style="dim"))
        for text in wording.cautions(summary):
            _print(self._console, text, "yellow")

    def _live(self, view: BarView | TableView, *, transient: bool) -> Live:
        return Live(
            view,
            console=self._console,
            transient=transient,
            refresh_per_second=_REFRESHES_PER_S,
            vertical_overflow="ellipsis",
        )


def _print(console: Console, text: str, style: str, indent: str = "") -> None:
    """Prints a text in lines that are broken at spaces only."""
    console.print(wrapped(text, console.width, indent), style=style, soft_wrap=True)


def _bar_line(job: Job, *, is_lost: bool) -> Table:
    line = Table.grid(padding=(0, 1), expand=True)
    for _ in range(4):
        line.add_column(no_wrap=True)
    line.columns[1].ratio = 1
    line.add_row(
        Text("not connected" if is_lost else wording.stage(job), style=style(job)),
        _bar(job, is_lost=is_lost),
        f"{job.progress.percent:5.1f}%",
        "" if is_lost else wording.time_left(job),
    )
    return line


def _bar(job: Job, *, is_lost: bool) -> ProgressBar:
    is_reading = bool(job.progress.bytes_total)
    return ProgressBar(
        total=100,
        completed=job.progress.percent,
        pulse=job.status == Job.WORKING and not is_reading and not is_lost,
    )


def _written_table(tables: Iterable[Job.Table]) -> Table:
    """A line for each table; it goes by its files, whose names begin with the table's.

    Where tables share a file, its name is told, too.
    """
    tables = list(tables)
    shared = wording.share_files(tables)
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    if shared:
        table.add_column("table", overflow="fold")
    table.add_column("files", overflow="fold")
    for heading in ("parts", "rows", "size"):
        table.add_column(heading, justify="right", no_wrap=True)
    for written in tables:
        table.add_row(
            *([wording.printable(written.name)] if shared else []),
            wording.files(written),
            f"{len(written.parts):,}",
            f"{written.rows:,}",
            wording.table_size(written),
        )
    return table
