"""Results as tables of Markdown."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

MB = 1_000_000

VECTORS = {"avx512": "AVX-512", "avx2": "AVX2", "any": "SSE2"}
"""What the engine may use of a processor, by the values of `MYD_VECTORS`."""


@dataclass(frozen=True, slots=True)
class Section:
    """One measurement: what it says first, then its figures."""

    title: str
    lead: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        """The section as Markdown."""
        lines = [self.header, ["---"] * len(self.header), *self.rows]
        table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        return f"## {self.title}\n\n{self.lead}\n\n{table}\n"


def machine() -> str:
    """Where and when this was measured."""
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    cores = len(os.sched_getaffinity(0))
    what = f"{cores} cores of {cpu}{_vectors()}"
    return f"{datetime.now(UTC).date()}, {what}, Python {platform.python_version()}"


def _vectors() -> str:
    """Which vectors the engine uses: of the same name, there are processors with others."""
    try:
        from myd_grpc import _native  # noqa: PLC0415 - it may not be there
    except ImportError:
        return ""
    return f" with {VECTORS[_native.vectors()[0]]}"


def middle(values: Sequence[float]) -> float:
    """The median."""
    return statistics.median(values)


def spread(values: Sequence[float], digits: int = 0) -> str:
    """The median with the least and the greatest value."""
    return f"{middle(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def percentile(values: Sequence[float], percent: int) -> float:
    """The value that so many per cent of the values do not exceed."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
