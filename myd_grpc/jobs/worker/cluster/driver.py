"""The process that belongs to the cluster as its driver: between the server and the actors.

Ray ends a process whose cluster is lost, in ways that no exception tells. So that is not the
server: when this one ends, its actors end with it, and the server starts another.
"""

from __future__ import annotations

import asyncio
import logging
import os
import select
import sys
from asyncio import StreamReader
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NoReturn

import ray
from ray.exceptions import RayError

from myd_grpc.build import build
from myd_grpc.codec import decode
from myd_grpc.jobs.worker.cluster import wording
from myd_grpc.jobs.worker.cluster.actor import DIED, MESSAGE, WorkerActor
from myd_grpc.jobs.worker.cluster.frames import (
    FORGET,
    Frame,
    Kind,
    Setup,
    decode_work,
    encode_frame,
    pieces,
    read_frame,
)
from myd_grpc.jobs.worker.hardening import die_with_parent, forbid_core_dumps

RESOURCE = "myd"
"""What a node offers as many of as it has slots for workers."""

_AT_ONCE = 8
"""Calls that an actor takes at a time: one is its task, the others are orders."""

_LOOK_S = 1.0
_CLUSTER_ANSWERS_S = 30.0
_PING_S = 5.0
_FORGETS_S = 20.0
_LONGEST = 64 << 20


class Driver:
    """Keeps an actor for each worker that the server has started."""

    def __init__(self, setup: bytes) -> None:
        self._setup = setup
        self._stall_s = decode(setup, Setup).stall_s
        self._actors: dict[int, Any] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, frames: StreamReader) -> None:
        """Do what the server says, until it ends."""
        self._spawn(self._tell_slots())
        while frame := await read_frame(frames):
            match frame.kind:
                case Kind.START:
                    self._spawn(self._start(frame.worker))
                case Kind.WORK:
                    self._spawn(self._work(frame.worker, frame.data))
                case Kind.TELL:
                    self._spawn(self._tell(frame.worker, frame.data))
                case Kind.END:
                    self._end(frame.worker, forget=frame.data == FORGET)

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)  # the loop itself would forget a task nobody holds
        task.add_done_callback(self._tasks.discard)

    async def _start(self, worker: int) -> None:
        """Have an actor begun on a node that has room for it."""
        options: Mapping[str, Any] = {
            "num_cpus": 0,
            "resources": {RESOURCE: 1},
            "max_restarts": 0,
            "max_task_retries": 0,
            "max_concurrency": _AT_ONCE,
        }
        kind: Any = ray.remote(**options)(WorkerActor)
        actor = self._actors[worker] = kind.remote()
        try:
            found = await actor.build.remote()
        except Exception as error:  # noqa: BLE001 - whatever Ray raises, there is no worker
            how = "it has no build of myd" if "import" in str(error) else wording.why(error)
            await self._gone(worker, f"no worker could be started on a node: {how}")
            return
        if worker not in self._actors:
            return  # it was given up meanwhile
        if found == build():
            _send(Frame(Kind.STARTED, worker))
        else:
            await self._gone(
                worker,
                f"a node has another build of myd ({found}) than the server ({build()}): install "
                "the same on all",
            )

    async def _work(self, worker: int, data: bytes) -> None:
        actor = self._actors.get(worker)
        if actor is None:
            return
        keys, line = decode_work(data)
        pings = asyncio.create_task(self._ping(worker, actor))
        message = bytearray()
        try:
            *firsts, last = pieces(line)
            for piece in firsts:
                await actor.take.remote(piece)
            found = actor.work.options(num_returns="streaming").remote(self._setup, keys, last)
            async for reference in found:
                kind, content = await reference
                message += content
                if len(message) > _LONGEST:
                    await self._gone(worker, "the worker on a node said more than any says")
                elif kind == DIED:
                    await self._gone(worker, message.decode())
                elif kind == MESSAGE:
                    _send(Frame(Kind.MESSAGE, worker, bytes(message)))
                    message.clear()
        except Exception as error:  # noqa: BLE001 - whatever Ray raises, the worker is no more
            await self._gone(worker, f"the worker on a node ended: {wording.why(error)}")
        finally:
            pings.cancel()

    async def _ping(self, worker: int, actor: Any) -> None:
        """Ask the actor for signs of life, and give it up when none comes."""
        while True:
            await asyncio.sleep(_PING_S)
            try:
                async with asyncio.timeout(self._stall_s):
                    await actor.build.remote()
            except TimeoutError:
                await self._gone(
                    worker, f"the node of the worker said nothing for {self._stall_s:g} s"
                )
                return
            except RayError:
                return  # which its work tells, too

    async def _tell(self, worker: int, line: bytes) -> None:
        if actor := self._actors.get(worker):
            with suppress(RayError):  # which its work tells, too
                await actor.tell.remote(line)

    def _end(self, worker: int, *, forget: bool = False) -> None:
        actor = self._actors.pop(worker, None)
        if actor and forget:
            self._spawn(_forgotten(actor))
        elif actor:
            ray.kill(actor)

    async def _gone(self, worker: int, why: str) -> None:
        """Tell the end of a worker, unless it is that of the cluster."""
        if worker in self._actors:
            await _slots()
            self._end(worker)
            _send(Frame(Kind.GONE, worker, why.encode()))

    async def _tell_slots(self) -> None:
        told = -1
        while True:
            if (found := await _slots()) != told:
                told = found
                _send(Frame(Kind.SLOTS, 0, str(found).encode()))
            await asyncio.sleep(_LOOK_S)


