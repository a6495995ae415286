"""What is recorded of a job: how it begins only where it does not end a moment later."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from myd_grpc.callers.model import ANYBODY
from myd_grpc.convert.model import Progress
from myd_grpc.jobs.model import Change, Job, Request
from myd_grpc.jobs.run import recording
from myd_grpc.jobs.run.recording import JobRecorder
from myd_grpc.jobs.store.store import JobStore

BEGINNING = Progress(bytes_total=100)
FURTHER = Progress(bytes_total=100, bytes_read=40, records=4)
END = Progress(bytes_total=100, bytes_read=100, records=9)


@pytest.fixture(autouse=True)
def long_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is, all of it happens within the moment."""
    monkeypatch.setattr(recording, "_BEGINNING_S", 3600)


@asynccontextmanager
async def begun(directory: Path) -> AsyncIterator[tuple[JobRecorder, list[Progress]]]:
    """What records a job that a worker has taken, and how far it was at each commit from then."""
    committed = list[Progress]()

    def announce(changes: object) -> None:
        assert isinstance(changes, list)
        committed.extend(_progress(one) for one in changes)

    store = JobStore(directory, announce)
    await store.submit(ANYBODY, "j1", Request(("in",), "out"), None, 1)
    recorder = JobRecorder(store, "j1")
    assert await recorder.start(2)
    committed.clear()
    yield recorder, committed
    recorder.close()
    store.close()


def _progress(change: Change) -> Progress:
    assert isinstance(change, Job)
    return change.progress


async def test_how_a_small_job_begins_takes_no_commit(tmp_path: Path) -> None:
    async with begun(tmp_path) as (recorder, committed):
        await recorder.progress(BEGINNING, 1)
        await recorder.publishing(END, [], "token", "")
        await recorder.done(3)
    assert [one.records for one in committed] == [9, 9]


async def test_how_a_job_begins_is_not_recorded_after_how_it_goes_on(tmp_path: Path) -> None:
    async with begun(tmp_path) as (recorder, committed):
        await recorder.progress(BEGINNING, 1)
        await recorder.progress(FURTHER, 1)
        await recorder.progress(END, 1)
    assert [one.records for one in committed] == [4, 9]


async def test_all_that_is_known_of_a_job_is_recorded_before_it_fails(tmp_path: Path) -> None:
    async with begun(tmp_path) as (recorder, committed):
        await recorder.failing()  # of which nothing is known
        await recorder.progress(FURTHER, 1)
        await recorder.failing()
        await recorder.failing()
    assert [one.records for one in committed] == [4]


async def test_how_a_job_begins_is_recorded_in_a_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "_BEGINNING_S", 0)
    async with begun(tmp_path) as (recorder, committed):
        await recorder.progress(BEGINNING, 1)
        assert recorder._beginning
        await recorder._beginning
        await recorder.progress(FURTHER, 1)
    assert [one.records for one in committed] == [0, 4]
