"""What every way of showing results can do; there is one for people, logs and programs each."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Protocol

from myd.analysis.v1.analysis_pb2 import Job, ShoppingSummary


class View(Protocol):
    """Shows jobs while they run."""

    def show(self, job: Job) -> None:
        """Shows a job's new state."""

    def note(self, text: str) -> None:
        """Tells a person something beside it."""

    def lost(self, text: str) -> None:
        """Tells a person that nothing is heard of the jobs until there is a new state."""


class Output(Protocol):
    """Shows the results of the commands."""

    def submitted(self, job_id: str) -> None:
        """Shows the id of a job that is left to itself."""

    def follow(self) -> AbstractContextManager[View]:
        """A view of one job."""

    def follow_all(self) -> AbstractContextManager[View]:
        """A view of many jobs."""

    def outcome(self, job: Job) -> None:
        """Shows how a job ended that was followed."""

    def job(self, job: Job) -> None:
        """Shows one job."""

    def waiting(self, job: Job, command: str) -> None:
        """Shows what a job waits for, and the command that hands it over."""

    def jobs(self, jobs: Iterable[Job]) -> None:
        """Shows a list of jobs."""

    def tables(self, tables: Iterable[Job.Table]) -> None:
        """Shows a list of tables."""

    def remark(self, text: str) -> None:
        """Tells a person something beside the result."""

    def nothing_cancelled(self, job: Job) -> None:
        """Shows that a job had ended before."""

    def forgotten(self, job: Job) -> None:
        """Shows that a job's record is deleted."""

    def nothing_forgotten(self, job: Job) -> None:
        """Shows that a job had no record."""

    def summary(self, summary: ShoppingSummary) -> None:
        """Shows a shopping summary."""


def choose(*, as_json: bool) -> Output:
    """The output for standard output as it is; only the one that is needed is loaded."""
    if as_json:
        from myd_grpc.cli.json_output import JsonOutput  # noqa: PLC0415 - start fast

        return JsonOutput()
    # There is none where a program starts this one with it closed.
    if sys.stdout and sys.stdout.isatty():
        from myd_grpc.cli.terminal import TerminalOutput  # noqa: PLC0415 - start fast

        return TerminalOutput()
    from myd_grpc.cli.plain import PlainOutput  # noqa: PLC0415 - start fast

    return PlainOutput()
