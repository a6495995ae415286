"""Results for programs: one JSON object a line, named and shaped as over REST."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from myd.analysis.v1.analysis_pb2 import Job, ShoppingSummary
from myd_grpc.cli import wording
from myd_grpc.cli.wrapping import tell


class JsonView:
    """Prints every state."""

    def show(self, job: Job) -> None:
        """Prints a job's new state."""
        _print(job)

    def note(self, text: str) -> None:
        """Prints to standard error, as all that is not a result."""
        tell(text)

    lost = note


class JsonOutput:
    """See the module."""

    def submitted(self, job_id: str) -> None:
        """Prints `{"job_id": ...}`."""
        print(json.dumps({"job_id": job_id}), flush=True)

    @contextmanager
    def follow(self) -> Iterator[JsonView]:
        """A view that prints every state."""
        yield JsonView()

    follow_all = follow

    def outcome(self, job: Job) -> None:
        """Prints nothing: the last state has been shown."""

    def job(self, job: Job) -> None:
        """Prints one job."""
        _print(job)

    def waiting(self, job: Job, command: str) -> None:
        """Prints nothing: the state has been shown, and says it."""

    def jobs(self, jobs: Iterable[Job]) -> None:
        """Prints a line for each job."""
        for job in jobs:
            _print(job)

    def tables(self, tables: Iterable[Job.Table]) -> None:
        """Prints a line for each table."""
        for table in tables:
            _print(table)

    def remark(self, text: str) -> None:
        """Prints to standard error, as all that is not a result."""
        tell(text)

    nothing_cancelled = job

    def forgotten(self, job: Job) -> None:
        """Prints the job as it is now: not there."""
        _print(job)

    nothing_forgotten = forgotten

    def summary(self, summary: ShoppingSummary) -> None:
        """Prints the summary."""
        _print(summary)
        for text in wording.cautions(summary):
            tell(text)


def _print(message: Message) -> None:
    members = MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    print(json.dumps(members, ensure_ascii=False, separators=(",", ":")), flush=True)
