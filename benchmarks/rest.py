"""REST: what the gateway adds to a call, and a thousand browsers that watch one job."""

from __future__ import annotations

import asyncio
import http.client
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.data import DATA, encrypted
from benchmarks.report import MB, Section, middle, percentile
from benchmarks.service import ROOT, Service, running

GATEWAY = ROOT / "gateway" / "bin" / "myd-gateway"

_CALLS = 3000
_LONGEST_S = 600


def measure_calls() -> Section:
    """GetJobStatus of an ended job, one call after another, over gRPC and over REST."""
    given = encrypted(100_000)
    with running() as service, gateway_to(service) as (address, _):
        job_id = service.submit(given)
        list(service.client.watch(job_id))
        direct = _times(lambda: service.client.status(job_id))
        with closing(http.client.HTTPConnection(address)) as connection:
            by_rest = _times(lambda: _status(connection, job_id))
    added = [middle(by_rest) - middle(direct), percentile(by_rest, 99) - percentile(direct, 99)]
    rows = [
        ["gRPC, from Python", *_two([middle(direct), percentile(direct, 99)])],
        ["REST, over one connection", *_two([middle(by_rest), percentile(by_rest, 99)])],
        ["difference", *_two(added)],
    ]
    lead = f"{_CALLS} calls one after another. The difference includes that of the two clients."
    return Section("GetJobStatus by REST", lead, ["call", "median, ms", "p99, ms"], rows)


def measure_watchers(count: int, size: int) -> Section:
    """Server-sent events to many at once, all of one job that is converting."""
    with (
        running(MYD_ENGINE="python", MYD_WORKERS="1") as service,
        gateway_to(service) as (address, process),
    ):
        job_id = service.submit(encrypted(size))
        seen = asyncio.run(_watch_all(address, job_id, count))
        held = process.memory_info().rss
    first = [seconds * 1000 for seconds in seen.first_after]
    spread_ms = (max(seen.ended) - min(seen.ended)) * 1000
    rows = [
        ["streams that ended with the event `end`", str(len(seen.ended))],
        [
            "first event after, median / p99, ms",
            " / ".join(_two([middle(first), percentile(first, 99)])),
        ],
        ["last event, first to last watcher, ms", f"{spread_ms:.0f}"],
        ["events in all", str(seen.events)],
        ["memory of the gateway, MB", f"{held / MB:.0f}"],
    ]
    lead = "A connection each, all opened at once, from one process on the same two cores."
    return Section(f"{count} browsers on one converting job", lead, ["what", "value"], rows)


@contextmanager
def gateway_to(service: Service) -> Iterator[tuple[str, psutil.Process]]:
    """A gateway to the service: its address and process."""
    with tempfile.TemporaryDirectory(dir=DATA.parent) as home:
        ready = Path(home) / "address"
        environ = {
            "PATH": os.environ["PATH"],
            "MYD_GRPC_ADDRESS": service.address,
            "MYD_REST_ADDRESS": "127.0.0.1:0",
            "MYD_REST_ADDRESS_FILE": str(ready),
        }
        with (DATA.parent / "gateway.log").open("ab") as log:
            process = subprocess.Popen([GATEWAY], env=environ, stdout=log, stderr=log)
        try:
            while not ready.exists():
                if process.poll() is not None:
                    raise RuntimeError("the gateway did not start: see .bench/gateway.log")
                time.sleep(0.01)
            yield ready.read_text().strip(), psutil.Process(process.pid)
        finally:
            process.terminate()
            process.wait()


def _times(call: Callable[[], object]) -> list[float]:
    """Milliseconds of each call, the first ones not counted."""
    times = []
    for _ in range(_CALLS + 100):
        began = time.perf_counter()
        call()
        times.append((time.perf_counter() - began) * 1000)
    return times[100:]


def _status(connection: http.client.HTTPConnection, job_id: str) -> None:
    connection.request("GET", f"/convert_to_csv/status?job_id={job_id}")
    response = connection.getresponse()
    response.read()
    if response.status != 200:
        raise RuntimeError(f"status {response.status}")


def _two(values: list[float]) -> list[str]:
    return [f"{value:.2f}" for value in values]


@dataclass(slots=True)
class _Seen:
    first_after: list[float] = field(default_factory=list)
    ended: list[float] = field(default_factory=list)
    events: int = 0


async def _watch_all(address: str, job_id: str, count: int) -> _Seen:
    seen = _Seen()
    async with asyncio.timeout(_LONGEST_S), asyncio.TaskGroup() as watchers:
        for _ in range(count):
            watchers.create_task(_watch(address, job_id, seen))
    return seen


async def _watch(address: str, job_id: str, seen: _Seen) -> None:
    """One browser, as far as the network is concerned."""
    host, _, port = address.rpartition(":")
    began = time.monotonic()
    reader, writer = await asyncio.open_connection(host, int(port))
    request = [f"GET /convert_to_csv/watch?job_id={job_id} HTTP/1.1", f"Host: {address}"]
    request += ["Accept: text/event-stream", "", ""]
    writer.write("\r\n".join(request).encode())
    status = await reader.readline()
    if status.split()[1:2] != [b"200"]:
        raise RuntimeError(f"a watch was answered {status!r}")
    first = True
    async for line in reader:
        if line.startswith(b'data: {"result"'):
            seen.events += 1
            if first:
                seen.first_after.append(time.monotonic() - began)
                first = False
        elif line.startswith(b"event: end"):
            seen.ended.append(time.monotonic())
            break
    writer.close()
