"""A real server to measure, and how much memory all of its processes hold at most."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import psutil

from benchmarks.data import DATA, Input
from benchmarks.sampling import sampling
from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.client import Client, Key

ROOT = Path(__file__).resolve().parent.parent
_SAMPLED_S = 0.02


class Service:
    """A running server and a client of it."""

    def __init__(self, address: str, process: psutil.Process) -> None:
        self.address = address
        self.client = Client(address)
        self._process = process
        self._jobs = count(1)

    def submit(self, given: Input) -> str:
        """The job that converts a file to a set of its own.

        A set that is replaced would be removed while the next job runs.
        """
        key = Key(given.key, given.iv) if given.key else None
        return self.client.convert([given.name], f"bench{next(self._jobs)}", key=key, merge=True)

    def convert(self, given: Input) -> float:
        """Seconds from the submission of a job to its DONE."""
        began = time.perf_counter()
        self.converted(given)
        return time.perf_counter() - began

    def converted(self, given: Input) -> pb.Job:
        """The job that has converted a file."""
        *_, job = self.client.watch(self.submit(given))
        if job.status != pb.Job.DONE:
            raise RuntimeError(f"the job failed: {job.reason}: {job.msg}")
        return job

    def processor_s(self) -> float:
        """Seconds of processor time so far, of the server and of all its workers."""
        times = self._process.cpu_times()
        ended = times.children_user + times.children_system
        live = [process.cpu_times() for process in self._process.children()]
        return float(ended + sum(one.user + one.system for one in [times, *live]))

    @contextmanager
    def peak_memory(self) -> Iterator[list[int]]:
        """Leaves in the list the most bytes all processes held together during the block."""
        peak = [0]

        def look() -> None:
            peak[0] = max(peak[0], self.held())

        with sampling(_SAMPLED_S, look):
            yield peak

    def held(self) -> int:
        """Bytes of resident memory that all processes hold."""
        held = 0
        for process in [self._process, *self._process.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                held += process.memory_info().rss
        return held


@contextmanager
def running(
    cores: int | None = None,
    *,
    program: Sequence[str] = (str(ROOT / "server.py"),),
    **settings: str,
) -> Iterator[Service]:
    """A server on the benchmark's data, limited to so many cores."""
    DATA.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=DATA.parent) as home:
        address_file = Path(home) / "address"
        environment = {
            "PATH": os.environ["PATH"],
            "MYD_DATA_DIR": str(DATA),
            "MYD_OUTPUT_DIR": f"{home}/output",
            "MYD_STATE_DIR": f"{home}/state",
            "MYD_GRPC_ADDRESS": "127.0.0.1:0",
            "MYD_ADDRESS_FILE": str(address_file),
            **settings,
        }
        with (DATA.parent / "server.log").open("ab") as log:
            process = subprocess.Popen(
                [*_on(cores), sys.executable, *program], cwd=ROOT, env=environment, stderr=log
            )
        try:
            yield Service(_ready(address_file, process), psutil.Process(process.pid))
        finally:
            process.terminate()
            process.wait()


def _on(cores: int | None) -> list[str]:
    """The beginning of a command that may use so many cores."""
    taskset = shutil.which("taskset")
    return [taskset, "-c", ",".join(map(str, range(cores)))] if cores and taskset else []


def _ready(address_file: Path, process: subprocess.Popen[bytes]) -> str:
    while not address_file.exists():
        if process.poll() is not None:
            raise RuntimeError("the server did not start: see .bench/server.log")
        time.sleep(0.01)
    return address_file.read_text().strip()
