"""PreprocessShopping on a large file."""

from __future__ import annotations

import time

from benchmarks.data import encrypted
from benchmarks.report import MB, Section
from benchmarks.service import running
from myd_grpc.client import Key
from myd_grpc.sample import FIRST_USER, MAIN_PROPOSAL


def measure(size: int) -> Section:
    """One call for the first user of an encrypted file."""
    given = encrypted(size)
    with running() as service, service.peak_memory() as peak:
        began = time.perf_counter()
        service.client.preprocess(
            FIRST_USER, MAIN_PROPOSAL, given.name, key=Key(given.key, given.iv)
        )
        elapsed = time.perf_counter() - began
    return Section(
        "Shopping summary",
        "One user's summary of an encrypted file, with the peak memory of the whole service.",
        ["file, MB", "s", "MB/s", "peak, MB"],
        [
            [
                f"{given.megabytes}",
                f"{elapsed:.1f}",
                f"{given.size / MB / elapsed:.0f}",
                f"{peak[0] / MB:.0f}",
            ]
        ],
    )
