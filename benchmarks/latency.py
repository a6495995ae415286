"""How soon a small job is DONE."""

from __future__ import annotations

from benchmarks.data import encrypted
from benchmarks.report import Section, middle, percentile
from benchmarks.service import running

_JOBS = 50


def measure() -> Section:
    """Small jobs one after another; the first is not counted."""
    given = encrypted(100_000)
    with running() as service:
        service.convert(given)
        times = [service.convert(given) * 1000 for _ in range(_JOBS)]
    return Section(
        "A small job",
        f"{given.size // 1000} kB, encrypted: from submission to the DONE message of its watch.",
        ["jobs", "median, ms", "p90, ms", "greatest, ms"],
        [
            [
                str(_JOBS),
                f"{middle(times):.0f}",
                f"{percentile(times, 90):.0f}",
                f"{max(times):.0f}",
            ]
        ],
    )
