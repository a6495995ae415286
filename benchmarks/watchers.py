"""Thousands of watchers on one job that is converting."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Any

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
        calls = _status_calls(service, job_id)
        output, _ = watching.communicate()
    return _section(count, json.loads(output), calls)


def _status_calls(service: Service, job_id: str) -> list[float]:
    """Milliseconds that GetJobStatus took, again and again until the job has ended."""
    times = []
    while True:
        began = time.perf_counter()
        job = service.client.status(job_id)
        times.append((time.perf_counter() - began) * 1000)
        if job.status != pb.Job.WORKING:
            return times
        time.sleep(_PAUSE_S)


def _section(count: int, seen: dict[str, Any], calls: list[float]) -> Section:
    first = [seconds * 1000 for seconds in seen["first_after"]]
    spread_ms = (max(seen["ended"]) - min(seen["ended"])) * 1000
    rows = [
        ["streams that ended OK", str(seen["codes"].get("OK", 0))],
        ["first message after, median / p99 / greatest, ms", _three(first)],
        ["terminal message, first to last watcher, ms", f"{spread_ms:.0f}"],
        ["messages in all", str(seen["messages"])],
        [
            f"GetJobStatus meanwhile ({len(calls)} calls), median / p99 / greatest, ms",
            _three(calls),
        ],
    ]
    return Section(
        f"{count} watchers on one converting job",
        "All opened at once over 10 connections, from one process on the same two cores.",
        ["what", "value"],
        rows,
    )


def _three(values: list[float]) -> str:
    return f"{middle(values):.0f} / {percentile(values, 99):.0f} / {max(values):.0f}"
