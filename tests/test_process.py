"""Worker processes: a spare that cannot be used costs nobody anything."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from myd_grpc.jobs.process import Workers


@asynccontextmanager
async def opened() -> AsyncIterator[Workers]:
    workers = Workers()
    try:
        yield workers
    finally:
        await workers.close()


async def assert_gives_one_that_lives(workers: Workers) -> None:
    worker = await workers.take()
    assert worker.alive
    await worker.end()


async def test_a_spare_that_could_not_be_started_is_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with opened() as workers:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "executable", "/no/such/python")
            workers.warm_up()
            assert workers._spare
            await asyncio.wait([workers._spare])
        await assert_gives_one_that_lives(workers)


async def test_a_spare_that_has_ended_is_replaced() -> None:
    async with opened() as workers:
        workers.warm_up()
        assert workers._spare
        await (await workers._spare).end()
        await assert_gives_one_that_lives(workers)
