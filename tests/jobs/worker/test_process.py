"""Worker processes: a spare that cannot be used costs nobody anything."""

from __future__ import annotations

import asyncio
import os
import sys
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from myd_grpc import failpoints
from myd_grpc.convert.errors import ConversionError, Reason
from myd_grpc.convert.model import Conversion
from myd_grpc.jobs.worker import pool
from myd_grpc.jobs.worker.pool import WorkerPool
from myd_grpc.jobs.worker.process import WorkerProcess
from myd_grpc.jobs.worker.protocol import (
    CheckpointSaved,
    Done,
    Failed,
    Message,
    ProgressReported,
    Task,
)
from myd_grpc.options import ConvertOptions


@asynccontextmanager
async def opened(
    environ: Mapping[str, str] = os.environ, slots: int = 1
) -> AsyncIterator[WorkerPool]:
    workers = WorkerPool(environ, slots=slots)
    try:
        yield workers
    finally:
        await workers.close()


async def assert_gives_one_that_lives(workers: WorkerPool) -> None:
    worker = await workers.acquire()
    assert worker.alive
    await worker.end()


async def test_a_spare_that_could_not_be_started_is_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with opened() as workers:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "executable", "/no/such/python")
            workers.warm_up()
            await asyncio.wait(workers._spares)
        await assert_gives_one_that_lives(workers)


async def test_that_no_worker_can_be_started_is_an_error_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    async with opened() as workers:
        with pytest.raises(ConversionError) as caught:
            await workers.acquire()
    assert caught.value.reason is Reason.WORKER_DIED
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("ERROR", "no worker process could be started: no such file or directory")
    ]


async def test_a_spare_that_has_ended_is_replaced() -> None:
    async with opened() as workers:
        workers.warm_up()
        (spare,) = workers._spares
        await (await spare).end()
        await assert_gives_one_that_lives(workers)


async def done_by(workers: WorkerPool, home: Path, name: str) -> tuple[WorkerProcess, Message]:
    """Who was given a conversion of that file, and what came of it."""
    staging = home / f"staging-{uuid.uuid4()}"
    worker = await workers.acquire()
    messages = [
        message
        async for message in worker.work(
            Task("j1", Conversion(str(home), (name,), "out"), str(staging))
        )
    ]
    await workers.release(worker)
    return worker, messages[-1]


