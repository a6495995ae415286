"""A worker that the system lets begin no thread does its task, or says that it cannot now."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from myd_grpc.convert.errors import Reason
from myd_grpc.convert.model import Conversion, Keys
from myd_grpc.jobs.worker import process
from myd_grpc.jobs.worker.process import STALL_SECONDS, WorkerProcess
from myd_grpc.jobs.worker.protocol import CheckpointSaved, Done, Failed, Message, Task
from myd_grpc.options import ConvertOptions, Format
from tests.support import short_worker
from tests.support.converting import KEY, each_engine, needs_pyarrow
from tests.support.few_threads import LIMITABLE, can_limit, limited
from tests.support.set_files import table_files_below

pytestmark = can_limit

ROWS = json.dumps([{"id": n, "text": f"{n:0400}", "l": [{"a": n}] * 3} for n in range(5000)])


def run_python_as(prefix: Sequence[str], home: Path, patch: pytest.MonkeyPatch) -> None:
    """Has workers started by a command."""
    script = home / "python"
    script.write_text(f'#!/bin/sh\nexec {shlex.join(prefix)} "$@"\n')
    script.chmod(0o755)
    patch.setattr(sys, "executable", str(script))


async def said(worker: WorkerProcess, task: Task) -> list[Message]:
    """What a worker says of a task."""
    messages = []
    async for message in worker.work(task):
        messages.append(message)
        if isinstance(message, CheckpointSaved):
            await worker.acknowledge()
    return messages


def task_for(home: Path, job_id: str, engine: str, *formats: Format) -> Task:
    (home / "a.json").write_text(ROWS)
    options = ConvertOptions(merge=True, checksums=True, formats=formats)
    conversion = Conversion(str(home), ("a.json",), "out", options, engine=engine)
    return Task(job_id, conversion, str(home / job_id), checkpoint_s=0)


async def started(home: Path, patch: pytest.MonkeyPatch) -> WorkerProcess:
    run_python_as([*LIMITABLE, sys.executable], home, patch)
    patch.setattr(process, "PROGRAM", short_worker.__name__)
    return await WorkerProcess.start(os.environ, STALL_SECONDS)


@each_engine
async def test_a_worker_that_can_begin_no_thread_makes_the_same_set(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = await started(tmp_path, monkeypatch)
    for job_id in ("other", short_worker.JOB):
        task = task_for(tmp_path, job_id, engine, Format.CSV, Format.XLSX)
        *before, last = await said(worker, task)
        assert isinstance(last, Done), last
        assert any(isinstance(message, CheckpointSaved) for message in before)
    await worker.end()
    made, expected = (table_files_below(tmp_path / name) for name in (short_worker.JOB, "other"))
    assert made == expected != {}


@needs_pyarrow
async def test_a_task_that_takes_threads_is_to_be_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = await started(tmp_path, monkeypatch)
    *_, last = await said(worker, task_for(tmp_path, short_worker.JOB, "python", Format.PARQUET))
    assert isinstance(last, Failed)
    assert (last.reason, last.passing) == (Reason.OUTPUT_UNAVAILABLE, True)
    *_, last = await said(worker, task_for(tmp_path, "other", "python", Format.PARQUET))
    assert isinstance(last, Done)
    await worker.end()


@pytest.mark.parametrize("keys", [Keys(), Keys(KEY)])
async def test_a_worker_that_cannot_listen_says_so_of_its_task(
    keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_python_as(limited([sys.executable]), tmp_path, monkeypatch)
    worker = await WorkerProcess.start(os.environ, STALL_SECONDS)
    task = Task("j1", Conversion(str(tmp_path), ("a.json",), "out"), str(tmp_path / "s"), keys)
    (last,) = await said(worker, task)
    assert isinstance(last, Failed)
    assert (last.reason, last.passing) == (Reason.WORKER_DIED, True)
    assert last.message == (
        "a worker process can begin no thread: resource temporarily unavailable"
    )
    assert await worker._process.wait() == 1
