"""What a small job waits for until it is on the disk, in which order, and what it does not."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from myd_grpc import directories
from myd_grpc.callers.model import ANYBODY
from myd_grpc.convert.model import NO_KEYS, Conversion
from myd_grpc.jobs.model import Change, Job, QueuedJob, Request, Status
from myd_grpc.jobs.publish import output_directory
from myd_grpc.jobs.publish.output_directory import OutputDirectory
from myd_grpc.jobs.publish.rename import rename_new
from myd_grpc.jobs.run.context import AttemptContext
from myd_grpc.jobs.run.queue import JobQueue
from myd_grpc.jobs.run.recovery import ResumedJobs
from myd_grpc.jobs.run.runner import Runner
from myd_grpc.jobs.store.store import JobStore
from myd_grpc.jobs.worker.pool import WorkerPool


class Steps:
    """What the server has synced, and each rename by which a set appeared, in order."""

    def __init__(self, output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen = list[str]()
        self._output = output
        self._durable = False
        self._real_fsync = os.fsync
        self._real_rename = rename_new
        monkeypatch.setattr(os, "fsync", self._fsync)
        monkeypatch.setattr(output_directory, "rename_new", self._rename)

    def of(self, connection: sqlite3.Connection) -> None:
        connection.set_trace_callback(self._statement)

    def _statement(self, statement: str) -> None:
        if statement.startswith("PRAGMA synchronous"):
            self._durable = statement.endswith("FULL")
        elif statement == "COMMIT" and self._durable:
            self.seen.append("commit")

    def _fsync(self, fd: int) -> None:
        same = os.fstat(fd).st_ino == self._output.stat().st_ino
        self.seen.append("sync of the output directory" if same else "another sync")
        self._real_fsync(fd)

    def _rename(self, directory: int, source: str, target: str) -> None:
        self.seen.append("rename")
        self._real_rename(directory, source, target)


async def test_each_step_of_a_small_job_is_synced_once_before_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in").write_text('[{"id":1}]')
    steps, ended = Steps(tmp_path, monkeypatch), asyncio.Event()
    with directories.locked(tmp_path) as fd:
        store = JobStore(tmp_path, _telling(ended))
        store._writing.call(steps.of)
        context = AttemptContext(
            store,
            OutputDirectory(tmp_path, fd),
            WorkerPool(),
            lambda _: Conversion(str(tmp_path), ("in",), "out"),
            checkpoint_s=1000,
        )
        runner = Runner(context, JobQueue(lambda: 1, max_queued=10))
        runner.start(ResumedJobs())
        queued = QueuedJob("j1", "", "", "out", NO_KEYS, overwrite=True)
        await runner.submit(ANYBODY, Request(("in",), "out"), None, queued)
        assert steps.seen == ["commit"]
        await ended.wait()
        await runner.stop(1)
        store.close()
    assert steps.seen == ["commit", "commit", "rename", "sync of the output directory", "commit"]


def _telling(ended: asyncio.Event) -> Callable[[object], None]:
    """An `Announce` that says when a job is DONE."""
    loop = asyncio.get_running_loop()

    def announce(changes: object) -> None:
        assert isinstance(changes, list)
        if any(_is_done(one) for one in changes):
            loop.call_soon_threadsafe(ended.set)

    return announce


def _is_done(change: Change) -> bool:
    return isinstance(change, Job) and change.status is Status.DONE
