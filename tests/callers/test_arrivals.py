"""Requests on their way in: how many take memory at once, and how long."""

from __future__ import annotations

import asyncio

import pytest

from myd_grpc.callers.arrivals import Arrivals
from myd_grpc.errors import RequestLateError


class Reader:
    """Reads requests that arrive when they are told to."""

    def __init__(self, arrivals: Arrivals) -> None:
        self._arrivals = arrivals
        self.begun: list[int] = []
        self.arrived = asyncio.Event()

    async def stranger(self, number: int) -> int:
        async with self._arrivals.of_stranger():
            return await self._read(number)

    async def caller(self, name: str, number: int) -> int:
        async with self._arrivals.of_caller(name):
            return await self._read(number)

    async def _read(self, number: int) -> int:
        self.begun.append(number)
        await self.arrived.wait()
        return number


async def settled() -> None:
    """Return when whatever could go on has done so."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_of_strangers_the_oldest_makes_room() -> None:
    reader = Reader(Arrivals(at_once=2))
    reads = [asyncio.create_task(reader.stranger(number)) for number in range(5)]
    await settled()
    reader.arrived.set()
    ended = await asyncio.gather(*reads, return_exceptions=True)
    assert [type(one) for one in ended[:3]] == [RequestLateError] * 3
    assert ended[3:] == [3, 4]


async def test_of_a_caller_further_ones_wait_and_nobody_elses() -> None:
    reader = Reader(Arrivals(at_once=2))
    reads = [asyncio.create_task(reader.caller("a", number)) for number in range(5)]
    reads.append(asyncio.create_task(reader.caller("b", 5)))
    await settled()
    assert reader.begun == [0, 1, 5]
    reads[0].cancel()
    await settled()
    assert reader.begun == [0, 1, 5, 2]
    reader.arrived.set()
    assert await asyncio.gather(*reads[1:]) == [1, 2, 3, 4, 5]


async def test_what_does_not_arrive_is_given_up() -> None:
    arrivals = Arrivals(patience_s=0.001)
    with pytest.raises(RequestLateError):
        await Reader(arrivals).caller("a", 0)
    with pytest.raises(RequestLateError):
        await Reader(arrivals).stranger(0)
