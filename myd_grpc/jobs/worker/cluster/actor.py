"""What runs on a node: an actor that keeps worker processes there, as the server does beside it.

So a node's worker is confined, watched and ended as one beside the server is, and what its files do
to it cannot reach the actor. It ends with the actor, and that with the driver it belongs to.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from io import BytesIO
from pathlib import Path

from myd_grpc.build import build
from myd_grpc.codec import decode
from myd_grpc.convert.errors import ConversionError
from myd_grpc.convert.model import NO_KEYS
from myd_grpc.jobs.worker.cluster.frames import Setup, pieces
from myd_grpc.jobs.worker.executor import WorkerDiedError
from myd_grpc.jobs.worker.hardening import forbid_core_dumps
from myd_grpc.jobs.worker.keys import decode_keys
from myd_grpc.jobs.worker.pool import WorkerPool
from myd_grpc.jobs.worker.process import WorkerProcess
from myd_grpc.jobs.worker.protocol import (
    COMMITTED,
    AnyTask,
    Failed,
    Message,
    Task,
    decode_task,
    encode_message,
    is_over,
)
from myd_grpc.jobs.worker.staging import prepare_work, remove_of_job, remove_own

PIECE, MESSAGE, DIED = "piece", "message", "died"
"""Kinds of what is yielded: data that goes on, the end of a message, why the worker is no more."""


class WorkerActor:
    """One slot of a node. Nothing is told to its constructor, which the control store would keep.

    It is an asyncio actor: orders are taken while a task is done.
    """

    def __init__(self) -> None:
        forbid_core_dumps()
        self._pool: WorkerPool | None = None
        # Of the last task: when that is done, the next may have begun before it is let go of.
        self._worker: WorkerProcess | None = None
        self._task: Task | None = None  # without its keys, while it is one that stages here
        self._line = bytearray()
        self._work = ""

    async def build(self) -> str:
        """Which build of myd the node has; the answer is also a sign of life."""
        return build()

    async def take(self, piece: bytes) -> None:
        """Take some of the next task's line, of which `work` gets the last."""
        self._line += piece

    async def work(
        self, setup: bytes, keys: bytes, last: bytes
    ) -> AsyncIterator[tuple[str, bytes]]:
        """Does a task, and yields what the worker writes, and at the end perhaps why it died."""
        line, self._line = bytes(self._line) + last, bytearray()
        try:
            pool = self._pool_for(setup)
            await self._begin(decode_task(line, NO_KEYS))
            async with pool.lend() as self._worker:
                task = decode_task(line, decode_keys(BytesIO(keys).read))
                async for message in self._worker.work(task):
                    if is_over(message):
                        await self._tidy(remove_own)
                    for piece in _yielded(message):
                        yield piece
        except WorkerDiedError as error:
            yield DIED, error.message.encode()
        except ConversionError as error:
            # Whatever this node lacks, it is nothing that the job is to fail of.
            failure = Failed(error.reason, f"a node: {error.message}", "", 0, passing=True)
            for piece in _yielded(failure):
                yield piece
        except Exception as error:  # noqa: BLE001 - Ray would log and pass on its text
            yield DIED, f"the worker on a node failed: {type(error).__name__}".encode()

    async def tell(self, what: bytes) -> None:
        """Pass a line on to the worker of the task at hand."""
        if self._worker:
            await (self._worker.acknowledge() if what == COMMITTED else self._worker.save_now())

    async def forget(self) -> None:
        """End the worker, and remove what its job has staged here, which has ended."""
        if self._worker:
            await self._worker.end()
        await self._tidy(remove_of_job)

    async def _begin(self, task: AnyTask) -> None:
        """Get the directory ready in which the task stages its set, if it is one of this node."""
        if self._work:
            self._task = task if isinstance(task, Task) else None
            kept = self._task.taken_over if self._task else None
            await asyncio.to_thread(prepare_work, Path(self._work), kept)

    async def _tidy(self, remove: Callable[[Task], None]) -> None:
        if self._task:
            await asyncio.to_thread(remove, self._task)

    def _pool_for(self, setup: bytes) -> WorkerPool:
        """The node's processes, made with the first task: all have the same setup."""
        if self._pool is None:
            found: Setup = decode(setup, Setup)
            os.umask(found.umask)
            # Else it is one that the server sees, and tidies.
            self._work = found.places.output_dir if found.places.uploads else ""
            self._pool = WorkerPool(stall_s=found.stall_s, places=found.places)
        return self._pool


def _yielded(message: Message) -> Iterator[tuple[str, bytes]]:
    *firsts, last = pieces(encode_message(message))
    yield from ((PIECE, piece) for piece in firsts)
    yield MESSAGE, last
