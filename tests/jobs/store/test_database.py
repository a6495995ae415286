"""The job database as a file: of older versions, its modes, and what is refused."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import pytest

from myd_grpc.callers.model import ANYBODY
from myd_grpc.convert.model import SECTION_NAMES, Limits, PartFile, Progress
from myd_grpc.convert.output.naming import folded
from myd_grpc.jobs.model import (
    Request,
    SavedCheckpoint,
)
from myd_grpc.jobs.publish.directory_id import DirectoryId
from myd_grpc.jobs.store.database import DatabaseRefusedError, tell_of_old_sqlite
from myd_grpc.jobs.store.migrations import STEPS
from myd_grpc.jobs.store.store import DATABASE_NAME, JobStore
from myd_grpc.options import ConvertOptions, Format, Layout, Profile
from tests.support.storing import MARK, PLAIN, Announced, opened, request

V1 = Path(__file__).parent / "csv_status_v1.sql"


async def test_a_database_of_the_first_version_is_brought_forward(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / DATABASE_NAME)
    connection.executescript(V1.read_text())
    connection.close()
    async with opened(tmp_path) as store:
        done = await store.get(ANYBODY, "done")
        assert done
        assert [table.rows for table in done.tables] == [2]
        failed = await store.get(ANYBODY, "failed")
        assert failed
        assert failed.reason == "CANCELLED"
        running, marked = await store.unfinished()
        # Whether these came with a key is not known, so neither goes on by itself.
        assert running.encrypted
        assert not running.has_request_id
        assert marked.encrypted
        assert marked.has_request_id
        assert await store.find_request(ANYBODY, MARK) == "marked"
        assert await store.last_revision() == 11
        await store.keep_checkpoint("running", SavedCheckpoint("here"), [])
    with opened_raw(tmp_path) as old:
        (tmp_path / "new").mkdir()
        JobStore(tmp_path / "new", Announced()).close()
        with opened_raw(tmp_path / "new") as new:
            for pragma in ("user_version", "application_id"):
                assert old.execute(f"PRAGMA {pragma}").fetchall() == (
                    new.execute(f"PRAGMA {pragma}").fetchall()
                )
            tables = "meta job_status csv_rows job_checkpoint job_files job_deleted".split()
            for table in tables:
                assert old.execute(f"PRAGMA table_info({table})").fetchall() == (
                    new.execute(f"PRAGMA table_info({table})").fetchall()
                )


async def test_a_database_of_the_second_version_gets_bounds(tmp_path: Path) -> None:
    """Made from one of the first, as the program of the second version did it."""
    names = ["가" * 60 + f"{n}.json" for n in range(3000)]
    with opened_raw(tmp_path) as old:
        old.executescript(V1.read_text())
        for statement in STEPS[1]:
            old.execute(statement)
        old.execute("PRAGMA user_version = 2")
        old.execute("UPDATE job_status SET file_names = ?", (json.dumps(names),))
        parts = [("done", f"{kind}/done{n}.csv", "done", n, 1, 9) for kind in "ab" for n in (7, 8)]
        old.executemany("INSERT INTO csv_rows VALUES (?, ?, ?, ?, ?, ?)", parts)
        old.commit()
    async with opened(tmp_path) as store:
        done, failed = await store.get(ANYBODY, "done"), await store.get(ANYBODY, "failed")
        assert done
        assert failed
        assert (done.tables_total, failed.tables_total) == (3, 0)
        shown = done.request.file_names
        assert shown == tuple(names[: len(shown)])
        assert 250_000 < sum(len(name.encode()) for name in shown) < 256 << 10
        wanted = (await store.work("running"))[0]
        assert wanted
        assert wanted.file_names == tuple(names)
        assert (await store.work("done"))[0] is None


async def test_a_set_that_was_being_published_is_recognised_by_a_later_version(
    tmp_path: Path,
) -> None:
    """Of a database as the program of the ninth version has left it."""
    with opened_raw(tmp_path) as old:
        old.executescript(V1.read_text())
        old.create_function("folded", 1, folded)
        for statement in chain.from_iterable(STEPS[1:9]):
            old.execute(statement)
        old.execute("PRAGMA user_version = 9")
        old.execute(
            "UPDATE job_status SET phase = 'PUBLISHING', staging_device = 7, staging_inode = 8, "
            "staging_modified_ns = 1700000000000000009 WHERE job_id = 'running'"
        )
        old.commit()
    async with opened(tmp_path) as store:
        running, marked = await store.unfinished()
    assert DirectoryId.parse(running.staged) == DirectoryId(7, 8, 1_700_000_000_000_000_009)
    assert marked.staged == ""


@pytest.mark.parametrize("version", [1, 6])
async def test_options_in_columns_of_their_own_become_one(tmp_path: Path, version: int) -> None:
    """Of a database as the program of that version has left it."""
    with opened_raw(tmp_path) as old:
        old.executescript(V1.read_text())
        old.create_function("folded", 1, folded)
        for statement in chain.from_iterable(STEPS[1:version]):
            old.execute(statement)
        old.execute(f"PRAGMA user_version = {version}")
        old.execute(
            "UPDATE job_status SET merge = 0, csv_profile = 'DATABASE', record_path = 'a.\"나', "
            "id_field = 'no', overwrite = 1 WHERE job_id = 'running'"
        )
        if version > 1:
            old.execute("UPDATE job_status SET terms = ? WHERE job_id = 'running'", (TERMS,))
        old.commit()
    async with opened(tmp_path) as store:
        running, marked = (await store.work("running"))[0], (await store.work("marked"))[0]
        job = await store.get(ANYBODY, "running")
        assert [one.overwrite for one in await store.unfinished()] == [True, False]
    assert running
    assert marked
    layout = Layout.AUTO if version > 1 else Layout.ARRAY
    assert running.options == ConvertOptions(
        layout, 'a."나', "no", csv_profile=Profile.DATABASE, overwrite=True
    )
    assert marked.options == ConvertOptions(merge=True)
    limits, names = (Limits(7, 8), frozenset("나s")) if version > 1 else (Limits(), SECTION_NAMES)
    assert (running.limits, running.section_names) == (limits, names)
    assert (marked.limits, marked.section_names) == (Limits(), SECTION_NAMES)
    assert job
    assert job.progress.layout is Layout.ARRAY


async def test_parts_of_before_tables_shared_files_are_kept(tmp_path: Path) -> None:
    """Of a database as the program of the eleventh version has left it."""
    with opened_raw(tmp_path) as old:
        old.executescript(V1.read_text())
        old.create_function("folded", 1, folded)
        for statement in chain.from_iterable(STEPS[1:11]):
            old.execute(statement)
        old.execute("PRAGMA user_version = 11")
        many = [("done", f"b/t_{n}.csv", "t", 3 - n, n, 10 * n) for n in (1, 2)]
        old.executemany("INSERT INTO csv_rows VALUES (?, ?, ?, ?, ?, ?)", many)
        old.commit()
    async with opened(tmp_path) as store:
        done = await store.get(ANYBODY, "done")
        assert done
        assert done.request.options.formats == (Format.CSV,)
        assert not done.request.options.checksums
        listed, _ = await store.tables(ANYBODY, "done", 0, 10)
        assert [(table.name, table.rows, table.parts) for table in listed] == [
            ("done", 2, (PartFile("done", "done_1.csv", 2, 30),)),
            ("t", 3, (PartFile("t", "b/t_2.csv", 2, 20), PartFile("t", "b/t_1.csv", 1, 10))),
        ]
        assert await store.delete(ANYBODY, "done", now=1)
    with opened_raw(tmp_path) as new:
        assert not new.execute("SELECT * FROM csv_rows WHERE job_id = 'done'").fetchall()
        indices = new.execute("SELECT name FROM sqlite_schema WHERE tbl_name = 'csv_rows'")
        assert ("parts_in_order",) in indices.fetchall()


async def test_a_checkpoint_of_before_there_were_attempts_is_gone_on_from(tmp_path: Path) -> None:
    """All shared the job's staging directory then."""
    with opened_raw(tmp_path) as old:
        old.executescript(V1.read_text())
        old.create_function("folded", 1, folded)
        for statement in chain.from_iterable(STEPS[1:8]):
            old.execute(statement)
        old.execute("PRAGMA user_version = 8")
        old.execute("INSERT INTO job_checkpoint (job_id, state) VALUES ('running', 'here')")
        old.commit()
    async with opened(tmp_path) as store:
        assert (await store.work("running"))[1] == SavedCheckpoint("here", "")
        await store.keep_checkpoint("running", SavedCheckpoint("there", "one"), [])
        assert (await store.work("running"))[1] == SavedCheckpoint("there", "one")


