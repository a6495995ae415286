"""Changes that wait for the one writing connection at the same time."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from myd_grpc.callers.model import ANYBODY
from myd_grpc.convert.model import Progress
from myd_grpc.errors import OutputBusyError
from myd_grpc.jobs.model import Change
from myd_grpc.jobs.store.store import DATABASE_NAME
from tests.support.serving import PATIENCE_S
from tests.support.storing import Announced, opened, request


class Held(Announced):
    """Holds the writing thread after its first commit until it is let go; counts commits."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.go = threading.Event(), threading.Event()
        self.commits: list[int] = []

    def __call__(self, changes: Sequence[Change]) -> None:
        super().__call__(changes)
        self.commits.append(len(changes))
        self.reached.set()
        assert self.go.wait(PATIENCE_S)


async def test_changes_that_wait_are_committed_together_and_fail_alone(tmp_path: Path) -> None:
    held = Held()
    async with opened(tmp_path, held) as store:

        async def submit(number: int) -> str:
            output = f"out{number % 7}"  # 7 and 8 want those of 0 and 1
            return await store.submit(ANYBODY, f"j{number}", request(output), None, now=1)

        waiting = [asyncio.create_task(submit(0))]
        assert await asyncio.to_thread(held.reached.wait, PATIENCE_S)
        waiting += [asyncio.create_task(submit(number)) for number in range(1, 9)]
        await asyncio.sleep(0)
        gone = waiting[3]
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        held.go.set()
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert await store.last_revision() == 6
    kinds = [one if isinstance(one, str) else type(one) for one in outcomes]
    assert kinds[:3] + kinds[4:7] == ["j0", "j1", "j2", "j4", "j5", "j6"]
    assert kinds[3] is asyncio.CancelledError
    assert kinds[7:] == [OutputBusyError, OutputBusyError]
    assert held.commits == [1, 5]
    assert [job.revision for job in held] == [1, 2, 3, 4, 5, 6]


async def test_what_keeps_a_commit_from_lasting_is_told_to_all_who_wait(tmp_path: Path) -> None:
    held = Held()
    async with opened(tmp_path, held) as store:
        first = asyncio.create_task(store.submit(ANYBODY, "j0", request(), None, now=1))
        assert await asyncio.to_thread(held.reached.wait, PATIENCE_S)
        waiting = [asyncio.create_task(store.progress("j0", Progress(), 0.0)) for _ in range(3)]
        await asyncio.sleep(0)
        (tmp_path / DATABASE_NAME).rename(tmp_path / "elsewhere")
        held.go.set()
        assert await first == "j0"
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        (tmp_path / "elsewhere").rename(tmp_path / DATABASE_NAME)
        assert await store.last_revision() == 1
    assert {getattr(one, "reason", None) for one in outcomes} == {"DIRECTORY_LOST"}


class Ended(BaseException):
    """Whatever is no Exception."""


async def test_what_ends_the_thread_s_work_is_told_to_all_who_wait(tmp_path: Path) -> None:
    def end(_: sqlite3.Connection) -> NoReturn:
        raise Ended

    held = Held()
    async with opened(tmp_path, held) as store:
        first = asyncio.create_task(store.submit(ANYBODY, "j0", request("out0"), None, now=1))
        assert await asyncio.to_thread(held.reached.wait, PATIENCE_S)
        submitted = store.submit(ANYBODY, "j1", request("out1"), None, now=1)
        waiting = [asyncio.create_task(one) for one in (submitted, store._write(end))]
        await asyncio.sleep(0)
        held.go.set()
        assert await first == "j0"
        async with asyncio.timeout(PATIENCE_S):
            outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(one) for one in outcomes] == [Ended, Ended]
        assert await store.last_revision() == 1
        assert await store.submit(ANYBODY, "j2", request("out2"), None, now=1) == "j2"
