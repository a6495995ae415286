"""One job, from submission to DONE, against flatterer on the same records, in turn."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.data import DATA, Input, encrypted, plain_array
from benchmarks.report import MB, Section, middle, spread
from benchmarks.service import running
from myd_grpc.convert.engines import ENGINES

_FLATTERER = """
import sys, time, flatterer
began = time.perf_counter()
flatterer.flatten(sys.argv[1], sys.argv[2], force=True)
print(time.perf_counter() - began)
"""


def measure(size: int, runs: int) -> Section:
    """Medians of alternating runs; flatterer without the start of its process."""
    array, secret = plain_array(size), encrypted(size)
    speeds: dict[str, list[float]] = {}
    for _ in range(runs):
        for cores in (1, 2):
            label = f"{cores} core{'s' * (cores > 1)}"
            _note(speeds, f"flatterer 0.25, {label}", array.size / _flatterer(array, cores))
            for engine in ENGINES:
                with running(cores, MYD_ENGINE=engine) as service:
                    for given, kind in ((array, "plain"), (secret, "encrypted")):
                        name = f"myd {engine}, {kind}, {label}"
                        _note(speeds, name, given.size / service.convert(given))
    return _section(speeds, array, runs)


def _note(speeds: dict[str, list[float]], name: str, bytes_per_s: float) -> None:
    speeds.setdefault(name, []).append(bytes_per_s / MB)


def _flatterer(given: Input, cores: int) -> float:
    with tempfile.TemporaryDirectory(dir=DATA.parent) as output:
        command = [sys.executable, "-c", _FLATTERER, str(DATA / given.name), f"{output}/set"]
        taskset = shutil.which("taskset")
        limited = [taskset, "-c", ",".join(map(str, range(cores)))] if taskset else []
        done = subprocess.run(
            [*limited, *command], capture_output=True, text=True, check=True, cwd=Path(output)
        )
    return float(done.stdout.split()[-1])


def _section(speeds: dict[str, list[float]], array: Input, runs: int) -> Section:
    rows = []
    for name in sorted(speeds):
        base = middle(speeds[f"flatterer 0.25, {name.rpartition(', ')[2]}"])
        rows.append([name, f"{middle(speeds[name]) / base:.2f}", spread(speeds[name])])
    return Section(
        "Throughput of one job",
        f"{array.size // MB} MB, medians of {runs} alternating runs. A job counts from its "
        "submission to DONE, publication included; flatterer only its conversion, on plain JSON.",
        ["what, on how many cores", "ratio to flatterer", "MB/s (least-greatest)"],
        rows,
    )
