"""What one caller's flood of calls does to another's."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc

from benchmarks.data import DATA
from benchmarks.flooding import CALLS
from benchmarks.report import Section, middle, percentile
from benchmarks.service import ROOT, running
from myd.analysis.v1 import analysis_pb2 as pb
from myd.analysis.v1 import analysis_pb2_grpc as pb_grpc
from myd_grpc.token import digest

_JOBS = 100
_CALLS = 100
_PAUSE_S = 0.01
_ARRIVAL_S = 2.0
"""Until a flood is in full spate."""
_TOKENS = {"calm": "myd_calm_0123456789", "loud": "myd_loud_0123456789"}
_CALLERS = "\n".join(
    f'[callers.{name}]\ntokens = ["{digest(token)}"]\nroles = ["convert"]\nqueued = {_JOBS}'
    for name, token in _TOKENS.items()
)


def measure() -> Section:
    """Calls of one caller, alone and while another floods the server with calls of a kind."""
    DATA.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=DATA.parent) as home:
        callers = Path(home) / "callers.toml"
        callers.write_text(_CALLERS, "utf-8")
        with running(MYD_CALLERS=str(callers)) as service:
            _submit(service.address)
            rows = [_row(service.address, name) for name in CALLS]
    return Section(
        "A flood of calls",
        "GetJobStatus by one caller, alone and beside another who always has 200 calls under way.",
        ["calls of the other", "alone, median / p90, ms", "beside, median / p90, ms", "medians"],
        rows,
    )


def _row(address: str, name: str) -> list[str]:
    alone = _times(address)
    with _flooded(address, name):
        beside = _times(address)
    ratio = middle(beside) / middle(alone)
    figures = (f"{middle(one):.1f} / {percentile(one, 90):.1f}" for one in (alone, beside))
    return [name, *figures, f"{ratio:.2f} times"]


def _times(address: str) -> list[float]:
    """Milliseconds that each of some calls of the calm caller took."""
    took = []
    with _stub(address, "calm") as call:
        for _ in range(_CALLS):
            began = time.perf_counter()
            call("GetJobStatus", pb.GetJobStatusRequest(job_id="none"))
            took.append((time.perf_counter() - began) * 1000)
            time.sleep(_PAUSE_S)
    return took


def _submit(address: str) -> None:
    """Have some jobs to be listed, which have ended."""
    with _stub(address, "loud") as call:
        for number in range(_JOBS):
            name = f"none{number}"
            call("ConvertToCsv", pb.ConvertToCsvRequest(file_names=[name], output_file_name=name))
        while call("ListJobs", pb.ListJobsRequest(status=[pb.Job.WORKING])).data:
            time.sleep(_PAUSE_S)


@contextmanager
def _stub(address: str, caller: str) -> Iterator[Callable[[str, Any], Any]]:
    """Calls by name, as one of the callers."""
    token = [("authorization", f"Bearer {_TOKENS[caller]}")]
    with grpc.insecure_channel(address) as channel:
        stub = pb_grpc.AnalysisServiceStub(channel)
        yield lambda name, request: getattr(stub, name)(request, metadata=token)


@contextmanager
def _flooded(address: str, name: str) -> Iterator[None]:
    command = [sys.executable, "-m", "benchmarks.flooding", address, _TOKENS["loud"], name]
    flooding = subprocess.Popen(command, cwd=ROOT)
    time.sleep(_ARRIVAL_S)
    try:
        yield
    finally:
        flooding.kill()
        flooding.wait()
