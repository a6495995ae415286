"""Many jobs as a table for a terminal of any width."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from rich.cells import cell_len, chop_cells
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from myd.analysis.v1.analysis_pb2 import Job
from myd_grpc.cli import wording

_STYLES = {Job.WORKING: "cyan", Job.DONE: "green", Job.FAILED: "red"}
_ID_WIDTH = 32  # an id that is cut cannot be copied
_STATE_WIDTH = 15  # of `waiting for key`
_MEDIUM = _STATE_WIDTH + 6 + _ID_WIDTH + 6  # columns, with what is between
_WIDE = 110  # from here on, an id beside the names leaves them room enough
_ARROW = " → "


class Title:
    """What a job is called, in one line of whatever width: the output's name is cut last."""

    def __init__(self, job: Job, style: str = "") -> None:
        self._job = job
        self._style = style

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(fitted_title(self._job, options.max_width), self._style, no_wrap=True)

    def __rich_measure__(self, _console: Console, options: ConsoleOptions) -> Measurement:
        whole = cell_len(wording.title(self._job))
        return Measurement(min(_ID_WIDTH, whole, options.max_width), min(whole, options.max_width))


def fitted_title(job: Job, cells: int) -> str:
    """`a.json → out` in so many cells of a terminal, of which a syllable of Hangul takes two."""
    whole = wording.title(job)
    inputs, arrow, output = whole.partition(_ARROW)
    if cell_len(whole) <= cells or not arrow:
        return fitted(whole, cells)
    output = fitted(output, max(cells // 2, cells - cell_len(inputs) - len(_ARROW)))
    return fitted(inputs, cells - cell_len(output) - len(_ARROW)) + _ARROW + output


def fitted(text: str, cells: int) -> str:
    """A text that ends in `…` where it does not fit."""
    if cell_len(text) <= cells:
        return text
    return chop_cells(text, max(1, cells - 1))[0] + "…"


def job_table(jobs: Iterable[Job], width: int) -> Table:
    """A table of jobs: a line for each, or two or three where there is no room for all columns."""
    if width < _MEDIUM:
        return _narrow_table(jobs)
    is_wide = width >= _WIDE
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0), expand=True)
    table.add_column("state", min_width=_STATE_WIDTH, no_wrap=True)
    table.add_column("", min_width=6, justify="right", no_wrap=True)
    if is_wide:
        table.add_column("submitted", no_wrap=True)
    table.add_column("job", min_width=_ID_WIDTH, ratio=1)
    if is_wide:
        table.add_column("id", min_width=_ID_WIDTH, no_wrap=True)
    for job in jobs:
        table.add_row(*(_line(job) if is_wide else _two_lines(job)))
    return table


def _narrow_table(jobs: Iterable[Job]) -> Table:
    """All in one column, and without the date: an id is shown whole where there is any way."""
    table = Table(box=None, header_style="bold", padding=(0, 0, 0, 0), expand=True)
    table.add_column("job", min_width=_ID_WIDTH)
    for job in jobs:
        state, percent, _, job_id = _facts(job)
        table.add_row(Group(Text.assemble(state, f"  {percent}"), Title(job), job_id))
    return table


def _lines_of_job(width: int) -> int:
    """How many lines a job takes in a table of that width."""
    if width < _MEDIUM:
        return 3
    return 1 if width >= _WIDE else 2


def _line(job: Job) -> tuple[RenderableType, ...]:
    state, percent, submitted, job_id = _facts(job)
    return state, percent, submitted, Title(job), job_id


def _two_lines(job: Job) -> tuple[RenderableType, ...]:
    state, percent, submitted, job_id = _facts(job)
    return Group(state, submitted), percent, Group(Title(job), job_id)


def _facts(job: Job) -> tuple[Text, str, Text, Text]:
    return (
        Text(wording.printable(job.reason) or wording.stage(job), style=style(job)),
        f"{job.progress.percent:.1f}%",
        Text(wording.moment(job.submit_time), style="dim"),
        Text(wording.printable(job.job_id), style="dim"),
    )


def live_table(jobs: Iterable[Job], width: int, height: int) -> RenderableType:
    """As many jobs as there is room for, those that work first, and how many more there are."""
    ordered = in_order(jobs)
    rows = max(1, (height - 4) // _lines_of_job(width))
    table = job_table(ordered[:rows], width)
    more = len(ordered) - rows
    return Group(table, Text(f"and {more:,} more", style="dim")) if more > 0 else table


def in_order(jobs: Iterable[Job]) -> Sequence[Job]:
    """Those that work first, and the newest first of each; of one second, what began later."""

    def place(job: Job) -> tuple[bool, int, float, str]:
        began = job.job_start_time or math.inf
        return job.status == Job.WORKING, job.submit_time, began, job.job_id

    return sorted(jobs, key=place, reverse=True)


def style(job: Job) -> str:
    """The colour of a job's state."""
    return _STYLES.get(job.status, "yellow")
