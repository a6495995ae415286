"""Conversions where the system lets no thread begin: what they make is the same."""

from __future__ import annotations

import ast
import gzip
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from myd_grpc.convert.errors import Reason, ShortageError
from myd_grpc.jobs.worker.process import NO_COMPUTING
from myd_grpc.options import Format
from tests.support.converting import (
    Settings,
    Sizes,
    converted_whole,
    each_engine,
    failure,
    needs_pyarrow,
    sized,
    write,
)
from tests.support.few_threads import can_limit, limited
from tests.support.set_files import files_below

PROGRAM = "from tests.convert import test_few_threads as test; test.{}()"
# By the names of threads: what begins them in the conversions below, and in which engine.
NAMES = {"input", "write", "rewrite", "checksums"}
THREADS = {"python": NAMES, "native": NAMES | {"engine"}}

WAYS: list[Settings] = [{}, {"merge": False}, {"formats": (Format.CSV, Format.XLSX)}]


def rows(count: int) -> bytes:
    """Rows that are much text, with columns that come when parts with fewer are on the disk."""
    late = {n: {f"late{n}": n} for n in range(count - 20, count)}
    made = [
        {"id": n, "text": f"{n:0400}", "l": [{"a": f"{n:0200}"}] * 3} | late.get(n, {})
        for n in range(count)
    ]
    return json.dumps(made).encode()


def noise(number: int) -> bytes:
    """Rows that do not become small enough, compressed, for a file that is read without threads."""
    found = [{"a": os.urandom(30).hex(), "n": number} for _ in range(3000)]
    return gzip.compress(json.dumps(found).encode())


def convert_in_ways() -> None:
    """Prints the digests of what comes of the files in a directory, and which threads began."""
    engine, place = sys.argv[1:]
    names, start = set[str](), Thread.start

    def start_noted(thread: Thread) -> None:
        start(thread)
        names.add(thread.name.partition("_")[0])

    files = [(path.name, path.read_bytes()) for path in files_below(Path(place))]
    given: Settings = {"engine": engine, "threads": 3, "checksums": True}
    with sized(Sizes(held_bytes=100_000)), pytest.MonkeyPatch.context() as patch:
        patch.setattr(Thread, "start", start_noted)
        ways = [converted_whole(files, **(given | other)) for other in WAYS]
    made = [{path: sha256(data).hexdigest() for path, data in way.items()} for way in ways]
    sys.stdout.write(repr((made, names)))


def make_parquet() -> None:
    """Prints how that fails."""
    error = failure('[{"a":1}]', formats=(Format.PARQUET,))
    sys.stdout.write(repr((type(error).__name__, error.reason.value, error.message)))


def said(command: Sequence[str]) -> Any:
    """What a program says that ends well."""
    environ = os.environ | NO_COMPUTING
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return ast.literal_eval(done.stdout)


@each_engine
@can_limit
def test_a_set_is_the_same_where_no_thread_begins(engine: str, tmp_path: Path) -> None:
    write(tmp_path, [("a.json", rows(2000)), *((f"{n}.json.gz", noise(n)) for n in range(3))])
    command = [sys.executable, "-c", PROGRAM.format("convert_in_ways"), engine, str(tmp_path)]
    made, names = said(command)
    assert names == THREADS[engine]
    assert said(limited(command)) == (made, set())


@needs_pyarrow
@can_limit
def test_parquet_waits_for_threads() -> None:
    """Without them, it is not to be had: pyarrow begins one for each piece of CSV."""
    command = [sys.executable, "-c", PROGRAM.format("make_parquet")]
    assert said(limited(command)) == (
        ShortageError.__name__,
        Reason.OUTPUT_UNAVAILABLE.value,
        "the output cannot be written: resource temporarily unavailable",
    )
