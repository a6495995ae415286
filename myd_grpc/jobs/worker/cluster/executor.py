"""The server's side of a cluster: lends workers that run on its nodes (docs/spec.md 10.1)."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import myd_grpc
from myd_grpc import failpoints
from myd_grpc.codec import encode
from myd_grpc.convert.errors import Reason, ShortageError, one_line
from myd_grpc.jobs.worker.cluster.frames import (
    FORGET,
    REMEDY,
    Frame,
    Kind,
    Setup,
    encode_frame,
    encode_work,
    read_frame,
)
from myd_grpc.jobs.worker.executor import WorkerDiedError
from myd_grpc.jobs.worker.protocol import (
    COMMITTED,
    SAVE_NOW,
    AnyTask,
    Failed,
    FinalMessage,
    Message,
    decode_message,
    encode_task,
    ended_well,
)

logger = logging.getLogger(__name__)

PROGRAM = "myd_grpc.jobs.worker.cluster.driver"
_ROOT = str(Path(myd_grpc.__file__).parent.parent)
_PASSED_ON = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "TZ", failpoints.VARIABLE)
_FOR_RAY = "RAY_"
_FILES = (
    "RAY_AUTH_TOKEN_PATH",
    "RAY_TLS_SERVER_CERT",
    "RAY_TLS_SERVER_KEY",
    "RAY_TLS_CA_CERT",
)
_NOBODYS = "/"
"""Nodes import what lies in the driver's directory before all else: not the server's, then."""

_AGAIN_S = 1.0
_FREE_SLOT_S = 30.0
_IDLE_S = 60.0
_SILENT_S = 15.0
_WHILE_AWAY = 1
"""Jobs that are begun while the cluster is away: one, which says what all wait for."""

_SILENT = f"it does not answer: {REMEDY}"
_NO_SLOTS = (
    "the cluster has no slots for workers: its operator has to start a node that offers some, as "
    "the resource myd"
)
_ROOM_BYTES = 1 << 20


class ClusterExecutor:
    """Lends workers on the nodes of the cluster at `address`, at most `most` at once.

    It goes on by itself with a cluster that was lost and is there again: whoever wants a worker
    meanwhile is told of a shortage. A worker without a task is kept for a minute, for the caller
    whose tasks it has done: what Ray has copied of their keys is gone with the actor alone.
    """

    may_linger = True
    spreads = True

    def __init__(
        self,
        address: str,
        setup: Setup,
        most: int = sys.maxsize,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._address = address
        self._setup = setup
        self._most = most
        self._environ = environ
        self._found = 0
        self._joined = False
        self._why = "it is being joined"
        self._process: Process | None = None
        self._workers: dict[int, ClusterWorker] = {}
        self._idle: dict[ClusterWorker, asyncio.TimerHandle] = {}
        self._numbers = 0
        self._slots_changed: Callable[[], None] = lambda: None
        self._keeping: asyncio.Task[None] | None = None

    @property
    def slots(self) -> int:
        """As many as the nodes have; one while the cluster is away."""
        return min(self._most, self._found)

    @property
    def without_slots(self) -> str:
        """See `Executor.without_slots`."""
        return _NO_SLOTS if self._joined and not self._found else ""

    def start(self, slots_changed: Callable[[], None]) -> None:
        """Join the cluster, and stay in it."""
        self._slots_changed = slots_changed
        self._keeping = asyncio.create_task(self._keep(), name="cluster")

    @asynccontextmanager
    async def lend(self, caller: str) -> AsyncIterator[ClusterWorker]:
        """See `Executor.lend`; but the worker may be a node's that is cut off, and go on."""
        worker = self._idle_one(caller) or await self._started(caller)
        try:
            yield worker
        finally:
            self._take_back(worker)

    async def close(self) -> None:
        """Leave the cluster, which ends all workers."""
        if self._keeping:
            self._keeping.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeping

    # Workers

    def _idle_one(self, caller: str) -> ClusterWorker | None:
        """A worker that waits for a task of the caller's."""
        for worker in reversed(self._idle):
            # One whose node was lost meanwhile has told so.
            if worker.caller == caller and worker.number in self._workers:
                self._idle.pop(worker).cancel()
                return worker
        return None

    async def _started(self, caller: str) -> ClusterWorker:
        if not self._joined:
            raise self._shortage(self._why)
        self._make_room()
        self._numbers += 1
        worker = ClusterWorker(self._numbers, caller, self._send)
        self._workers[worker.number] = worker
        await self._send(Frame(Kind.START, worker.number))
        try:
            async with asyncio.timeout(_FREE_SLOT_S):
                answer = await worker.heard()
        except BaseException as error:
            self._forget(worker)
            if isinstance(error, TimeoutError):
                why = "no node has a free slot, which other servers may have taken"
                raise self._shortage(why) from None
            raise
        if answer.kind is not Kind.STARTED:
            self._forget(worker)
            raise self._shortage(answer.data.decode())
        return worker

    def _take_back(self, worker: ClusterWorker) -> None:
        if worker.reusable and worker.number in self._workers:
            later = asyncio.get_running_loop().call_later(_IDLE_S, self._let_go, worker)
            self._idle[worker] = later
        else:
            self._forget(worker)

    def _make_room(self) -> None:
        """Let go of one that waits for a task of another caller's, if those have all slots."""
        while self._idle and len(self._workers) >= self.slots:
            self._let_go(next(iter(self._idle)))

    def _let_go(self, worker: ClusterWorker) -> None:
        self._idle.pop(worker).cancel()
        self._forget(worker)

    def _forget(self, worker: ClusterWorker) -> None:
        """End a worker, unless it has ended."""
        if self._workers.pop(worker.number, None):
            self._write(worker.ending)

    def _shortage(self, why: str) -> ShortageError:
        return ShortageError(
            Reason.WORKER_DIED, f"no worker is to be had of the cluster {self._address}: {why}"
        )

    # The driver

    async def _keep(self) -> None:
        """Start a driver whenever there is none."""
        try:
            while True:
                await self._drive()
                await asyncio.sleep(_AGAIN_S)
        finally:
            self._lose()

    async def _drive(self) -> None:
        """Serve what one driver says until it ends."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", PROGRAM, self._address),
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            limit=_ROOM_BYTES,
            start_new_session=True,
            cwd=_NOBODYS,
            env=self._driver_environ(),
        )
        self._process = process
        telling = asyncio.create_task(_log(process.stderr))
        silent = asyncio.get_running_loop().call_later(_SILENT_S, self._be_away, _SILENT)
        try:
            await self._send(Frame(Kind.SETUP, 0, encode(self._setup).encode()))
            if process.stdout is None:
                raise RuntimeError("a driver is started with pipes")
            while frame := await read_frame(process.stdout):
                silent.cancel()
                self._hear(frame)
            self._be_away(self._why or "the process that belongs to it has ended")
        finally:
            silent.cancel()
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            telling.cancel()
            self._lose()

    def _driver_environ(self) -> dict[str, str]:
        passed_on = {
            name: text
            for name, text in self._environ.items()
            if name in _PASSED_ON or name.startswith(_FOR_RAY)
        }
        files = {name: str(Path.cwd() / passed_on[name]) for name in _FILES if name in passed_on}
        return {"RAY_USAGE_STATS_ENABLED": "0", **passed_on, **files, "PYTHONPATH": _ROOT}

    def _hear(self, frame: Frame) -> None:
        if frame.kind is Kind.SLOTS:
            self._joined, self._why, self._found = True, "", int(frame.data)
            logger.info("the cluster %s has slots for %d workers", self._address, self._found)
            if self.without_slots:
                logger.warning("jobs wait: %s", self.without_slots)
            self._slots_changed()
        elif frame.worker == 0:
            self._be_away(frame.data.decode())
        elif worker := self._workers.get(frame.worker):
            if frame.kind is Kind.GONE:
                del self._workers[worker.number]
            worker.hear(frame)

    def _be_away(self, why: str) -> None:
        """Note that the cluster cannot be used, and why."""
        if self._why != why:
            logger.warning("the cluster %s: %s", self._address, why)
        self._joined, self._why, self._found = False, why, _WHILE_AWAY
        self._slots_changed()

    def _lose(self) -> None:
        """Tell all workers that they are gone with the driver: none has died of its task."""
        self._process, self._joined = None, False
        workers, self._workers = self._workers, {}
        for worker in workers.values():
            worker.lose(self._shortage(self._why))

    async def _send(self, frame: Frame) -> None:
        self._write(frame)
        if self._process and self._process.stdin:
            # A driver that has ended is noticed when it says nothing.
            with suppress(BrokenPipeError, ConnectionResetError):
                await self._process.stdin.drain()

    def _write(self, frame: Frame) -> None:
        if self._process and self._process.stdin:
            self._process.stdin.write(encode_frame(frame))


async def _log(lines: asyncio.StreamReader | None) -> None:
    """Log what Ray says of itself: a page when a cluster is lost, and little that helps."""
    while lines and not lines.at_eof():
        with suppress(ValueError):  # a line beyond all measure
            if said := (await lines.readline()).decode(errors="replace").rstrip():
                logger.debug("Ray says: %s", one_line(said))


class ClusterWorker:
    """A worker on a node, by its number, for tasks of one caller; a `Worker`."""

    def __init__(self, number: int, caller: str, send: Callable[[Frame], Awaitable[None]]) -> None:
        self.number = number
        self.caller = caller
        self.reusable = False
        self.ending = Frame(Kind.END, number)
        self._send = send
        self._inbox: asyncio.Queue[Frame | ShortageError] = asyncio.Queue()

    def hear(self, frame: Frame) -> None:
        """Take a frame that is about this worker."""
        self._inbox.put_nowait(frame)

    def lose(self, error: ShortageError) -> None:
        """Take it that the worker is gone with its cluster."""
        self._inbox.put_nowait(error)

    async def heard(self) -> Frame:
        """The next frame that is about this worker. Raises ShortageError when it is lost."""
        found = await self._inbox.get()
        if isinstance(found, ShortageError):
            raise found
        return found

    async def work(self, task: AnyTask) -> AsyncIterator[Message]:
        """See `Worker.work`; raises ShortageError when the whole cluster is lost."""
        self.reusable = False
        line = await asyncio.to_thread(encode_task, task)
        await self._tell(Kind.WORK, encode_work(line, task.keys))
        while (frame := await self.heard()).kind is Kind.MESSAGE:
            message = _decoded(frame.data)
            if isinstance(message, FinalMessage):
                # One that its node keeps from its work is of no use to the next job either.
                lacks = isinstance(message, Failed) and message.passing
                self.reusable = ended_well(message) and not lacks
                yield message
                return
            yield message
        raise WorkerDiedError(Reason.WORKER_DIED, frame.data.decode())

    async def acknowledge(self) -> None:
        """See `Worker`."""
        await self._tell(Kind.TELL, COMMITTED)

    async def save_now(self) -> None:
        """See `Worker`."""
        await self._tell(Kind.TELL, SAVE_NOW)

    def forget_staged(self) -> None:
        """See `Worker`."""
        self.ending = Frame(Kind.END, self.number, FORGET)

    async def end(self) -> None:
        """See `Worker`; a node that is cut off will not hear it."""
        self.reusable = False
        await self._send(self.ending)
        self.hear(Frame(Kind.GONE, self.number, b"the worker was ended"))

    async def _tell(self, kind: Kind, data: bytes = b"") -> None:
        await self._send(Frame(kind, self.number, data))


def _decoded(line: bytes) -> Message:
    try:
        return decode_message(line)
    except ValueError:
        why = "the worker on a node said what none says"
        raise WorkerDiedError(Reason.WORKER_DIED, why) from None
