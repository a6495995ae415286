"""What it costs to read an input from object storage, and which part of that is the detour."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.data import DATA, Input, encrypted
from benchmarks.report import Section, middle, spread
from benchmarks.service import running
from myd_grpc.convert.model import CipherKey, Conversion, Keys
from myd_grpc.convert.pipeline import convert
from myd_grpc.objectstore import reach
from myd_grpc.objectstore.access import Found, Listing
from myd_grpc.objectstore.client import RANGE_BYTES
from myd_grpc.options import ConvertOptions

_AT_ONCE = 4


def is_available() -> bool:
    """Whether there is a store to measure with, and what starts it."""
    program = Path(sys.executable).parent / "versitygw"
    return program.exists() and all(map(importlib.util.find_spec, ("obstore", "pytest")))


def measure(size: int, runs: int) -> Section:
    """One file from the disk and from a store on this machine, in alternating runs."""
    given = encrypted(size)
    found: dict[str, list[float]] = {}
    # What tests have a store by, which not everybody has who measures.
    support = importlib.import_module("tests.support.object_store")
    with (
        tempfile.TemporaryDirectory(dir=DATA.parent) as home,
        support.running_store(Path(home)) as store,
    ):
        importlib.import_module("obstore").put(store.client(), given.name, DATA / given.name)
        place = {"MYD_DATA_DIR": str(store.location()), **store.environ}
        with running() as local, running(**place) as remote:
            ways: dict[str, Callable[[], object]] = {
                "server, file": lambda: local.converted(given),
                "server, object": lambda: remote.converted(given),
                "engine, file": lambda: _convert(given, str(DATA)),
                "engine, file by ranges": lambda: _convert(given, "s3://bench"),
                "plain ranges of the object": lambda: _read(store.client(), given),
            }
            reach.through(_Files())
            for _ in range(runs + 1):  # of which the first is not counted
                for name, way in ways.items():
                    began = time.perf_counter()
                    way()
                    found.setdefault(name, []).append(time.perf_counter() - began)
    return _section(given, {name: times[1:] for name, times in found.items()})


def _section(given: Input, found: dict[str, list[float]]) -> Section:
    runs = len(next(iter(found.values())))
    return Section(
        "Object storage",
        f"An encrypted file of {given.megabytes} MB, {runs} alternating runs. "
        "The store is on this machine, and takes its share of the processors. Plain ranges are "
        "what the client reads by itself, four at a time. By ranges, the engine in one process "
        "reads a file as if it were an object: that is the price of the detour without a network.",
        ["way", "s (least-greatest)", "MB/s"],
        [
            [name, spread(times, 2), f"{given.size / middle(times) / 1e6:.0f}"]
            for name, times in found.items()
        ],
    )


def _convert(given: Input, data_dir: str) -> None:
    key = CipherKey(bytes.fromhex(given.key), bytes.fromhex(given.iv))
    conversion = Conversion(data_dir, (given.name,), "out", ConvertOptions(merge=True))
    with tempfile.TemporaryDirectory(dir=DATA.parent) as out:
        convert(conversion, Keys(key), Path(out), lambda _: None)


def _read(store: Any, given: Input) -> None:
    """Every range of the object, four at a time and none kept."""
    get_range = importlib.import_module("obstore").get_range
    coming = deque[Future[object]]()
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        for start in range(0, given.size, RANGE_BYTES):
            if len(coming) == _AT_ONCE:
                coming.popleft().result()
            end = min(start + RANGE_BYTES, given.size)
            coming.append(threads.submit(get_range, store, given.name, start=start, end=end))
        for one in coming:
            one.result()


class _Files:
    """Files of the benchmark's data, read as objects are, by as many threads."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_AT_ONCE)

    def find(self, path: str) -> Found:
        """See `ObjectAccess.find`."""
        return Found((DATA / path).stat().st_size, "", 0)

    def read(self, path: str, etag: str, offset: int, size: int) -> Future[bytes]:  # noqa: ARG002
        """See `ObjectAccess.read`."""
        return self._threads.submit(self._pread, path, offset, size)

    def alike(self, directory: str, name: str) -> Listing:  # noqa: ARG002
        """Nothing: files are named as they are spelled."""
        return Listing((), ())

    def _pread(self, path: str, offset: int, size: int) -> bytes:
        fd = os.open(DATA / path, os.O_RDONLY)
        try:
            return os.pread(fd, size, offset)
        finally:
            os.close(fd)
