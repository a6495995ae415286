"""What is recorded of a job while it is worked on, also when the disk is full for a while."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from myd_grpc.convert.errors import ShortageError
from myd_grpc.convert.model import PartFile, Progress
from myd_grpc.errors import StateError
from myd_grpc.jobs.model import SavedCheckpoint, Work
from myd_grpc.jobs.store.statements import WAITS
from myd_grpc.jobs.store.store import JobStore
from myd_grpc.jobs.worker.protocol import CheckpointSaved
from myd_grpc.tracebacks import describe

logger = logging.getLogger(__name__)

_RETRY_S = 1.0
_BEGINNING_S = 0.05
"""For how long it is not recorded that a job has begun to be read: a small one is done by then."""

_Result = TypeVar("_Result")


class JobRecorder:
    """Records what becomes of one job while an attempt works on it.

    A message, progress, or a checkpoint that another one will follow may be lost: it is tried once.
    All else is tried until it is committed.
    """

    def __init__(self, store: JobStore, job_id: str) -> None:
        self._store = store
        self._job_id = job_id
        self._msg = ""
        self._passing = ""  # how a worker ended last, while the job waits for something
        self._work: Work | None = None  # what was found when the job was started, until it is taken
        # Parts that have changed since the last checkpoint that is committed.
        self._changed: dict[tuple[str, str], PartFile] = {}
        self._has_begun = False
        self._beginning: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()

    async def start(self, now: int, *, durable: bool = True) -> bool:
        """Record that a worker takes the job; False when it was not waiting for one."""
        start = self._store.start
        self._work = await self._persist(lambda: start(self._job_id, now, durable=durable))
        return self._work is not None

    async def work(self) -> Work:
        """What was asked for, and the checkpoint from which a worker goes on.

        There is no request when the job does not work any more, and no checkpoint at the start.
        """
        self._changed.clear()  # the checkpoint has them, or they are changed once more
        work, self._work = self._work, None
        if work is not None:
            return work
        return await self._persist(lambda: self._store.work(self._job_id))

    async def drop_checkpoint(self) -> None:
        """Record that there is no checkpoint any more."""
        await self._persist(lambda: self._store.drop_checkpoint(self._job_id))

    async def say(self, msg: str) -> None:
        """Let the job say so while it works; "" for nothing."""
        if msg == self._msg:
            return
        self._msg = msg
        if msg:
            logger.warning("job %s: %s", self._job_id, msg)
        try:
            await self._store.say(self._job_id, msg)
        except StateError as error:
            self._log_lost("message", error)

    def log_end(self, how: str, peak_bytes: int, *, passing: bool = False) -> None:
        """Log how a worker came to its end.

        Where that passes, the job tries every second: the same again is for those who look closer.
        """
        again = passing and how == self._passing
        self._passing = how if passing else ""
        logger.log(
            logging.DEBUG if again else logging.INFO,
            "job %s: worker: %s, peak %.1f MiB",
            self._job_id,
            how,
            peak_bytes / (1 << 20),
        )

    async def while_short(self, step: Callable[[], Awaitable[_Result]], note: str = "") -> _Result:
        """What a step makes, done again while the machine lacks something; the job says what.

        Then it says `note`. Raises what the step does, but no ShortageError.
        """
        while True:
            try:
                made = await step()
            except ShortageError as error:
                await self.say(f"{WAITS}: {error.message}")
                await pause()
            else:
                await self.say(note)
                return made

    async def progress(self, progress: Progress, eta_s: float) -> None:
        """Record how far the job is, and for how many seconds it may still work.

        The first time that is recorded in a moment, unless more is known by then.
        """
        self._supersede_beginning()
        if self._has_begun:
            await self._record(progress, eta_s)
        else:
            self._has_begun = True
            self._beginning = asyncio.create_task(self._record_soon(progress, eta_s))

    async def failing(self) -> None:
        """Have all recorded that is known of a job which is about to fail."""
        if self._beginning:
            self._hurry.set()
            await self._beginning

    def close(self) -> None:
        """Record no more by itself."""
        if self._beginning:
            self._beginning.cancel()

    def _supersede_beginning(self) -> None:
        """Take it that more is known than how the job began; what is being recorded, still is."""
        if self._beginning and not self._hurry.is_set():
            self._beginning.cancel()
            self._beginning = None

    async def _record_soon(self, progress: Progress, eta_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_BEGINNING_S):
                await self._hurry.wait()
        self._hurry.set()
        await self._record(progress, eta_s)

    async def _record(self, progress: Progress, eta_s: float) -> None:
        try:
            await self._store.progress(self._job_id, progress, eta_s)
        except StateError as error:
            # A full disk may have room again by the next report, and one report is no loss.
            self._log_lost("progress", error)

    async def keep_checkpoint(self, saved: CheckpointSaved, attempt: str) -> bool:
        """Commit an attempt's checkpoint; False when it is lost: the one before still counts."""
        kept = SavedCheckpoint(saved.state, attempt)
        self._changed |= {(part.file_name, part.table): part for part in saved.parts}
        parts = tuple(self._changed.values())
        try:
            await self._store.keep_checkpoint(self._job_id, kept, parts)
        except StateError as error:
            self._log_lost("checkpoint", error)
            if not saved.supersedes:
                return False
            await self._persist(lambda: self._store.keep_checkpoint(self._job_id, kept, parts))
        self._changed.clear()
        return True

    async def publishing(
        self, progress: Progress, parts: Sequence[PartFile], staged: str, note: str
    ) -> None:
        """Record that the set of that token is complete; the job says `note` from now on."""
        self._supersede_beginning()
        await self._persist(
            lambda: self._store.publishing(self._job_id, progress, parts, staged, note)
        )
        self._msg = note

    async def done(self, now: int) -> None:
        """Record that the set is published."""
        await self._persist(lambda: self._store.done(self._job_id, now))

    async def _persist(self, change: Callable[[], Awaitable[_Result]]) -> _Result:
        return await persist(f"job {self._job_id}", change)

    def _log_lost(self, what: str, error: StateError) -> None:
        logger.warning("job %s: %s not recorded: %s", self._job_id, what, explained(error))


async def persist(whose: str, change: Callable[[], Awaitable[_Result]]) -> _Result:
    """Commit a change however long it takes: when the disk is full, that may be a while."""
    while True:
        try:
            return await change()
        except (StateError, sqlite3.OperationalError) as error:
            logger.warning("%s: state not recorded: %s", whose, explained(error))
            await pause()


async def pause() -> None:
    """Wait between two tries of what has to be done however long the machine lacks something."""
    await asyncio.sleep(_RETRY_S)


def explained(error: StateError | sqlite3.OperationalError) -> str:
    """The error for the log: why, if that is known, and where it came from."""
    why = error.message if isinstance(error, StateError) else "unexpected error"
    return f"{why} ({describe(error)})"
