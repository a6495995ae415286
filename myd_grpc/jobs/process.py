"""Worker processes as the server sees them: started fresh, never forked, for a task at a time.

A fork would copy gRPC's threads' locks in whatever state they are. Keys go through stdin: what is
in arguments or environment can be read by others.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from pathlib import Path

import myd_grpc
from myd_grpc import failpoints
from myd_grpc.convert.errors import ConversionError, Reason
from myd_grpc.jobs.protocol import (
    HASTEN,
    KEPT,
    Failed,
    Last,
    Message,
    SummaryTask,
    Task,
    decode_message,
    encode_task,
)

logger = logging.getLogger(__name__)

_LINE_LIMIT_BYTES = 64 << 20
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ", failpoints.VARIABLE)
# Blocks of memory the size of a batch are used again, not given back to the kernel and zeroed anew
# each time: that is a tenth of a fast conversion. Threads share them. Only glibc heeds these.
ALLOCATOR = {
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(128 << 20),
    "MALLOC_ARENA_MAX": "1",
}
_WARM_UP_S = 2.0
_ROOT = str(Path(myd_grpc.__file__).parent.parent)


class WorkerDiedError(ConversionError):
    """A worker process ended in the middle of its work."""


class Worker:
    """One process, with at most one task at a time.

    `reusable` says that it has come to the end of one, be it to say what is wrong with the files,
    and waits for the next.
    """

    def __init__(self, process: Process) -> None:
        self.reusable = False
        self._process = process

    @classmethod
    async def start(cls, environ: Mapping[str, str]) -> Worker:
        """A process that gets ready for a task by itself. Raises OSError."""
        process = await asyncio.create_subprocess_exec(
            # -P: what lies in the current directory is not imported.
            *(sys.executable, "-P", "-m", "myd_grpc.jobs.worker"),
            stdin=PIPE,
            stdout=PIPE,
            limit=_LINE_LIMIT_BYTES,
            start_new_session=True,
            env={
                **{name: environ[name] for name in _PASSED_ON if name in environ},
                **ALLOCATOR,
                "PYTHONPATH": _ROOT,
            },
        )
        return cls(process)

    @property
    def alive(self) -> bool:
        """Whether the process is known to run."""
        return self._process.returncode is None

    async def work(self, task: Task | SummaryTask) -> AsyncIterator[Message]:
        """The worker's messages; the last one is Done, Summed or Failed.

        Raises WorkerDiedError when the process ends before it has said so.
        """
        self.reusable = False
        await self._tell(encode_task(task))
        async for line in self._lines():
            try:
                message = decode_message(line)
            except (ValueError, KeyError, TypeError):
                break
            if isinstance(message, Last):
                # Before the caller has it, who may never come back here.
                self.reusable = _ended_well(message)
                yield message
                return
            yield message
        raise self._died(await self.end())

    async def acknowledge(self) -> None:
        """What the worker has saved is committed."""
        await self._tell(KEPT)

    async def hasten(self) -> None:
        """Let the worker save where it is as soon as it can."""
        await self._tell(HASTEN)

    async def end(self) -> int:
        """End the process whatever it does; its exit status, negative for a signal."""
        self.reusable = False
        # It has nothing to lose: what it wrote is either synced and committed or cut off.
        # Not Process.kill, which may take the exit status away from whoever waits for it.
        if self.alive:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)
        return await self._process.wait()

    async def _tell(self, line: bytes) -> None:
        if self._process.stdin is None:
            raise RuntimeError("a worker is started with pipes")
        # A worker that has died already is noticed when it says nothing.
        with suppress(BrokenPipeError, ConnectionResetError):
            self._process.stdin.write(line)
            await self._process.stdin.drain()

    async def _lines(self) -> AsyncIterator[bytes]:
        if self._process.stdout is None:
            raise RuntimeError("a worker is started with pipes")
        with suppress(ValueError):  # a line beyond all measure: no worker of ours writes that
            async for line in self._process.stdout:
                yield line

    def _died(self, status: int) -> WorkerDiedError:
        how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        return WorkerDiedError(Reason.WORKER_DIED, f"the worker process {how}")


def _ended_well(message: Last) -> bool:
    """Whether the worker knows how it ended: after what nobody has foreseen, anything may be."""
    return not (isinstance(message, Failed) and message.reason is Reason.INTERNAL)


class Workers:
    """Hands out worker processes, one of them kept warm so that a small job starts at once.

    A worker that has done its task is the next spare: to start one takes more than a small job.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._environ = environ
        self._spare: asyncio.Future[Worker] | None = None
        self._warming: asyncio.TimerHandle | None = None

    def warm_up(self) -> None:
        """Start the spare; what fails here shows when it is needed."""
        self._warm_up_no_more()
        self._spare = self._spare or asyncio.create_task(Worker.start(self._environ))

    def _warm_up_later(self) -> None:
        """Start a spare unless one comes back soon: a short job is to have the processors."""
        self._warm_up_no_more()
        self._warming = asyncio.get_running_loop().call_later(_WARM_UP_S, self.warm_up)

    def _warm_up_no_more(self) -> None:
        if self._warming:
            self._warming.cancel()
            self._warming = None

    async def take(self) -> Worker:
        """A worker for one task. Raises ConversionError (WORKER_DIED) when none can be started."""
        spare, self._spare = self._spare, None
        self._warm_up_later()
        try:
            return await _usable(spare) or await Worker.start(self._environ)
        except OSError as error:
            why = os.strerror(error.errno or 0).lower()
            message = f"no worker process could be started: {why}"
            logger.error("%s", message)  # noqa: TRY400 - the traceback would tell no more
            raise ConversionError(Reason.WORKER_DIED, message) from None

    async def give_back(self, worker: Worker) -> None:
        """Take back a worker: one that has come to the end of its task is the next spare.

        Others end.
        """
        if not worker.reusable or self._spare or not self._warming:
            await worker.end()
            return
        self._warm_up_no_more()
        self._spare = asyncio.get_running_loop().create_future()
        self._spare.set_result(worker)

    async def close(self) -> None:
        """End the spare; whatever is given back from now on ends as well."""
        self._warm_up_no_more()
        spare, self._spare = self._spare, None
        if spare:
            with suppress(OSError):
                await (await spare).end()


async def _usable(spare: asyncio.Future[Worker] | None) -> Worker | None:
    """The spare; None when it could not be started back then, or is known to have ended since."""
    if spare is None:
        return None
    try:
        worker = await spare
    except OSError:
        return None
    return worker if worker.alive else None
