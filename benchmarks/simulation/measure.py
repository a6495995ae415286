"""What the server bears: more and more workers, jobs that wait, and watchers, one at a time."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.report import MB, Section, middle, percentile
from benchmarks.sampling import sampling
from benchmarks.service import ROOT, Service, running

_SAMPLED_S = 0.2
_JOB_S = 30.0
"""Seconds that a simulated job takes, about: it is their pace that counts, not their length."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is at once."""

    workers: int
    queued: int
    watchers: int


MIDDLE = Size(200, 10_000, 1000)
SIZES = [
    *(replace(MIDDLE, workers=workers) for workers in (10, 50, 100, 200, 400, 800)),
    *(replace(MIDDLE, queued=queued) for queued in (1000, 50_000)),
    *(replace(MIDDLE, watchers=watchers) for watchers in (100, 5000, 10_000)),
]
SMALL = [Size(10, 100, 50), Size(20, 200, 100)]


@dataclass(frozen=True, slots=True)
class Sample:
    """What the server has used of its machine by then (monotonic)."""

    when: float
    processor_s: float
    held_bytes: int


@dataclass(frozen=True, slots=True)
class Found:
    """What was measured at one size: by the callers, and by the workers within the server."""

    size: Size
    seen: dict[str, Any]
    figures: dict[str, list[tuple[float, float]]]
    samples: list[Sample]
    database_bytes: int

    @property
    def held_bytes(self) -> int:
        """The most memory that the server held."""
        return max(one.held_bytes for one in self.samples)

    @property
    def processor(self) -> float:
        """Seconds of processor time that the server took in each second."""
        while_looked_at = [one for one in self.samples if self._looked_at(one.when)]
        first, last = while_looked_at[0], while_looked_at[-1]
        return (last.processor_s - first.processor_s) / (last.when - first.when)

    def _looked_at(self, when: float) -> bool:
        return bool(self.seen["began"] <= when <= self.seen["ended"])

    @property
    def seconds(self) -> float:
        """How long it was looked at."""
        return float(self.seen["ended"] - self.seen["began"])

    def within(self, name: str) -> list[float]:
        """Milliseconds of the events of that kind that came meanwhile."""
        return [took * 1000 for when, took in self.figures[name] if self._looked_at(when)]


def measure(sizes: Sequence[Size], seconds: float) -> Section:
    """Each size for so many seconds, in a server of its own."""
    found = [_run(size, seconds) for size in sizes]
    return Section(
        "A simulation: many workers, jobs and watchers",
        "The real server, database and gRPC, with workers that report, save and publish at the "
        "pace of real ones and convert nothing, and with all callers, on the same two cores. "
        f"Each line is a server of its own, looked at for {seconds:g} s; watchers are on the jobs "
        "that are worked on. Late is how long after its time a report of a worker was committed; "
        "processor is that of the server, in cores. In milliseconds: median / p99.",
        [
            "workers",
            "queued",
            "watchers",
            "submitted a second",
            "reports a second",
            "late",
            "checkpoint committed",
            "GetJobStatus",
            "messages a second",
            "age of a message",
            "event loop late",
            "processor",
            "MB",
            "MB of database",
        ],
        [_row(one) for one in found],
    )


def _run(size: Size, seconds: float) -> Found:
    with tempfile.TemporaryDirectory() as home:
        report = Path(home) / "report"
        program = ("-m", "benchmarks.simulation.server", str(_JOB_S), str(report))
        with running(
            program=program,
            MYD_WORKERS=str(size.workers),
            MYD_MAX_QUEUED=str(size.queued),
            MYD_MAX_WATCHES=str(size.watchers + 1),
            MYD_STATE_DIR=f"{home}/state",
            MYD_LOG_LEVEL="WARNING",
        ) as service:
            with _sampled(service) as samples:
                seen = _load(service, size, seconds)
            database = sum(path.stat().st_size for path in Path(home, "state").glob("*.db*"))
        figures = json.loads(report.read_text())
    return Found(size, seen, figures, samples, database)


@contextmanager
def _sampled(service: Service) -> Iterator[list[Sample]]:
    """Leaves in the list what the server used, from time to time during the block."""
    samples: list[Sample] = []

    def look() -> None:
        samples.append(Sample(time.monotonic(), service.processor_s(), service.held()))

    with sampling(_SAMPLED_S, look):
        yield samples


def _load(service: Service, size: Size, seconds: float) -> dict[str, Any]:
    jobs = size.workers + size.queued
    numbers = [jobs, size.watchers, size.workers, seconds]
    command = [sys.executable, "-m", "benchmarks.simulation.load", service.address]
    output = subprocess.check_output([*command, *map(str, numbers)], cwd=ROOT)
    seen: dict[str, Any] = json.loads(output)
    return seen


def _row(found: Found) -> list[str]:
    size, seen = found.size, found.seen
    jobs = size.workers + size.queued
    return [
        f"{size.workers:,}",
        f"{size.queued:,}",
        f"{size.watchers:,}",
        f"{jobs / seen['accepted']:.0f}",
        f"{len(found.within('late')) / found.seconds:.0f}",
        _two(found.within("late")),
        _two(found.within("committed")),
        _two([seconds * 1000 for seconds in seen["status"]]),
        f"{seen['messages'] / found.seconds:.0f}",
        _two([seconds * 1000 for seconds in seen["lags"]]),
        _two(found.within("loop")),
        f"{found.processor:.2f}",
        f"{found.held_bytes / MB:.0f}",
        f"{found.database_bytes / MB:.0f}",
    ]


def _two(values: Sequence[float]) -> str:
    if len(values) < 2:
        return ""
    return f"{middle(values):.1f} / {percentile(values, 99):.0f}"
