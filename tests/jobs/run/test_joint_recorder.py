"""What is recorded of a job that several workers do: it comes to an end whenever it is to."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from myd_grpc.callers.model import ANYBODY
from myd_grpc.convert.model import Conversion, Progress
from myd_grpc.jobs.model import Request
from myd_grpc.jobs.run import joint_recorder
from myd_grpc.jobs.run.joint_recorder import JointRecorder
from myd_grpc.jobs.run.recording import JobRecorder
from myd_grpc.jobs.run.shares import Share, Whole
from myd_grpc.jobs.run.shares_left import SharesLeft
from myd_grpc.jobs.store.store import JobStore
from tests.support.serving import PATIENCE_S

WORK = SharesLeft(Whole("a", Conversion("", ("in",), "out"), (), Progress()), [Share(0, 1)])


@pytest.mark.parametrize("turns", range(6))
async def test_it_ends_also_while_it_is_told_to_hurry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, turns: int
) -> None:
    monkeypatch.setattr(joint_recorder, "_PAUSE_FACTOR", 1e9)
    store = JobStore(tmp_path, lambda _: None)
    await store.submit(ANYBODY, "j", Request(("in",), "out"), None, 1)
    recorder = JobRecorder(store, "j")
    assert await recorder.start(2)
    joint = JointRecorder(recorder, WORK)
    async with asyncio.timeout(PATIENCE_S), joint.recording():
        joint.keep()
        while (await store.work("j"))[1] is None:
            pass
        await asyncio.sleep(0.02)  # by when it waits with what comes next, of which nothing tells
        joint.hurry()
        for _ in range(turns):  # of the event loop
            await asyncio.sleep(0)
    recorder.close()
    store.close()