@pytest.fixture
def no_spare_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is, no other spare is started meanwhile."""
    monkeypatch.setattr(pool, "_WARM_UP_S", 3600)


@pytest.mark.usefixtures("no_spare_in_between")
async def test_a_worker_that_did_well_does_the_next_task(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('[{"id":1}]')
    async with opened() as workers:
        first, one = await done_by(workers, tmp_path, "a.json")
        second, two = await done_by(workers, tmp_path, "a.json")
        assert isinstance(one, Done)
        assert isinstance(two, Done)
        assert first is second
        assert first.alive
    assert not first.alive


async def test_names_that_are_no_utf8_on_disk_are_found_by_a_worker(tmp_path: Path) -> None:
    home = tmp_path / os.fsdecode("자료".encode("cp949"))
    home.mkdir()
    name = os.fsdecode("파일".encode("cp949"))
    (home / f"{name}.json").write_text('[{"id":1}]')
    conversion = Conversion(str(home), (f"{name}.json",), "out", ConvertOptions(merge=True))
    async with opened() as workers:
        worker = await workers.acquire()
        task = Task("j1", conversion, str(home / "staged"))
        *_, last = [message async for message in worker.work(task)]
        await worker.end()
    assert isinstance(last, Done)
    assert (home / "staged" / "out_1.csv").exists()


@pytest.mark.usefixtures("no_spare_in_between")
async def test_a_task_is_told_its_own_peak(tmp_path: Path) -> None:
    (tmp_path / "large.json").write_text('[{"a":[' + ",".join(['{"b":1}'] * 500_000) + "]}]")
    (tmp_path / "small.json").write_text("[1]")
    async with opened() as workers:
        first, large = await done_by(workers, tmp_path, "large.json")
        second, small = await done_by(workers, tmp_path, "small.json")
    assert first is second
    assert isinstance(large, Done)
    assert isinstance(small, Done)
    assert small.peak_bytes < large.peak_bytes - (5 << 20)


@pytest.mark.usefixtures("no_spare_in_between")
async def test_a_worker_that_says_what_is_wrong_does_the_next_task_and_keeps_nothing(
    tmp_path: Path,
) -> None:
    (tmp_path / "bad.json").write_text('[{"id":1,"l":[{"a":1}]},' * 5000)
    (tmp_path / "a.json").write_text("[1]")
    names = ["bad.json", "none.json", *["bad.json"] * 10, "none.json", "a.json"]
    held, threads = list[tuple[int, int]](), list[int]()
    async with opened() as workers:
        for name in names:
            worker, how = await done_by(workers, tmp_path, name)
            assert isinstance(how, Done if name == "a.json" else Failed)
            seen = psutil.Process(worker._process.pid)
            held.append((seen.pid, seen.num_fds()))
            threads.append(seen.num_threads())
    assert len({pid for pid, _ in held}) == 1
    # Whatever a library opens once is there after the first two.
    assert len(set(held[2:])) == 1, held
    # One that has ended may be seen for a moment.
    assert max(threads) < len(names), threads


@pytest.mark.usefixtures("no_spare_in_between")
async def test_what_a_worker_says_of_a_failed_task_comes_before_its_end(tmp_path: Path) -> None:
    """A checkpoint that is under way then would be taken for the next task's."""
    (tmp_path / "bad.json").write_text('[{"id":1},' * 5000)
    points = "before_sync=sleep:0.2;batch_written=sleep:0.01"
    async with opened({**os.environ, failpoints.VARIABLE: points}) as workers:
        for number in range(3):
            worker = await workers.acquire()
            staging = tmp_path / f"staging-{number}"
            conversion = Conversion(str(tmp_path), ("bad.json",), "out")
            messages = []
            async for message in worker.work(Task("j1", conversion, str(staging), checkpoint_s=0)):
                messages.append(message)
                if isinstance(message, CheckpointSaved):
                    await worker.acknowledge()
            assert isinstance(messages[0], ProgressReported)
            assert isinstance(messages[-1], Failed)
            assert any(isinstance(message, CheckpointSaved) for message in messages)
            await workers.release(worker)


@pytest.mark.usefixtures("no_spare_in_between")
async def test_a_worker_that_failed_unexpectedly_does_no_more(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[1]")
    async with opened({**os.environ, failpoints.VARIABLE: "converted=error:EIO"}) as workers:
        first, how = await done_by(workers, tmp_path, "a.json")
        assert isinstance(how, Failed)
        assert how.reason is Reason.INTERNAL
        assert not first.alive
        second, _ = await done_by(workers, tmp_path, "a.json")
        assert second is not first


async def done_together(workers: WorkerPool, home: Path, tasks: int) -> set[WorkerProcess]:
    """Those who were given so many conversions at once."""
    done = await asyncio.gather(*(done_by(workers, home, "a.json") for _ in range(tasks)))
    return {worker for worker, _ in done}


@pytest.mark.usefixtures("no_spare_in_between")
async def test_as_many_workers_are_kept_as_there_are_slots(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[1]")
    async with opened(slots=2) as workers:
        first = await done_together(workers, tmp_path, 3)
        kept = {one for one in first if one.alive}
        assert len(kept) == 2
        for _ in range(5):
            assert await done_together(workers, tmp_path, 2) == kept
    assert not any(one.alive for one in kept)


async def test_one_worker_is_kept_when_there_is_nothing_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.json").write_text("[1]")
    async with opened(slots=2) as workers:
        with monkeypatch.context() as patch:
            patch.setattr(pool, "_WARM_UP_S", 3600)
            both = await done_together(workers, tmp_path, 2)
        workers._settle()
        ended, *others = [one for one in both if one is not await workers._spares[0]]
        assert not others
        await ended._process.wait()
        assert await done_together(workers, tmp_path, 1) == both - {ended}


async def test_what_is_given_back_after_the_end_ends(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[1]")
    async with opened() as workers:
        worker = await workers.acquire()
        task = Task("j1", Conversion(str(tmp_path), ("a.json",), "out"), str(tmp_path / "s"))
        assert [message async for message in worker.work(task)]
        await workers.close()
        await workers.release(worker)
        assert not worker.alive
