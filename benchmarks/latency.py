"""How soon a small job is DONE, and how many are in a second when several callers have some."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from benchmarks.data import Input, encrypted
from benchmarks.report import Section, middle, percentile
from benchmarks.service import Service, running

_JOBS = 50
_CALLERS = (1, 4)


def measure() -> Section:
    """Small jobs, of each caller one after another; the first is not counted."""
    given = encrypted(100_000)
    with running() as service:
        service.convert(given)
        rows = [_row(service, given, callers) for callers in _CALLERS]
    return Section(
        "A small job",
        f"{given.size // 1000} kB, encrypted: from submission to the DONE message of its watch. "
        f"Each caller has {_JOBS} jobs, one after another.",
        ["callers at once", "jobs a second", "median, ms", "p90, ms", "greatest, ms"],
        rows,
    )


def _row(service: Service, given: Input, callers: int) -> list[str]:
    with ThreadPoolExecutor(callers) as threads:
        list(threads.map(service.convert, [given] * callers))  # until there are as many workers
        began = time.perf_counter()
        of_each = list(threads.map(_one_after_another, [service] * callers, [given] * callers))
        took_s = time.perf_counter() - began
    times = [one for times in of_each for one in times]
    return [
        str(callers),
        f"{len(times) / took_s:.0f}",
        f"{middle(times):.0f}",
        f"{percentile(times, 90):.0f}",
        f"{max(times):.0f}",
    ]


def _one_after_another(service: Service, given: Input) -> list[float]:
    """Milliseconds that each of a caller's jobs took."""
    return [service.convert(given) * 1000 for _ in range(_JOBS)]
