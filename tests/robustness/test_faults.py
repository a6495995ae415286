"""Writing that fails: whichever write, sync or rename it is, the outcome is one of two.

Either the set is there with the bytes of an undisturbed run, or the job says that it failed and
there is nothing; the job database is sound, and the next job runs.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from myd_grpc import directories, failpoints
from myd_grpc.callers.model import ANYBODY
from myd_grpc.convert.checkpoint import Checkpoint
from myd_grpc.convert.errors import ConversionError, Reason
from myd_grpc.convert.model import NO_KEYS, Conversion, Limits, PartFile
from myd_grpc.convert.output.disk import sync
from myd_grpc.convert.pipeline import convert
from myd_grpc.errors import StateError
from myd_grpc.jobs.model import Job, QueuedJob, Request, Status
from myd_grpc.jobs.publish.output_directory import OutputDirectory
from myd_grpc.jobs.run import recording
from myd_grpc.jobs.run.context import AttemptContext
from myd_grpc.jobs.run.queue import JobQueue
from myd_grpc.jobs.run.recovery import ResumedJobs
from myd_grpc.jobs.run.runner import Runner
from myd_grpc.jobs.store.store import JobStore
from myd_grpc.jobs.worker import pool
from myd_grpc.jobs.worker.pool import WorkerPool
from myd_grpc.options import ConvertOptions, Format
from tests.support.converting import each_engine, native, needs_pyarrow
from tests.support.serving import tree
from tests.support.storing import assert_sound

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
