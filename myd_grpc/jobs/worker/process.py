"""One worker process as the server sees it: started fresh, never forked, for a task at a time.

A fork would copy gRPC's threads' locks in whatever state they are. Keys go through stdin: what is
in arguments or environment can be read by others.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from pathlib import Path

import myd_grpc
from myd_grpc import failpoints
from myd_grpc.convert.errors import Reason
from myd_grpc.convert.model import NO_KEYS, Keys
from myd_grpc.jobs.worker.broker import broker_for
from myd_grpc.jobs.worker.executor import WorkerDiedError
from myd_grpc.jobs.worker.keys import encode_keys
from myd_grpc.jobs.worker.places import Places, Version
from myd_grpc.jobs.worker.protocol import (
    COMMITTED,
    KEYS,
    SAVE_NOW,
    AnyTask,
    FinalMessage,
    Message,
    decode_message,
    encode_places,
    encode_task,
    ended_well,
    is_long,
)
from myd_grpc.jobs.worker.watchdog import LOOKS, Watchdog

_LINE_LIMIT_BYTES = 64 << 20
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ", failpoints.VARIABLE)
# Blocks of memory the size of a batch are used again, not given back to the kernel and zeroed anew
# each time: that is a tenth of a fast conversion. Larger ones are given back: those in which a long
# record was gathered are not kept. Threads share them. Only glibc heeds these.
ALLOCATOR = {
    "MALLOC_MMAP_THRESHOLD_": str(16 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(128 << 20),
    "MALLOC_ARENA_MAX": "1",
}
# NumPy, which comes with Parquet, begins a thread for each processor, for what nobody has it
# compute, and interrupts the process where it cannot.
NO_COMPUTING = {"OPENBLAS_NUM_THREADS": "1"}
STALL_SECONDS = 300.0
"""How long a worker with a task may do nothing, unless it is set otherwise."""
_STALLED = (
    "send the request again; if it is so again, see that the disks of its data and output answer, "
    "or raise MYD_STALL_SECONDS"
)
_BROKER_ENDS_S = 20.0
_ROOT = str(Path(myd_grpc.__file__).parent.parent)
PROGRAM = "myd_grpc.jobs.worker.program"


class WorkerProcess:
    """A worker process, with at most one task at a time.

    `reusable` says that it has come to the end of one, be it to say what is wrong with the files,
    and waits for the next. `version` is that of its places when it was confined to them.
    """

    def __init__(
        self, process: Process, stall_s: float, version: Version, broker: Process | None
    ) -> None:
        self.reusable = False
        self.version = version
        self._process = process
        self._broker = broker  # which asyncio would end if nobody held it
        self._stall_s = stall_s

    @classmethod
    async def start(
        cls, environ: Mapping[str, str], stall_s: float, places: Places | None = None
    ) -> WorkerProcess:
        """Start a process, which gets ready for a task by itself. Raises OSError.

        With a task, it is ended when it does nothing for `stall_s` seconds. It is confined to
        `places`, unless there are none, and given a broker for what of them is in object storage.
        """
        # Before it looks for itself, so that nothing comes in between.
        version = await version_of(places)
        async with broker_for(places, environ) as (broker, fd):
            handed_over = () if fd is None else (fd,)
            process = await asyncio.create_subprocess_exec(
                # -P: what lies in the current directory is not imported.
                *(sys.executable, "-P", "-m", PROGRAM, *map(str, handed_over)),
                stdin=PIPE,
                stdout=PIPE,
                limit=_LINE_LIMIT_BYTES,
                pass_fds=handed_over,
                start_new_session=True,
                env={
                    **{name: environ[name] for name in _PASSED_ON if name in environ},
                    **ALLOCATOR,
                    **NO_COMPUTING,
                    "PYTHONPATH": _ROOT,
                },
            )
        worker = cls(process, stall_s, version, broker)
        await worker._tell(encode_places(places))
        return worker

    @property
    def alive(self) -> bool:
        """Whether the process is known to run."""
        return self._process.returncode is None

    async def work(self, task: AnyTask) -> AsyncIterator[Message]:
        """Send the task and yield the worker's messages, of which the last is a FinalMessage.

        Raises WorkerDiedError when the process ends before it has said so, or does nothing.
        """
        self.reusable = False
        watch = _Watch(self._process, self._stall_s / LOOKS)
        line = await _encoded(task)
        with watch:
            await self._hand_over(task.keys)
            await self._tell(line)
        while message := await self._hear(watch):
            if isinstance(message, FinalMessage):
                # Before the caller has it, who may never come back here.
                self.reusable = ended_well(message) and not watch.stalled
                yield message
                return
            yield message
        status = await self.end()
        if watch.stalled:
            what = f"the worker process did nothing for {self._stall_s:g} s and was ended"
            raise WorkerDiedError(Reason.WORKER_DIED, what, _STALLED)
        how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        raise WorkerDiedError(Reason.WORKER_DIED, f"the worker process {how}")

    async def acknowledge(self) -> None:
        """Tell the worker that its last message is committed."""
        await self._tell(COMMITTED)

    async def save_now(self) -> None:
        """Ask the worker for a checkpoint as soon as it can."""
        await self._tell(SAVE_NOW)

    def forget_staged(self) -> None:
        """See `Worker`: beside the server, that goes with the job."""

    async def end(self) -> int:
        """End the process whatever it does, and return its exit status, negative for a signal."""
        self.reusable = False
        _kill(self._process)
        status = await self._process.wait()
        if self._broker:
            ending = asyncio.create_task(_end(self._broker))
            _ending.add(ending)  # the loop itself would forget a task nobody holds
            ending.add_done_callback(_ending.discard)
        return status

    async def _hand_over(self, keys: Keys) -> None:
        if keys != NO_KEYS:
            message = encode_keys(keys, KEYS)
            await self._tell(message)
            message[:] = bytes(len(message))

    async def _tell(self, line: bytes | bytearray) -> None:
        if self._process.stdin is None:
            raise RuntimeError("a worker is started with pipes")
        # A worker that has died already is noticed when it says nothing.
        with suppress(BrokenPipeError, ConnectionResetError):
            self._process.stdin.write(line)
            await self._process.stdin.drain()

    async def _hear(self, watch: _Watch) -> Message | None:
        """The next message; None when there is none, or what no worker of ours writes."""
        if self._process.stdout is None:
            raise RuntimeError("a worker is started with pipes")
        try:
            # An empty line is the end; one beyond all measure is a ValueError.
            with watch:
                return decode_message(await self._process.stdout.readline())
        except ValueError:
            return None


class _Watch:
    """Ends a process that does nothing while it is owed something; looks every so many seconds.

    Whoever waits for it then hears that its pipe is closed.
    """

    def __init__(self, process: Process, every_s: float) -> None:
        self.stalled = False
        self._process = process
        self._every_s = every_s

    def __enter__(self) -> None:
        # Most messages come long before the first look, which takes more time than they do.
        self._watchdog: Watchdog | None = None
        self._look_later()

    def __exit__(self, *_error: object) -> None:
        self._timer.cancel()

    def _look_later(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._every_s, self._look)

    def _look(self) -> None:
        if self._watchdog is None:
            self._watchdog = Watchdog(self._process.pid)
        elif not self._watchdog.look():
            self.stalled = True
            _kill(self._process)
            return
        self._look_later()


_ending: set[asyncio.Task[None]] = set()


async def _end(broker: Process) -> None:
    """See a broker end whose worker has ended: by itself, so that it gives uploads up in order."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_BROKER_ENDS_S):
            await broker.wait()
    _kill(broker)


def _kill(process: Process) -> None:
    """End a process that has nothing to lose: what it wrote is synced and committed, or cut off.

    Not Process.kill, which may take the exit status away from whoever waits for it.
    """
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)


async def version_of(places: Places | None) -> Version:
    """The version of the places now; of none, there is one."""
    return await asyncio.to_thread(places.version) if places else ()


async def _encoded(task: AnyTask) -> bytes:
    return await asyncio.to_thread(encode_task, task) if is_long(task) else encode_task(task)
