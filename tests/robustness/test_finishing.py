"""Formats that are made of rows: what befalls a job meanwhile costs a file of them, not the job."""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.convert.model import NO_KEYS, Conversion, Limits
from myd_grpc.convert.pipeline import convert
from myd_grpc.locks import LOCK_FILE
from myd_grpc.options import ConvertOptions, Format
from tests.support.converting import native, needs_pyarrow, silent
from tests.support.serving import (
    PATIENCE_S,
    Hold,
    Server,
    is_left_in,
    kill_with_workers,
    kill_worker,
    tree,
    worker_of,
)
from tests.support.small_disks import small_disk
from tests.support.streams import Recorder, validate

MakeServer = Callable[..., Server]
MakeHold = Callable[[str], Hold]

CSV, XLSX, PARQUET = pb.OUTPUT_FORMAT_CSV, pb.OUTPUT_FORMAT_XLSX, pb.OUTPUT_FORMAT_PARQUET
each_format = pytest.mark.parametrize(
    "formats",
    [
        pytest.param([PARQUET], id="parquet", marks=needs_pyarrow),
        pytest.param([XLSX], id="xlsx", marks=native),
    ],
)
each_choice = pytest.mark.parametrize(
    "formats",
    [
        pytest.param([PARQUET], id="parquet", marks=needs_pyarrow),
        pytest.param([XLSX], id="xlsx", marks=native),
        pytest.param([CSV, PARQUET], id="parquet beside csv", marks=needs_pyarrow),
        pytest.param([CSV, XLSX, PARQUET], id="all", marks=[native, needs_pyarrow]),
    ],
)
"""With rows that are hidden, and with those of the CSV files."""

RECORDS = json.dumps(
    [
        {"id": n, f"late{n // 50}": "값\n", **{name: [{"a": n, "b": None}] for name in "klmn"}}
        for n in range(200)
    ]
)
FILES = ("a.json", "b.json")
TABLES = 5
"""Each is reported as it is made, in every format; parts of it are by themselves in some."""
LIMITS = Limits(batch_records=50, rows_per_part=150)
SETTINGS = {
    "MYD_FILE_SEP_SIZE": str(LIMITS.batch_records),
    "MYD_MAX_CSV_ROW": str(LIMITS.rows_per_part),
    "MYD_CHECKPOINT_SECONDS": "0.001",
    "MYD_OVERWRITE": "true",
}
NO_RECORD = "batch_written=kill"
"""No worker survives to read a record."""


@pytest.fixture
def prepared(make_server: MakeServer) -> Server:
    """One that is not started yet, with the inputs of all tests."""
    server = make_server(**SETTINGS)
    for name in FILES:
        server.put(name, RECORDS.replace("late", name))
    return server


def wanted(
    home: Path, server: Server, formats: Sequence[int], *, merge: bool = True
) -> dict[str, bytes]:
    """The set of an undisturbed run."""
    asked = tuple(
        Format(pb.OutputFormat.Name(one).removeprefix("OUTPUT_FORMAT_")) for one in formats
    )
    options = ConvertOptions(merge=merge, formats=asked)
    request = Conversion(str(server.data), FILES, "out", options, LIMITS)
    out = home / "wanted" / "out"
    out.mkdir(parents=True)
    convert(request, NO_KEYS, out, silent)
    return tree(out.parent)


def saved(server: Server, job_id: str, text: str) -> None:
    """Return when a checkpoint of the job is committed that has this text in it."""
    found = "SELECT 1 FROM job_checkpoint WHERE job_id = ? AND state LIKE ?"
    deadline = time.monotonic() + PATIENCE_S
    with closing(sqlite3.connect(server.state / "csv_status.db")) as database:
        while not database.execute(found, (job_id, f"%{text}%")).fetchall():
            assert time.monotonic() < deadline, server.log
            time.sleep(0.01)


def assert_nothing_left(server: Server, *names: str) -> None:
    assert is_left_in(server.output, {*names} | {LOCK_FILE} & server.left_in_output())


# --- crashes ---------------------------------------------------------------------------------


@pytest.mark.one_in(3)
@each_choice
@pytest.mark.parametrize("merge", [True, False])
@pytest.mark.parametrize("turn", [1, TABLES])
def test_no_record_is_read_again_when_all_were(
    tmp_path: Path, prepared: Server, hold: MakeHold, formats: list[int], merge: bool, turn: int
) -> None:
    server, point = prepared, hold("format_rows")
    files = wanted(tmp_path, server, formats, merge=merge)
    server.start(MYD_FAILPOINTS=f"{point.setting}@{turn}")
    job_id = server.submit(*FILES, formats=formats, merge=merge)
    point.reached()
    saved(server, job_id, '"finishing":true')
    kill_with_workers(server)
    # Of several sets, the second has its records before it.
    server.start(MYD_FAILPOINTS=NO_RECORD if merge else "")
    assert server.wait(job_id).status == pb.Job.DONE
    assert tree(server.output) == files
    assert "goes on from its checkpoint" in server.log
    assert "does not fit" not in server.log
    assert_nothing_left(server, "out")


