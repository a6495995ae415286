"""Writing that fails: whichever write, sync or rename it is, the outcome is one of two.

Either the set is there with the bytes of an undisturbed run, or the job says that it failed and
there is nothing; the job database is sound, and the next job runs.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path

import grpc
import psutil
import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc import directories, failpoints
from myd_grpc.callers.model import ANYBODY
from myd_grpc.convert.checkpoint import Checkpoint
from myd_grpc.convert.errors import ConversionError, Reason
from myd_grpc.convert.model import NO_KEYS, Conversion, Limits, PartFile
from myd_grpc.convert.output.disk import sync
from myd_grpc.convert.pipeline import convert
from myd_grpc.errors import NotRecordedError, StateError, StateUnavailableError
from myd_grpc.jobs.model import Job, QueuedJob, Request, Status
from myd_grpc.jobs.publish.output_directory import OutputDirectory
from myd_grpc.jobs.run import recording
from myd_grpc.jobs.run.context import AttemptContext
from myd_grpc.jobs.run.queue import JobQueue
from myd_grpc.jobs.run.recovery import ResumedJobs
from myd_grpc.jobs.run.runner import Runner
from myd_grpc.jobs.store import database
from myd_grpc.jobs.store.store import DATABASE_NAME, JobStore
from myd_grpc.jobs.worker import pool
from myd_grpc.jobs.worker.pool import WorkerPool
from myd_grpc.options import ConvertOptions, Format
from tests.support.converting import each_engine, native, needs_pyarrow
from tests.support.serving import Hold, Server, details_of, fill, small_disk, tree

MakeServer = Callable[..., Server]
MakeHold = Callable[[str], Hold]

FULL = {Reason.DISK_FULL}
FAILURES = {"ENOSPC": FULL, "EDQUOT": FULL, "EFBIG": FULL, "EIO": {Reason.OUTPUT_UNAVAILABLE}}
LIMITS = Limits(batch_records=5, rows_per_part=8)
RECORDS = "[" + ",".join(f'{{"id":{n},"l":[{{"a":{n}}}],"c{n // 10}":1}}' for n in range(30)) + "]"
MOST = 200


def conversion(
    data: Path, formats: tuple[Format, ...] = (Format.CSV,), engine: str = "auto"
) -> Conversion:
    options = ConvertOptions(merge=True, formats=formats)
    return Conversion(str(data), ("in",), "out", options, LIMITS, engine=engine)


def expected(home: Path, formats: tuple[Format, ...] = (Format.CSV,)) -> dict[str, bytes]:
    out = home / "expected"
    out.mkdir()
    convert(conversion(home, formats), NO_KEYS, out, lambda *_: None)
    return tree(out)


class Always:
    """Checkpoints between all batches, so that parts are written in many pieces."""

    def due(self) -> bool:
        return True

    def save(
        self, _checkpoint: Checkpoint, files: Sequence[Path], _parts: Sequence[PartFile]
    ) -> None:
        for path in files:
            sync(path)

    def has_older(self) -> bool:
        return True

    supersede = save


# --- the writer ------------------------------------------------------------------------------


@pytest.mark.one_in(7)
@each_engine
@pytest.mark.parametrize(
    ("point", "format_"),
    [
        *((point, Format.CSV) for point in ("write", "sync", "rewrite", "replace")),
        *(
            pytest.param(point, format_, marks=marks)
            for format_, marks in ((Format.XLSX, native), (Format.PARQUET, needs_pyarrow))
            for point in ("sync", "replace", "format_rows", "format_made", "remove_rows")
        ),
    ],
)
@pytest.mark.parametrize("failure", FAILURES)
def test_whichever_write_fails_the_conversion_says_so(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    engine: str,
    point: str,
    format_: Format,
    failure: str,
) -> None:
    (tmp_path / "in").write_text(RECORDS)
    wanted, failed_with = expected(tmp_path, (format_,)), list[Reason]()
    for turn in range(1, MOST):
        monkeypatch.setattr(
            failpoints, "_points", failpoints._parse(f"{point}=error:{failure}@{turn}")
        )
        out = tmp_path / f"out{turn}"
        out.mkdir()
        try:
            request = conversion(tmp_path, (format_,), engine)
            convert(request, NO_KEYS, out, lambda *_: None, Always())
        except ConversionError as error:
            failed_with.append(error.reason)
        else:
            assert tree(out) == wanted
            break
    assert set(failed_with) == FAILURES[failure]
    assert len(failed_with) == turn - 1 >= 1


# --- jobs ------------------------------------------------------------------------------------


class Jobs:
    """Runs jobs in this process, conversions in real workers."""

    def __init__(self, runner: Runner, store: JobStore) -> None:
        self._runner = runner
        self._store = store
        self._made = 0

    async def run(self) -> Job:
        """The final state of a job that writes the set "out"."""
        self._made += 1
        job_id = f"j{self._made}"
        queued = QueuedJob(job_id, "", "", "out", NO_KEYS, overwrite=True, resumable=True)
        request = Request(("in",), "out", ConvertOptions(merge=True, overwrite=True), limits=LIMITS)
        await self._runner.submit(ANYBODY, request, None, queued)
        while True:
            job = await self._store.get(ANYBODY, job_id)
            assert job
            if job.ended:
                return job
            await asyncio.sleep(0.005)


@asynccontextmanager
async def running(home: Path, points_of_workers: str = "") -> AsyncIterator[Jobs]:
    state, output = home / "state", home / "output"
    for path in (state, output):
        path.mkdir(exist_ok=True)
    with directories.locked(output) as fd:
        store = JobStore(state, lambda _jobs: None)
        workers = WorkerPool({**os.environ, failpoints.VARIABLE: points_of_workers})
        context = AttemptContext(
            store,
            OutputDirectory(output, fd),
            workers,
            lambda _: conversion(home),
            checkpoint_s=0.001,
        )
        runner = Runner(context, JobQueue(lambda: workers.slots, 10))
        runner.start(ResumedJobs())
        try:
            yield Jobs(runner, store)
        finally:
            await runner.stop(1)
            store.close()


def assert_sound(state: Path) -> None:
    with sqlite3.connect(state / DATABASE_NAME) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []


def assert_legal(job: Job, output: Path, wanted: dict[str, bytes]) -> None:
    if job.status is Status.DONE:
        assert tree(output / "out") == wanted
    else:
        assert job.reason in {*FULL, Reason.OUTPUT_UNAVAILABLE}
        assert list(output.iterdir()) == []


@pytest.mark.one_in(5)
@pytest.mark.parametrize("failure", ["ENOSPC", "EIO"])
@pytest.mark.parametrize(
    "point",
    [
        *("before_commit", "before_checkpoint_commit", "after_commit"),
        *("before_publish", "rename", "after_rename"),
    ],
)
async def test_whichever_step_of_the_server_fails_the_job_ends_well_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str, failure: str
) -> None:
    monkeypatch.setattr(recording, "_RETRY_S", 0.01)
    (tmp_path / "in").write_text(RECORDS)
    wanted = expected(tmp_path)
    async with running(tmp_path) as jobs:
        for turn in range(1, MOST):
            points = failpoints._parse(f"{point}=error:{failure}@{turn}")
            monkeypatch.setattr(failpoints, "_points", points)
            try:
                job = await jobs.run()
            except StateError:
                assert point == "before_commit"
                continue
            assert_legal(job, tmp_path / "output", wanted)
            if points[point]._times < turn:  # type: ignore[attr-defined]
                assert job.status is Status.DONE
                break
            for left in (tmp_path / "output").glob("out/*"):
                left.unlink()
            for left in (tmp_path / "output").glob("out"):
                left.rmdir()
    assert turn > 1, "the point was reached"
    assert_sound(tmp_path / "state")


@pytest.mark.parametrize("point", ["before_sync", "sync"])
async def test_a_sync_that_failed_is_not_tried_again(tmp_path: Path, point: str) -> None:
    (tmp_path / "in").write_text(RECORDS)
    slowly = "batch_written=sleep:0.01"
    async with running(tmp_path, f"{point}=error:EIO@2;{slowly}") as jobs:
        job = await jobs.run()
        assert (job.status, job.reason) == (Status.FAILED, Reason.OUTPUT_UNAVAILABLE)
    assert list((tmp_path / "output").iterdir()) == []
    assert_sound(tmp_path / "state")


# --- real disks ------------------------------------------------------------------------------

LARGE = "[" + ",".join(f'{{"id":{n},"text":"{"x" * 1000}"}}' for n in range(1000)) + "]"


def outcome(job: pb.Job) -> tuple[str, str]:
    return pb.Job.Status.Name(job.status), job.reason


def test_a_job_that_cannot_fit_fails_before_it_fills_the_disk(make_server: MakeServer) -> None:
    server = make_server(MYD_FAILPOINTS="batch_written=kill", MYD_SPACE_PERCENT="50")
    with small_disk(server.output, "400k"):
        server.start()
        server.put("large.json", LARGE)
        job = server.convert("large.json")
        assert outcome(job) == ("FAILED", "DISK_FULL")
        assert "0 MiB left" in job.msg
        assert server.left_in_output() == set()
        server.stop()


def test_a_checkpoint_that_finds_the_disk_full_fails_the_job(make_server: MakeServer) -> None:
    server = make_server(
        MYD_FILE_SEP_SIZE="10", MYD_CHECKPOINT_SECONDS="0.001", MYD_SPACE_PERCENT="0"
    )
    with small_disk(server.output, "256k"):
        server.start()
        server.put("large.json", LARGE)
        server.put("small.json", "[1]")
        assert outcome(server.convert("large.json")) == ("FAILED", "DISK_FULL")
        assert server.left_in_output() == set()
        assert outcome(server.convert("small.json")) == ("DONE", "")
        server.stop()


def test_an_output_directory_that_became_read_only_fails_the_job(
    make_server: MakeServer, hold: MakeHold
) -> None:
    converted = hold("converted")
    server = make_server(MYD_FAILPOINTS=converted.setting)
    with small_disk(server.output, "1m"):
        server.start()
        server.put("a.json", "[1]")
        job_id = server.submit("a.json")
        with converted.at_point():
            subprocess.run(["mount", "-o", "remount,ro", server.output], check=True)
        assert outcome(server.wait(job_id)) == ("FAILED", "OUTPUT_UNAVAILABLE")
        assert outcome(server.convert("a.json")) == ("FAILED", "OUTPUT_UNAVAILABLE")
        subprocess.run(["mount", "-o", "remount,rw", server.output], check=True)
        assert outcome(server.convert("a.json")) == ("DONE", "")
        server.stop()


def test_a_limit_on_the_size_of_files_fails_the_job(make_server: MakeServer) -> None:
    server = make_server(MYD_MAX_CSV_ROW="1000").start()
    server.put("large.json", LARGE)
    for worker in server.spares():
        worker.rlimit(psutil.RLIMIT_FSIZE, (1 << 18, 1 << 18))
    assert outcome(server.convert("large.json")) == ("FAILED", "DISK_FULL")
    assert server.left_in_output() == set()


def test_a_full_disk_under_the_database_refuses_requests_and_harms_nothing(
    make_server: MakeServer,
) -> None:
    server = make_server()
    with small_disk(server.state, "1m"):
        server.start()
        server.put("a.json", "[1]")
        before = server.convert("a.json")
        fill(server.state / "ballast")
        code, reason = server.refusal("a.json")
        assert (code.name, reason) == ("RESOURCE_EXHAUSTED", "NOT_RECORDED")
        assert server.job(before.job_id) == before
        (server.state / "ballast").unlink()
        assert outcome(server.convert("a.json")) == ("DONE", "")
        server.stop()
        assert_sound(server.state)


def test_a_database_that_another_program_holds_locked_is_named_so(make_server: MakeServer) -> None:
    server = make_server().start()
    server.put("a.json", "[1]")
    before = server.convert("a.json")
    path = server.state / "csv_status.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(grpc.RpcError) as caught:
            server.submit("a.json")
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert "another program holds the job database locked" in str(caught.value.details())
        assert details_of(caught.value)[0].reason == "STATE_UNAVAILABLE"
        assert server.job(before.job_id) == before
        other.execute("ROLLBACK")
    assert "a job was not taken in: another program holds the job database locked" in server.log
    assert "OperationalError[SQLITE_BUSY]" in server.log
    assert outcome(server.convert("a.json")) == ("DONE", "")


def _full(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA max_page_count = 1")
        connection.execute("CREATE TABLE more (x)")


def _read_only(path: Path) -> None:
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        connection.execute("CREATE TABLE more (x)")


def _locked(path: Path) -> None:
    with (
        closing(sqlite3.connect(path, isolation_level=None)) as one,
        closing(sqlite3.connect(path, timeout=0)) as other,
    ):
        one.execute("BEGIN EXCLUSIVE")
        other.execute("CREATE TABLE more (x)")


def _missing(path: Path) -> None:
    with closing(sqlite3.connect(path / "none" / "there")):
        pass


def _damaged(path: Path) -> None:
    path.write_bytes(b"no database" * 100)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE more (x)")


@pytest.mark.parametrize(
    ("do", "kind", "why"),
    [
        (_full, NotRecordedError, "the disk with the job database is full"),
        (_read_only, StateUnavailableError, "the job database is read-only"),
        (_locked, StateUnavailableError, "another program holds the job database locked"),
        (_missing, StateUnavailableError, "a file of the job database cannot be opened"),
        (_damaged, StateUnavailableError, "the job database is damaged"),
    ],
)
def test_what_a_database_fails_for_is_told_apart(
    tmp_path: Path, do: Callable[[Path], None], kind: type[StateError], why: str
) -> None:
    path = tmp_path / "some.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE some (x)")
    with pytest.raises(kind, match=why), database.state_errors():
        do(path)


def test_a_mistake_of_the_code_is_no_state_of_the_database() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE some (x UNIQUE)")
        with pytest.raises(sqlite3.IntegrityError), database.state_errors():
            connection.executemany("INSERT INTO some VALUES (?)", [(1,), (1,)])


async def test_jobs_whose_files_are_bad_do_not_take_a_process_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "_WARM_UP_S", 3600)  # no spare beside the one that is used again
    (tmp_path / "in").write_text("[1,")
    children = set[int]()
    async with running(tmp_path) as jobs:
        for _ in range(10):
            job = await jobs.run()
            assert (job.status, job.reason) == (Status.FAILED, Reason.INVALID_JSON)
            children |= {child.pid for child in psutil.Process().children()}
    assert len(children) == 1
