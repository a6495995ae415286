"""The job store: what is refused, what is final, what is announced, and what a restart finds."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sqlite3
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from itertools import chain
from pathlib import Path

import pytest

from myd_grpc.callers.model import ANYBODY
from myd_grpc.convert.model import SECTION_NAMES, Limits, PartFile, Progress
from myd_grpc.convert.output.naming import folded
from myd_grpc.errors import InvalidRequestError, JobWorkingError, OutputBusyError
from myd_grpc.jobs.model import (
    Change,
    DeletedJob,
    DirectoryId,
    Job,
    Phase,
    Request,
    RequestFingerprint,
    Status,
)
from myd_grpc.jobs.store.database import DatabaseRefusedError, tell_of_old_sqlite
from myd_grpc.jobs.store.migrations import STEPS
from myd_grpc.jobs.store.store import DATABASE_NAME, JobStore
from myd_grpc.options import ConvertOptions, Layout, Profile

HERE = DirectoryId(1, 2, 3)
MARK = RequestFingerprint("3f2504e0-4f89-41d3-9a0c-0305e82c3301", b"digest")


def request(output: str = "out") -> Request:
    return Request(file_names=("a.json",), output_file_name=output)


class Announced(list[Job]):
    """The jobs that were announced, in order, and those that were deleted."""

    def __init__(self) -> None:
        super().__init__()
        self.deleted: list[DeletedJob] = []

    def __call__(self, changes: Sequence[Change]) -> None:
        self.extend(one for one in changes if isinstance(one, Job))
        self.deleted.extend(one for one in changes if isinstance(one, DeletedJob))


@asynccontextmanager
async def opened(state_dir: Path, announced: Announced | None = None) -> AsyncIterator[JobStore]:
    store = JobStore(state_dir, announced if announced is not None else Announced())
    try:
        yield store
    finally:
        store.close()


async def test_a_job_goes_from_queued_to_done_and_keeps_its_tables(tmp_path: Path) -> None:
    parts = [PartFile("out", "out_1.csv", 2, 30), PartFile("out.tr", "out.tr_1.csv", 5, 60)]
    async with opened(tmp_path) as store:
        await store.submit(ANYBODY, "j1", request(), None, now=100)
        assert await store.start("j1", now=101)
        reached = Progress(50, 50, 2, 7, 1, 1, Layout.ARRAY, "python")
        assert await store.publishing("j1", reached, parts, HERE)
        assert await store.done("j1", now=105)
        job = await store.get(ANYBODY, "j1")
    assert job
    assert (job.status, job.phase, job.reason) == (Status.DONE, Phase.ENDED, "")
    assert (job.submit_time, job.start_time, job.end_time) == (100, 101, 105)
    assert [(table.name, table.rows, table.parts) for table in job.tables] == [
        ("out", 2, (parts[0],)),
        ("out.tr", 5, (parts[1],)),
    ]
    assert job.progress == reached


async def test_tables_of_the_same_name_in_several_sets_stay_apart(tmp_path: Path) -> None:
    parts = [PartFile("out", f"{name}/out_1.csv", 1, 9) for name in ("a", "b")]
    async with opened(tmp_path) as store:
        await store.submit(ANYBODY, "j1", request(), None, now=1)
        await store.publishing("j1", Progress(), parts, HERE)
        await store.done("j1", now=2)
        job = await store.get(ANYBODY, "j1")
    assert job
    assert [table.parts for table in job.tables] == [(parts[0],), (parts[1],)]


async def test_a_final_state_is_final(tmp_path: Path) -> None:
    announced = Announced()
    async with opened(tmp_path, announced) as store:
        await store.submit(ANYBODY, "j1", request(), None, now=1)
        await store.fail(["j1"], "CANCELLED", "cancelled", now=2)
        ended = await store.get(ANYBODY, "j1")
        assert not await store.start("j1", now=3)
        assert not await store.progress("j1", Progress(rows=1), 0.0)
        assert not await store.publishing("j1", Progress(), [], HERE)
        assert not await store.done("j1", now=3)
        await store.fail(["j1"], "INTERNAL", "other", now=3)
        assert await store.get(ANYBODY, "j1") == ended
        assert await store.last_revision() == 2
    assert [job.revision for job in announced] == [1, 2]


async def test_a_change_is_announced_before_its_caller_hears_of_it(tmp_path: Path) -> None:
    announced = Announced()
    async with opened(tmp_path, announced) as store:
        for number in range(1, 4):
            await store.submit(ANYBODY, f"j{number}", request(f"out{number}"), None, now=1)
            assert [job.revision for job in announced] == list(range(1, number + 1))
            assert announced[-1] == await store.get(ANYBODY, f"j{number}")


async def test_jobs_that_fail_together_take_a_revision_each(tmp_path: Path) -> None:
    announced = Announced()
    async with opened(tmp_path, announced) as store:
        for name in ("j1", "j2", "j3"):
            await store.submit(ANYBODY, name, request(name), None, now=1)
        await store.fail(["j1", "j2", "j3"], "INTERRUPTED", "stopped", now=2)
    assert [(job.job_id, job.revision) for job in announced[3:]] == [
        ("j1", 4),
        ("j2", 5),
        ("j3", 6),
    ]


async def test_progress_never_falls(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await store.submit(ANYBODY, "j1", request(), None, now=1)
        await store.start("j1", now=1)
        await store.progress("j1", Progress(100, 60, 6, 9, 1, 1, Layout.KEYED, "python"), 4.0)
        await store.progress("j1", Progress(100, 40, 5, 8, 1, 0, Layout.AUTO, "python"), 5.0)
        job = await store.get(ANYBODY, "j1")
    assert job
    assert job.progress == Progress(100, 60, 6, 9, 1, 1, Layout.KEYED, "python")


async def test_one_output_set_has_one_working_job(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await store.submit(ANYBODY, "j1", request(), None, now=1)
        with pytest.raises(OutputBusyError):
            await store.submit(ANYBODY, "j2", request(), None, now=1)
        await store.fail(["j1"], "CANCELLED", "", now=2)
        assert await store.submit(ANYBODY, "j2", request(), None, now=3) == "j2"


async def test_one_output_set_has_one_working_job_even_against_the_code(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await store.submit(ANYBODY, "j1", request(), None, now=1)
        await store.submit(ANYBODY, "j2", request("other"), None, now=1)
    connection = sqlite3.connect(tmp_path / DATABASE_NAME)
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute("UPDATE job_status SET output_key = 'out'")
    connection.close()


async def test_a_request_id_means_one_job_however_often_it_comes(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        names = [f"j{number}" for number in range(20)]
        found = await asyncio.gather(
            *(store.submit(ANYBODY, n, request(), MARK, now=1) for n in names)
        )
        assert set(found) == {found[0]}
        await store.fail([found[0]], "CANCELLED", "", now=2)
    async with opened(tmp_path) as store:
        assert await store.submit(ANYBODY, "later", request(), MARK, now=9) == found[0]
        assert await store.find_request(ANYBODY, MARK) == found[0]
        jobs, _ = await store.newest(ANYBODY, (), None, 100)
        assert len(jobs) == 1


async def test_a_request_id_with_another_request_is_refused(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await store.submit(ANYBODY, "j1", request(), MARK, now=1)
        other = RequestFingerprint(MARK.request_id, b"other")
        with pytest.raises(InvalidRequestError, match="request_id"):
            await store.submit(ANYBODY, "j2", request("other"), other, now=1)
        with pytest.raises(InvalidRequestError, match="request_id"):
            await store.find_request(ANYBODY, other)


async def test_a_page_goes_on_where_the_last_one_ended_though_jobs_come(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        for number in range(5):
            await store.submit(ANYBODY, f"j{number}", request(f"o{number}"), None, now=1)
        page, more = await store.newest(ANYBODY, (), None, 2)
        await store.submit(ANYBODY, "new", request("new"), None, now=1)
        await store.fail(["j2"], "CANCELLED", "", now=2)
        rest, no_more = await store.newest(ANYBODY, (), page[-1].submit_revision, 3)
        working, _ = await store.newest(ANYBODY, (Status.WORKING,), None, 10)
    assert [job.job_id for job in page + rest] == ["j4", "j3", "j2", "j1", "j0"]
    assert [job.job_id for job in working] == ["new", "j4", "j3", "j1", "j0"]
    assert (more, no_more) == (True, False)


async def test_purging_takes_only_jobs_that_ended_before(tmp_path: Path) -> None:
    part = PartFile("out", "out_1.csv", 1, 1)
    async with opened(tmp_path) as store:
        for name in ("old", "recent", "working"):
            await store.submit(ANYBODY, name, request(name), None, now=1)
            await store.keep_checkpoint(name, "{}", [part])
        await store.fail(["old"], "CANCELLED", "", now=10)
        await store.fail(["recent"], "CANCELLED", "", now=20)
        assert await store.purge(ended_before=20) == 1
        left, _ = await store.newest(ANYBODY, (), None, 10)
    assert [job.job_id for job in left] == ["working", "recent"]
    connection = sqlite3.connect(tmp_path / DATABASE_NAME)
    owners = connection.execute("SELECT DISTINCT job_id FROM csv_rows ORDER BY 1").fetchall()
    connection.close()
    assert owners == [("recent",), ("working",)]


async def test_deletions_are_announced_in_order_and_go_with_the_purge(tmp_path: Path) -> None:
    announced = Announced()
    async with opened(tmp_path, announced) as store:
        for name in ("j1", "j2"):
            await store.submit(ANYBODY, name, request(name), None, now=1)
        await store.fail(["j1", "j2"], "CANCELLED", "", now=2)
        await store.submit(ANYBODY, "j3", request("j3"), None, now=3)
        with pytest.raises(JobWorkingError):
            await store.delete(ANYBODY, "j3", now=3)
        assert await store.delete(ANYBODY, "j1", now=10)
        assert not await store.delete(ANYBODY, "j1", now=11)
        assert await store.delete(ANYBODY, "j2", now=20)
        assert announced.deleted == [DeletedJob("j1", 6), DeletedJob("j2", 7)]
        changes = await store.changed_since(ANYBODY, 3, 10)
        assert [(one.job_id, one.revision) for one in changes] == [("j3", 5), ("j1", 6), ("j2", 7)]
        await store.purge(ended_before=20)
        changes = await store.changed_since(ANYBODY, 5, 10)
        assert changes == [DeletedJob("j2", 7)]


async def test_a_restart_finds_everything_and_counts_on(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await store.submit(ANYBODY, "j1", request(), None, now=1)
        secret = store.secret
        await store.publishing("j1", Progress(), [], HERE)
    announced = Announced()
    async with opened(tmp_path, announced) as store:
        assert store.secret == secret
        [left] = await store.unfinished()
        assert (left.job_id, left.phase, left.identity) == ("j1", Phase.PUBLISHING, HERE)
        await store.done("j1", now=5)
    assert [(job.job_id, job.revision) for job in announced] == [("j1", 3)]


PLAIN = Request(
    ("a.json", "b.json"),
    "out",
    ConvertOptions(Layout.AUTO, "a.b", "no", merge=True, csv_profile=Profile.DATABASE),
    limits=Limits(7, 8),
    section_names=frozenset("s"),
)
ENCRYPTED = Request(("a.json",), "secret", encrypted=True)


async def test_a_restart_finds_what_is_left_to_do_and_how(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await store.submit(ANYBODY, "j1", PLAIN, None, now=1)
        await store.submit(ANYBODY, "j2", ENCRYPTED, MARK, now=1)
        await store.start("j1", now=2)
        # What was found out about one file says nothing about the next.
        await store.progress("j1", Progress(layout=Layout.ARRAY), -1)
        await store.keep_checkpoint("j1", "here", [PartFile("out", "out_1.csv", 3, 30)])
    async with opened(tmp_path) as store:
        first, second = await store.unfinished()
        assert (first.encrypted, first.has_request_id, first.waiting_since) == (False, False, 0)
        assert (second.encrypted, second.has_request_id) == (True, True)
        assert [(await store.work(one.job_id))[0] for one in (first, second)] == [PLAIN, ENCRYPTED]
        assert (await store.work("j1"))[1] == "here"
        assert (await store.work("j2"))[1] is None


async def test_a_job_waits_from_the_first_restart_on_until_it_goes_on(tmp_path: Path) -> None:
    announced = Announced()
    async with opened(tmp_path, announced) as store:
        await store.submit(ANYBODY, "j1", ENCRYPTED, MARK, now=1)
        await store.start("j1", now=2)
        await store.wait_for_key(["j1"], "send it", now=10)
        await store.wait_for_key(["j1"], "send it", now=20)
        [left] = await store.unfinished()
        assert (left.waiting_since, left.phase) == (10, Phase.WAITING_FOR_KEY)
        await store.queue_again(["j1"])
        await store.queue_again(["j1"])
        await store.start("j1", now=30)
        job = await store.get(ANYBODY, "j1")
    assert job
    assert (job.phase, job.msg, job.start_time) == (Phase.CONVERTING, "", 2)
    assert [one.phase for one in announced[2:]] == [
        Phase.WAITING_FOR_KEY,
        Phase.QUEUED,
        Phase.CONVERTING,
    ]


async def test_a_waiting_job_makes_way_for_a_new_one(tmp_path: Path) -> None:
    announced = Announced()
    async with opened(tmp_path, announced) as store:
        await store.submit(ANYBODY, "j1", ENCRYPTED, MARK, now=1)
        with pytest.raises(OutputBusyError):
            await store.submit(ANYBODY, "j2", ENCRYPTED, None, now=2)
        await store.wait_for_key(["j1"], "send it", now=3)
        assert await store.submit(ANYBODY, "j2", ENCRYPTED, None, now=4) == "j2"
        job = await store.get(ANYBODY, "j1")
    assert job
    assert (job.status, job.reason, job.end_time) == (Status.FAILED, "INTERRUPTED", 4)
    assert [one.job_id for one in announced[-2:]] == ["j1", "j2"]


async def test_a_checkpoint_lasts_as_long_as_its_job_works(tmp_path: Path) -> None:
    part = PartFile("out", "out_1.csv", 3, 30)
    async with opened(tmp_path) as store:
        for name in ("published", "failed", "dropped"):
            await store.submit(ANYBODY, name, request(name), None, now=1)
            assert await store.keep_checkpoint(name, "old", [part])
            assert await store.keep_checkpoint(name, "here", [])
            assert (await store.work(name))[1] == "here"
        await store.publishing("published", Progress(), [part], HERE)
        await store.fail(["failed"], "CANCELLED", "", now=2)
        await store.drop_checkpoint("dropped")
        for name in ("published", "failed", "dropped"):
            assert (await store.work(name))[1] is None
        assert not await store.keep_checkpoint("failed", "late", [part])
        assert (await store.work("failed"))[1] is None


async def test_a_checkpoint_is_no_news(tmp_path: Path) -> None:
    announced = Announced()
    async with opened(tmp_path, announced) as store:
        await store.submit(ANYBODY, "j1", request(), None, now=1)
        await store.keep_checkpoint("j1", "here", [])
        assert await store.last_revision() == 1
    assert len(announced) == 1


async def test_the_share_that_was_read_never_falls_even_when_an_input_grows(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await store.submit(ANYBODY, "j1", request(), None, now=1)
        shares = []
        for total, read in ((100, 60), (300, 10), (300, 70), (200, 90), (1 << 45, 100)):
            await store.progress("j1", Progress(total, read), -1)
            job = await store.get(ANYBODY, "j1")
            assert job
            shares.append(job.progress.bytes_read / job.progress.bytes_total)
    assert shares == sorted(shares)
    assert shares[-1] < 0.61


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
        await store.keep_checkpoint("running", "here", [])
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
    assert running.options == ConvertOptions(layout, 'a."나', "no", False, Profile.DATABASE, True)
    assert marked.options == ConvertOptions(merge=True)
    limits, names = (Limits(7, 8), frozenset("나s")) if version > 1 else (Limits(), SECTION_NAMES)
    assert (running.limits, running.section_names) == (limits, names)
    assert (marked.limits, marked.section_names) == (Limits(), SECTION_NAMES)
    assert job
    assert job.progress.layout is Layout.ARRAY


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
                await store.keep_checkpoint("j1", "x" * 300_000, [])
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
    caplog.set_level("INFO")
    tell_of_old_sqlite(version)
    assert bool(caplog.records) is told