@pytest.mark.one_in(2)
@each_format
@pytest.mark.parametrize("point", ["format_made", "remove_rows", "converted"])
def test_a_set_that_is_made_stays_so(
    tmp_path: Path, prepared: Server, hold: MakeHold, formats: list[int], point: str
) -> None:
    """Also where its rows are removed by half."""
    server, held = prepared, hold(point)
    files = wanted(tmp_path, server, formats)
    turn = 3 if point == "remove_rows" else 1
    server.start(MYD_FAILPOINTS=f"{held.setting}@{turn}")
    job_id = server.submit(*FILES, formats=formats)
    held.reached()
    saved(server, job_id, '"finishing":true' if point == "format_made" else '"writers":null')
    kill_with_workers(server)
    server.start(MYD_FAILPOINTS=NO_RECORD)
    assert server.wait(job_id).status == pb.Job.DONE
    assert tree(server.output) == files
    assert_nothing_left(server, "out")


@pytest.mark.one_in(2)
@each_choice
def test_another_worker_goes_on(
    tmp_path: Path, prepared: Server, hold: MakeHold, formats: list[int]
) -> None:
    server, point = prepared, hold("format_rows")
    files = wanted(tmp_path, server, formats)
    server.start(MYD_FAILPOINTS=point.setting)
    job_id = server.submit(*FILES, formats=formats)
    point.reached()
    saved(server, job_id, '"finishing":true')
    kill_worker(server)
    point.release()
    assert server.wait(job_id).status == pb.Job.DONE
    assert "goes on from its checkpoint" in server.log
    assert tree(server.output) == files


@pytest.mark.one_in(2)
@each_choice
def test_a_worker_that_hangs_is_ended(
    tmp_path: Path, prepared: Server, hold: MakeHold, formats: list[int]
) -> None:
    server, point = prepared, hold("format_rows")
    files = wanted(tmp_path, server, formats)
    server.start(MYD_FAILPOINTS=point.setting, MYD_STALL_SECONDS="2")
    job_id = server.submit(*FILES, formats=formats)
    point.reached()
    worker = worker_of(server)
    worker.send_signal(signal.SIGSTOP)
    point.release()
    assert server.wait(job_id).status == pb.Job.DONE
    worker.wait(PATIENCE_S)
    assert "did nothing for 2 s and was ended; another one goes on" in server.log
    assert tree(server.output) == files


# --- the end of a job or of a server ---------------------------------------------------------


@pytest.mark.one_in(3)
@each_choice
@pytest.mark.parametrize("point", ["format_rows", "format_made"])
def test_a_job_is_cancelled_while_a_format_is_made(
    prepared: Server, hold: MakeHold, formats: list[int], point: str
) -> None:
    server, held = prepared, hold(point)
    server.start(MYD_FAILPOINTS=held.setting)
    job_id = server.submit(*FILES, formats=formats)
    held.reached()
    worker = worker_of(server)
    job = server.cancel(job_id)
    assert (job.status, job.reason) == (pb.Job.FAILED, "CANCELLED")
    assert held.abandoned()
    worker.wait(PATIENCE_S)
    assert_nothing_left(server)


@pytest.mark.one_in(2)
@each_choice
def test_a_server_that_stops_meanwhile_saves_where_it_was(
    tmp_path: Path, prepared: Server, hold: MakeHold, formats: list[int]
) -> None:
    server, point = prepared, hold("format_rows")
    server.settings["MYD_CHECKPOINT_SECONDS"] = "3600"
    files = wanted(tmp_path, server, formats)
    server.start(MYD_FAILPOINTS=point.setting)
    job_id = server.submit(*FILES, formats=formats)
    point.reached()
    server.process.terminate()
    server.wait_for_log("stopping")
    point.release()
    assert server.stop() == 0
    server.start(MYD_FAILPOINTS=NO_RECORD)
    assert server.wait(job_id).status == pb.Job.DONE
    assert tree(server.output) == files


# --- disks -----------------------------------------------------------------------------------


@each_choice
def test_a_disk_that_gets_full_meanwhile_fails_the_job(
    make_server: MakeServer, formats: list[int]
) -> None:
    # A checkpoint would write rows of formats while records are read still.
    settings = SETTINGS | {"MYD_CHECKPOINT_SECONDS": "3600"}
    server = make_server(**settings, MYD_SPACE_PERCENT="0")
    rng = random.Random(1)
    texts = [rng.randbytes(600).hex() for _ in range(1000)]  # of which half is too much
    server.put("large.json", json.dumps(texts))
    server.put("small.json", "[1]")
    with small_disk(server.output, "1600k"):
        server.start()
        job = server.convert("large.json", formats=formats)
        assert (job.status, job.reason) == (pb.Job.FAILED, "DISK_FULL")
        assert job.progress.records == 1000
        assert_nothing_left(server)
        assert server.convert("small.json", formats=formats).status == pb.Job.DONE
        server.stop()


# --- progress --------------------------------------------------------------------------------


@pytest.mark.one_in(3)
@each_choice
@pytest.mark.parametrize("merge", [True, False])
def test_progress_goes_on_while_a_format_is_made(
    prepared: Server, formats: list[int], merge: bool
) -> None:
    server = prepared
    server.start(MYD_FAILPOINTS="format_rows=sleep:0.25")  # each is told of
    job_id = server.submit(*FILES, formats=formats, merge=merge)
    recorder = Recorder(server.address, job_id)
    assert server.wait(job_id).status == pb.Job.DONE
    sessions = recorder.finish()
    validate(sessions)
    *before, last = (job.progress for session in sessions for job in session.states)
    assert last.percent == 100
    assert max(one.percent for one in before) < 100
    assert all(one.percent <= two.percent for one, two in pairwise(before))
    while_made = {one.percent for one in before if one.bytes_read == one.bytes_total}
    assert len(while_made) > 3
