"""The runner: what several callers want of one job at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from myd_grpc import directories, failpoints
from myd_grpc.callers.model import ANYBODY
from myd_grpc.convert.model import NO_KEYS, Conversion
from myd_grpc.jobs.model import QueuedJob, Request, Status
from myd_grpc.jobs.publish.output_directory import OutputDirectory
from myd_grpc.jobs.run.context import AttemptContext
from myd_grpc.jobs.run.queue import JobQueue
from myd_grpc.jobs.run.runner import Runner
from myd_grpc.jobs.store.store import JobStore
from myd_grpc.jobs.worker.pool import WorkerPool
from tests.support.serving import Hold


async def test_whoever_cancels_a_job_sees_it_ended_also_when_another_was_first(
    tmp_path: Path, hold: Callable[[str], Hold], monkeypatch: pytest.MonkeyPatch
) -> None:
    with directories.locked(tmp_path) as fd:
        store = JobStore(tmp_path, lambda _jobs: None)
        conversion = Conversion(str(tmp_path), ("in",), "out")
        context = AttemptContext(
            store, OutputDirectory(tmp_path, fd), WorkerPool(), lambda _: conversion
        )
        runner = Runner(
            context, JobQueue(lambda: 0, max_queued=10)
        )  # so that it stays in the queue
        queued = QueuedJob("j1", "", "", "out", NO_KEYS, overwrite=True)
        await runner.submit(ANYBODY, Request(("in",), "out"), None, queued)
        point = hold("before_commit")
        monkeypatch.setattr(failpoints, "_points", failpoints._parse(point.setting))
        callers = [asyncio.create_task(runner.cancel(ANYBODY, "j1")) for _ in range(3)]
        await asyncio.to_thread(point.reached)
        assert not any(caller.done() for caller in callers)
        point.release()
        await asyncio.gather(*callers)
        job = await store.get(ANYBODY, "j1")
        assert job
        assert (job.status, job.reason) == (Status.FAILED, "CANCELLED")
        await runner.stop(1)
        store.close()
