"""The most memory the whole service holds, by the size of the file."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.data import encrypted
from benchmarks.report import MB, Section
from benchmarks.service import running


def measure(sizes: Sequence[int]) -> Section:
    """Resident memory of the server, its worker and the spare worker together."""
    rows = []
    for size in sizes:
        given = encrypted(size)
        with running() as service, service.peak_memory() as peak:
            elapsed = service.convert(given)
        rows.append(
            [f"{given.megabytes}", f"{peak[0] / MB:.0f}", f"{given.size / MB / elapsed:.0f}"]
        )
    return Section(
        "Memory by size of the file",
        "Peak of the resident memory of all processes of the service, sampled every 20 ms, with "
        "one encrypted job.",
        ["file, MB", "peak, MB", "MB/s"],
        rows,
    )
