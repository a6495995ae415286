"""What a job of very many files costs the database: its reports are no longer than any others."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

from myd_grpc.callers.model import ANYBODY
from myd_grpc.convert.model import PartFile, Progress
from myd_grpc.jobs.model import Request, SavedCheckpoint
from myd_grpc.jobs.store import database, statements
from myd_grpc.jobs.store.store import DATABASE_NAME
from tests.support.storing import opened

NAMES = tuple(f"persons/person-{number:06}.json" for number in range(100_000))
MEGABYTE = 1 << 20


def reached(report: int) -> Progress:
    """How far the job is: figures that take as many bytes as those of the report before."""
    done = 500 * MEGABYTE + report * MEGABYTE
    return Progress(
        bytes_total=1000 * MEGABYTE,
        bytes_read=done,
        bytes_done=done,
        records=1_000_000 + report,
        rows=2_000_000 + report,
        files_total=len(NAMES),
        files_done=50_000 + report,
    )


def test_a_report_writes_a_few_pages_whatever_the_files_are(tmp_path: Path) -> None:
    """A row of the job holds 256 KiB of names; what is as it was of it is not written again."""
    log = tmp_path / f"{DATABASE_NAME}-wal"

    def emptied() -> None:
        with closing(sqlite3.connect(tmp_path / DATABASE_NAME)) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert not log.stat().st_size

    async def reported() -> list[int]:
        written = list[int]()
        async with opened(tmp_path) as store:
            await store.submit(ANYBODY, "j", Request(NAMES, "out"), None, now=1)
            await store.start("j", now=1)
            await store.progress("j", reached(0), 1.5)
            for report in range(1, 6):
                emptied()
                await store.progress("j", reached(report), 1.5 + report / 7)
                written.append(log.stat().st_size)
                emptied()
                part = PartFile("out", "out_1.csv", report, report)
                await store.keep_checkpoint("j", SavedCheckpoint("x" * 3000), [part])
                written.append(log.stat().st_size)
        return written

    assert max(asyncio.run(reported())) < 64 << 10


def test_a_checkpoint_takes_as_many_steps_however_many_parts_there_are(tmp_path: Path) -> None:
    async def submitted() -> None:
        async with opened(tmp_path) as store:
            await store.submit(ANYBODY, "j", Request(NAMES, "out"), None, now=1)

    asyncio.run(submitted())
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    taken = list[int]()
    with closing(database.open_for_writing(tmp_path / DATABASE_NAME)) as connection:
        connection.set_progress_handler(step, 10)
        for turn in range(20):
            parts = [PartFile("out", f"{turn}/{n}.csv", 1, 9) for n in range(200)]
            before = steps
            with database.transaction(connection, durable=False):
                assert statements.keep_checkpoint(connection, "j", SavedCheckpoint("x"), parts)
            taken.append(steps - before)
        found = connection.execute("SELECT position FROM csv_rows ORDER BY position").fetchall()
    assert [position for (position,) in found] == list(range(20 * 200))
    assert max(taken) < min(taken) * 1.1
