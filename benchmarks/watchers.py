"""Thousands of watchers on one job that is converting."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Any, TypeAlias

from benchmarks.data import encrypted
from benchmarks.report import Section, middle, percentile
from benchmarks.service import ROOT, Service, running
from myd.analysis.v1 import analysis_pb2 as pb

_PAUSE_S = 0.02


def measure(count: int, size: int) -> Section:
    """The watchers in one process, status calls from another, the service with both cores."""
    # The slower engine, so that the job lasts longer than it takes the watchers to arrive.
    with running(MYD_ENGINE="python", MYD_WORKERS="1") as service:
        job_id = service.submit(encrypted(size))
        watching = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.watching", service.address, job_id, str(count)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
        )
        calls = _status_calls(service, job_id)  # from before the watchers come
        output, _ = watching.communicate()
    return _section(count, json.loads(output), calls)


Call: TypeAlias = tuple[float, float]
"""When it began, on the machine's monotonic clock in seconds, and how many milliseconds it took."""


def _status_calls(service: Service, job_id: str) -> list[Call]:
    """GetJobStatus again and again until the job has ended."""
    calls = []
    while True:
        began = time.monotonic()
        job = service.client.status(job_id)
        calls.append((began, (time.monotonic() - began) * 1000))
        if job.status != pb.Job.WORKING:
            return calls
        time.sleep(_PAUSE_S)


def _section(count: int, seen: dict[str, Any], calls: list[Call]) -> Section:
    first = [seconds * 1000 for seconds in seen["first_after"]]
    spread_ms = (max(seen["last"]) - min(seen["last"])) * 1000
    all_there = max(seen["first"])
    arriving = [took_ms for began, took_ms in calls if began < all_there]
    watching = [took_ms for began, took_ms in calls if began >= all_there]
    rows = [
        ["streams that ended OK", str(seen["codes"].get("OK", 0))],
        ["first message after, median / p99 / greatest, ms", _three(first)],
        ["terminal message, first to last watcher, ms", f"{spread_ms:.0f}"],
        ["messages in all", str(seen["messages"])],
        _status_row("while they come", arriving),
        _status_row("while all watch", watching),
    ]
    return Section(
        f"{count} watchers on one converting job",
        "All opened at once over 40 connections, from one process on the same two cores.",
        ["what", "value"],
        rows,
    )


def _status_row(when: str, took_ms: list[float]) -> list[str]:
    calls = f"{len(took_ms)} calls"
    return [f"GetJobStatus {when} ({calls}), median / p99 / greatest, ms", _three(took_ms)]


def _three(values: list[float]) -> str:
    return f"{middle(values):.0f} / {percentile(values, 99):.0f} / {max(values):.0f}"