# As they were written then, of a request that left the layout to be found out.
TERMS = (
    '{"limits": {"batch_records": 7, "rows_per_part": 8, "max_depth": 128, '
    '"max_record_bytes": 67108864, "max_columns": 16384, "max_tables": 4096, '
    '"max_name_bytes": 1024, "max_growth": 64}, "section_names": ["s", "나"], "layout": "AUTO"}'
)


async def test_an_option_that_came_later_has_its_default_in_older_jobs(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await store.submit(ANYBODY, "j1", PLAIN, None, now=1)
    with opened_raw(tmp_path) as old:
        old.execute("""UPDATE job_status SET options = '{"merge":true,"gone":1}', terms = '{}'""")
        old.commit()
    async with opened(tmp_path) as store:
        found = (await store.work("j1"))[0]
    assert found == Request(PLAIN.file_names, "out", ConvertOptions(merge=True))


@contextmanager
def opened_raw(state_dir: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(state_dir / DATABASE_NAME)
    try:
        yield connection
    finally:
        connection.close()


def modes_of(directory: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()}


async def test_the_database_is_for_its_owner_only(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await store.submit(ANYBODY, "j1", request(), None, now=1)
        modes = modes_of(tmp_path)
    assert modes == {DATABASE_NAME + end: 0o600 for end in ("", "-wal", "-shm")}


async def test_the_journal_stays_small(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await store.submit(ANYBODY, "j1", request(), None, now=1)
        for number in range(3000):
            await store.progress("j1", Progress(rows=number), 0.0)
            if number % 30 == 0:
                await store.keep_checkpoint("j1", SavedCheckpoint("x" * 300_000), [])
        assert (tmp_path / (DATABASE_NAME + "-wal")).stat().st_size < 8 << 20


def _corrupt(path: Path) -> None:
    path.write_bytes(b"no database at all " * 100)


def _foreign(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs (x)")
    connection.close()


def _foreign_after_a_crash(path: Path) -> None:
    """Another program's, whose last changes are in its log only."""
    script = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA journal_mode = WAL")
connection.execute("CREATE TABLE theirs (x)")
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", script, path], check=True)
    assert log_of(path).stat().st_size


def log_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def _newer(path: Path) -> None:
    JobStore(path.parent, Announced()).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()


def _damaged(path: Path) -> None:
    JobStore(path.parent, Announced()).close()
    content = bytearray(path.read_bytes())
    content[4096:8192] = b"\xff" * 4096
    path.write_bytes(content)


def _content(path: Path) -> dict[str, bytes]:
    """A database and its log."""
    return {one.name: one.read_bytes() for one in (path, log_of(path)) if one.exists()}


@pytest.mark.parametrize("spoil", [_corrupt, _foreign, _foreign_after_a_crash, _newer, _damaged])
def test_a_file_that_is_not_ours_is_refused_and_left_as_it_is(
    tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    path = tmp_path / DATABASE_NAME
    spoil(path)
    before = _content(path)
    with pytest.raises(DatabaseRefusedError, match=DATABASE_NAME):
        JobStore(tmp_path, Announced())
    assert {name: _content(path)[name] for name in before} == before


def _bind(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))


@pytest.mark.parametrize("ending", ["", "-wal", "-shm", "-journal"])
@pytest.mark.parametrize(
    ("make", "why"),
    [
        (Path.mkdir, "is a directory"),
        (os.mkfifo, "is not a regular file"),
        (_bind, "is not a regular file"),
    ],
)
@pytest.mark.parametrize("is_linked", [False, True])
def test_something_that_is_no_file_is_refused(
    tmp_path: Path, make: Callable[[Path], None], why: str, ending: str, is_linked: bool
) -> None:
    place = tmp_path / DATABASE_NAME
    if is_linked:
        (tmp_path / "elsewhere").mkdir()
        place.symlink_to(tmp_path / "elsewhere" / "jobs.db")
    odd = Path(f"{place.resolve()}{ending}")
    make(odd)
    with pytest.raises(DatabaseRefusedError, match=f"{odd.name if ending else place.name} {why}"):
        JobStore(tmp_path, Announced())
    assert not odd.is_file()


def test_a_server_killed_while_it_made_the_database_does_not_keep_the_next_from_it(
    tmp_path: Path,
) -> None:
    script = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size = 1")
connection.execute("BEGIN")
connection.execute("CREATE TABLE unfinished (x)")
connection.executemany("INSERT INTO unfinished VALUES (?)", [("x" * 2000,)] * 100)
os._exit(0)
"""
    path = tmp_path / DATABASE_NAME
    subprocess.run([sys.executable, "-c", script, path], check=True)
    assert path.with_name(path.name + "-journal").stat().st_size
    JobStore(tmp_path, Announced()).close()


@pytest.mark.parametrize(
    ("version", "told"),
    [
        ((3, 40, 1), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 53, 0), False),
    ],
)
def test_an_sqlite_with_the_wal_reset_bug_is_named(
    caplog: pytest.LogCaptureFixture, version: tuple[int, ...], told: bool
) -> None:
    """It is nothing to be alarmed at: there is no other connection that writes."""
    caplog.set_level("DEBUG")
    tell_of_old_sqlite(version)
    assert [record.levelname for record in caplog.records] == ["DEBUG"] * told
