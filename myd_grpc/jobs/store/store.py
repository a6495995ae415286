"""The job store: who may talk to the database, from which thread, and how durably.

One thread owns the one writing connection, so changes are serial and no checkpoint runs beside a
commit. A second thread reads, so that a status call never waits for a write. After each commit the
changed jobs are read back and announced: what a watcher sees has been committed.

A method that takes a caller does what that one asks for, and knows of no job that is not there for
this one. All others are what the server does on its own behalf.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeAlias, TypeVar

from myd_grpc import failpoints
from myd_grpc.callers.model import SERVER, Caller
from myd_grpc.convert.model import PartFile, Progress
from myd_grpc.directories import PinnedPath
from myd_grpc.jobs.model import (
    Change,
    Job,
    Request,
    RequestFingerprint,
    SavedCheckpoint,
    Status,
    Table,
    UnfinishedJob,
    Work,
)
from myd_grpc.jobs.store import database, queries, statements
from myd_grpc.jobs.store.clock import TrustedTime
from myd_grpc.jobs.store.connection import ConnectionThread
from myd_grpc.jobs.store.writing import Writer
from myd_grpc.tracebacks import describe

logger = logging.getLogger(__name__)

DATABASE_NAME = "csv_status.db"

Announce: TypeAlias = Callable[[Sequence[Change]], None]
"""Called in the writing thread with what a commit has changed, in order of revision."""

_ANNOUNCED_AT_ONCE = 100

_Result = TypeVar("_Result")


class JobStore:
    """The states of all jobs, in `csv_status.db` of the state directory."""

    def __init__(self, state_dir: Path, announce: Announce) -> None:
        """Opens the database, in the calling thread. Raises database.DatabaseRefusedError."""
        path = state_dir / DATABASE_NAME
        self._announce = announce
        database.tell_of_old_sqlite()
        self._writing = ConnectionThread("store-writer", partial(database.open_for_writing, path))
        self._reading = ConnectionThread("store-reader", partial(database.open_for_reading, path))
        self._pinned = (
            PinnedPath.of("the job database", path),
            # SQLite has it beside the file that a link leads to.
            PinnedPath.of("the log of the job database", Path(f"{path.resolve()}-wal")),
        )
        self._writer = Writer(self._writing, self.check_paths, self._announce_changes)
        self._announced = self._reading.call(queries.last_revision)
        self.secret = self._reading.call(queries.secret)

    async def submit(
        self,
        caller: Caller,
        job_id: str,
        request: Request,
        fingerprint: RequestFingerprint | None,
        now: int,
    ) -> str:
        """The id of the job: `job_id`, or that of an earlier job with the same fingerprint.

        Raises OutputBusyError or OutputExistsError, and InvalidRequestError when its request_id
        came with another request before.
        """
        return await self._write(
            lambda connection: statements.submit(
                connection, caller, job_id, request, fingerprint, now
            )
        )

    async def start(self, job_id: str, now: int, *, durable: bool = True) -> Work | None:
        """Record that a worker takes the job; what `work` would tell, None if it is not queued.

        Need not be durable where the next server would have a worker take the job just the same.
        """

        def started(connection: sqlite3.Connection) -> Work | None:
            if not statements.start(connection, job_id, now):
                return None
            return queries.work(connection, job_id)

        return await self._write(started, durable=durable)

    async def queue_again(self, job_ids: Iterable[str]) -> None:
        """Let these jobs, which were interrupted, wait for a worker."""
        await self._write(lambda connection: statements.queue_again(connection, job_ids))

    async def wait_for_key(self, job_ids: Iterable[str], msg: str, now: int) -> None:
        """Let these jobs, which were interrupted, wait to be handed their keys."""
        await self._write(lambda connection: statements.wait_for_key(connection, job_ids, msg, now))

    async def progress(self, job_id: str, reached: Progress, eta_s: float) -> bool:
        """Record how far the job is.

        Not durable by itself: a machine that fails loses the last ticks, which nobody misses.
        """
        return await self._write(
            lambda connection: statements.progress(connection, job_id, reached, eta_s),
            durable=False,
        )

    async def say(self, job_id: str, msg: str) -> bool:
        """Let a working job say something; "" for nothing."""
        return await self._write(lambda connection: statements.say(connection, job_id, msg))

    async def say_queued(self, job_id: str, msg: str) -> bool:
        """Let a job say something as long as it waits for a worker; "" for nothing."""
        return await self._write(lambda connection: statements.say_queued(connection, job_id, msg))

    async def keep_checkpoint(
        self, job_id: str, saved: SavedCheckpoint, parts: Sequence[PartFile]
    ) -> bool:
        """Record from where the job goes on after a crash; `parts` have changed since the last one.

        False when the job has ended.
        """

        def change(connection: sqlite3.Connection) -> bool:
            kept = statements.keep_checkpoint(connection, job_id, saved, parts)
            database.failpoint("before_checkpoint_commit")
            return kept

        kept = await self._write(change)
        await asyncio.to_thread(failpoints.reach, "after_checkpoint_commit")
        return kept

    async def drop_checkpoint(self, job_id: str) -> None:
        """Forget the job's checkpoint: after a crash it begins from the start."""
        await self._write(lambda connection: statements.drop_checkpoint(connection, job_id))

    async def publishing(
        self,
        job_id: str,
        reached: Progress,
        parts: Sequence[PartFile],
        staged: str,
        note: str = "",
    ) -> bool:
        """Record that all is written: from here on, the set of that token may turn up."""
        return await self._write(
            lambda connection: statements.publishing(
                connection, job_id, reached, parts, staged, note
            )
        )

    async def done(self, job_id: str, now: int) -> bool:
        """Record that the output set is published; False when the job had ended before."""
        return await self._write(lambda connection: statements.done(connection, job_id, now))

    async def fail(self, job_ids: Iterable[str], reason: str, msg: str, now: int) -> None:
        """End these jobs without output, in one transaction; ended ones stay as they are."""
        await self._write(lambda connection: statements.fail(connection, job_ids, reason, msg, now))

    async def delete(self, caller: Caller, job_id: str, now: int) -> bool:
        """Forget an ended job; False when there is none. Raises JobWorkingError."""
        return await self._write(
            lambda connection: statements.delete(connection, caller, job_id, now)
        )

    async def purge(self, ended_before: int) -> int:
        """Forget the jobs that ended before that time (epoch seconds); how many there were."""
        return await self._write(lambda connection: statements.purge(connection, ended_before))

    async def keep_trusted_time(self, seen: TrustedTime) -> None:
        """Keep the time that is believed for the next server."""
        await self._write(
            lambda connection: statements.keep_trusted_time(connection, seen), durable=False
        )

    async def trusted_time(self) -> TrustedTime | None:
        """The time that was believed last; None for a new store."""
        return await self._read(queries.trusted_time)

    async def find_request(self, caller: Caller, fingerprint: RequestFingerprint) -> str | None:
        """The job of an earlier request. Raises InvalidRequestError when that was another one."""
        return await self._read(
            lambda connection: queries.find_request(connection, caller, fingerprint)
        )

    async def key_digest(self, caller: Caller, job_id: str) -> bytes | None:
        """The keyed digest of the job's key; None where none was kept."""
        return await self._read(lambda connection: queries.key_digest(connection, caller, job_id))

    async def get(self, caller: Caller, job_id: str) -> Job | None:
        """The job as last committed, with its first tables when DONE."""
        return await self._read(lambda connection: queries.get(connection, caller, job_id))

    async def newest(
        self, caller: Caller, statuses: Sequence[Status], before: int | None, limit: int
    ) -> tuple[list[Job], bool]:
        """Jobs, newest first, without tables, and whether there are more of them.

        Only those submitted before that revision; at most `limit`, fewer if they are long.
        """
        return await self._read(
            lambda connection: queries.newest(connection, caller, statuses, before, limit)
        )

    async def work(self, job_id: str) -> Work:
        """What was asked for, with all file names, and the checkpoint from which the job goes on.

        There is no request when no such job works, and no checkpoint at the start.
        """
        return await self._read(lambda connection: queries.work(connection, job_id))

    async def tables(
        self, caller: Caller, job_id: str, position: int, limit: int
    ) -> tuple[tuple[Table, ...], int | None]:
        """A job's tables from that part on, and the part with which the next page begins.

        At most `limit`, fewer if they are long. A table that is too long by itself is broken off.
        Raises JobMissingError.
        """
        return await self._read(
            lambda connection: queries.tables(connection, caller, job_id, position, limit)
        )

    async def changed_since(self, caller: Caller, revision: int, limit: int) -> list[Change]:
        """Changes in order of revision, only those after that one; fewer if they are long."""
        changed, _ = await self._read(
            lambda connection: queries.changed_since(connection, caller, revision, limit)
        )
        return changed

    async def shown_first(
        self, caller: Caller, statuses: Sequence[Status], ended_limit: int, last: int
    ) -> list[int]:
        """The revisions, up to `last`, of all jobs that work and of the newest that have ended."""
        return await self._read(
            lambda connection: queries.shown_first(connection, caller, statuses, ended_limit, last)
        )

    async def at_revisions(self, caller: Caller, revisions: Sequence[int], limit: int) -> list[Job]:
        """The jobs last changed at these revisions, in order; fewer if they are long."""
        return await self._read(
            lambda connection: queries.at_revisions(connection, caller, revisions, limit)
        )

    async def last_revision(self) -> int:
        """The change counter as last committed."""
        return await self._read(queries.last_revision)

    async def unfinished(self) -> list[UnfinishedJob]:
        """The jobs that have not ended, in the order they came in."""
        return await self._read(queries.unfinished)

    async def output_dirs(self) -> list[str]:
        """The directories in the output directory that hold sets of callers."""
        return await self._read(queries.output_dirs)

    def check_paths(self) -> None:
        """Raises DirectoryLostError when the database is no longer where the next server looks."""
        for path in self._pinned:
            path.check()

    def close(self) -> None:
        """End both threads after what they have to do."""
        self._reading.close()
        self._writing.close()

    async def _read(self, query: Callable[[sqlite3.Connection], _Result]) -> _Result:
        def checked(connection: sqlite3.Connection) -> _Result:
            self.check_paths()
            with database.state_errors():
                return query(connection)

        return await self._reading.call_soon(checked)

    async def _write(
        self, change: Callable[[sqlite3.Connection], _Result], *, durable: bool = True
    ) -> _Result:
        return await self._writer.write(change, durable=durable)

    def _announce_changes(self, connection: sqlite3.Connection) -> None:
        """Tell of what was committed, before the caller hears of it.

        Whoever is told of a job can watch it from that state on.
        """
        try:
            database.failpoint("after_commit")
            self._announce_pages(connection)
        except sqlite3.OperationalError as error:
            # Not the caller's: what he wanted is committed. The next commit announces this, too.
            why = database.failure(error)
            logger.warning("a change is not announced yet: %s (%s)", why, describe(error))

    def _announce_pages(self, connection: sqlite3.Connection) -> None:
        more = True
        while more:
            changed, more = queries.changed_since(
                connection, SERVER, self._announced, _ANNOUNCED_AT_ONCE
            )
            if changed:
                self._announced = changed[-1].revision
                self._announce(changed)
