"""Letting calls in, and ending streams: what is done at which moment."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from myd_grpc.callers.access import Access, Session
from myd_grpc.callers.identity import Credentials
from myd_grpc.callers.model import ANYBODY
from myd_grpc.callers.registry import Registry
from myd_grpc.errors import RoleMissingError, UnauthenticatedError
from tests.support.callers import caller_table, token_of, write_callers
from tests.support.serving import PATIENCE_S

METHOD = "/myd.analysis.v1.AnalysisService/WatchJobs"


def credentials(name: str) -> Credentials:
    return Credentials((f"Bearer {token_of(name)}",))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_callers(tmp_path / "callers.toml", caller_table("a", ["read"], watches=1))


async def stand(access: Access, session: Session, stands: asyncio.Event) -> None:
    """A stream that ends only when it is ended."""
    async with access.standing(session):
        stands.set()
        await asyncio.Event().wait()


async def begun(access: Access, session: Session) -> asyncio.Task[None]:
    stands = asyncio.Event()
    task = asyncio.create_task(stand(access, session, stands))
    await stands.wait()
    return task


async def test_without_a_registry_everybody_is_let_in() -> None:
    access = Access(None)
    for found in (Credentials(), credentials("a")):
        session = await access.admit(METHOD, found)
        assert session.identity.caller is ANYBODY
    with pytest.raises(RoleMissingError):
        await access.admit(METHOD + "s", Credentials())


@pytest.mark.parametrize("who", ["a", "nobody"])
async def test_calls_that_are_given_up_leave_their_turns_to_others(path: Path, who: str) -> None:
    access = Access(Registry(path), calls_per_s=10)
    many = [asyncio.create_task(access.admit(METHOD, credentials(who))) for _ in range(5000)]
    await asyncio.sleep(0)  # all of them wait by now
    for one in many:
        one.cancel()
    await asyncio.gather(*many, return_exceptions=True)
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(access.admit(METHOD, credentials(who)), return_exceptions=True)


async def test_a_change_ends_the_streams_that_stand(path: Path) -> None:
    registry = Registry(path)
    access = Access(registry)
    session = await access.admit(METHOD, credentials("a"))
    task = await begun(access, session)
    # Nothing has changed; then only a limit, which holds for what begins later.
    access.end_streams(time.time())
    write_callers(path, caller_table("a", ["read"], watches=2))
    registry.refresh()
    access.end_streams(time.time())
    assert session.known is registry.known
    assert session.identity.caller.limits.watches == 2
    assert not task.done()
    write_callers(path, caller_table("b", ["read"]))
    registry.refresh()
    access.end_streams(time.time())
    access.end_streams(time.time())  # before the first has had its way
    with pytest.raises(UnauthenticatedError):
        await task
    assert not access._standing


async def test_a_stream_that_its_caller_leaves_is_forgotten(path: Path) -> None:
    access = Access(Registry(path))
    task = await begun(access, await access.admit(METHOD, credentials("a")))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not access._standing


async def test_the_end_of_a_time_of_its_own_stays_that(path: Path) -> None:
    access = Access(Registry(path))
    session = await access.admit(METHOD, credentials("a"))
    with pytest.raises(TimeoutError):
        async with access.standing(session):
            raise TimeoutError
    assert not access._standing


async def test_files_are_looked_at_again_and_again(path: Path) -> None:
    access = Access(Registry(path), look_s=0.001)
    looking = asyncio.create_task(access.look_after())
    task = await begun(access, await access.admit(METHOD, credentials("a")))
    write_callers(path, caller_table("b", ["read"]))
    with pytest.raises(UnauthenticatedError):
        await task
    looking.cancel()