async def _forgotten(actor: Any) -> None:
    """End an actor that has removed what is staged on its node, unless that takes long."""
    with suppress(RayError, TimeoutError):
        async with asyncio.timeout(_FORGETS_S):
            await actor.forget.remote()
    ray.kill(actor)


async def _slots() -> int:
    """How many workers there can be at once; ends this process when the cluster is lost."""
    try:
        async with asyncio.timeout(_CLUSTER_ANSWERS_S):
            found: Mapping[str, float] = await asyncio.to_thread(ray.cluster_resources)
    except (RayError, RuntimeError, OSError, TimeoutError):
        _leave("it does not answer any more")
    return int(found.get(RESOURCE, 0))


def _send(frame: Frame) -> None:
    data = memoryview(encode_frame(frame))
    try:
        while data:
            data = data[os.write(_OUT, data) :]
    except BrokenPipeError:
        os._exit(1)  # the server has ended


def _leave(why: str) -> NoReturn:
    """End, whatever else goes on; the server hears why."""
    _send(Frame(Kind.GONE, 0, why.encode()))
    os._exit(1)


async def _main(address: str) -> None:
    frames = StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(frames), sys.stdin
    )
    setup = await read_frame(frames)
    if setup is None:
        return
    try:
        # Blocks the loop, which has nothing else to do yet: Ray wants the main thread.
        ray.init(address, log_to_driver=False, configure_logging=False, logging_level=logging.ERROR)
    except Exception as error:  # noqa: BLE001 - whatever Ray raises, there is no cluster to be had
        _leave(f"it cannot be joined: {wording.why_not(error)}")
    await Driver(setup.data).run(frames)


def _is_alone() -> bool:
    """Whether the server ended before this process would be told: Ray may wait long to join."""
    stdin = select.poll()
    stdin.register(0, select.POLLHUP)
    return bool(stdin.poll(0))


_OUT = -1


def main() -> None:
    """Serve the server on stdin and stdout; the argument is the cluster's address."""
    global _OUT  # noqa: PLW0603 - the real stdout, taken from whatever else prints
    die_with_parent()
    if _is_alone():
        return
    forbid_core_dumps()
    _OUT = os.dup(1)
    os.dup2(2, 1)
    asyncio.run(_main(sys.argv[1]))
    os._exit(0)


if __name__ == "__main__":
    main()
