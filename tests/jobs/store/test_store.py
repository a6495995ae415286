"""The job store: what is refused, what is final, what is announced, and what a restart finds."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from myd_grpc.callers.model import ANYBODY
from myd_grpc.convert.model import PartFile, Progress
from myd_grpc.errors import InvalidRequestError, JobWorkingError, OutputBusyError
from myd_grpc.jobs.model import (
    DeletedJob,
    Phase,
    Request,
    RequestFingerprint,
    SavedCheckpoint,
    Status,
)
from myd_grpc.jobs.store.store import DATABASE_NAME
from myd_grpc.options import NO_MASKING, ConvertOptions, Format, Layout
from tests.support.storing import ENCRYPTED, HERE, MARK, MASKED, PLAIN, Announced, opened, request


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


async def test_the_dictionary_is_kept_once_while_jobs_work(tmp_path: Path) -> None:
    def texts() -> list[tuple[str]]:
        with closing(sqlite3.connect(tmp_path / DATABASE_NAME)) as connection:
            return connection.execute("SELECT text FROM dictionary").fetchall()

    async with opened(tmp_path) as store:
        for name in ("a", "b"):
            asked = replace(request(name), dictionary="뜻")
            await store.submit(ANYBODY, name, asked, None, now=1)
        await store.submit(ANYBODY, "c", request("c"), None, now=1)
        shown = await store.get(ANYBODY, "a")
        assert shown
        assert shown.request.dictionary == "", "which would be long in a list of jobs"
        assert texts() == [("뜻",)]
    async with opened(tmp_path) as store:
        for name, text in (("a", "뜻"), ("b", "뜻"), ("c", "")):
            asked_for, _ = await store.work(name)
            assert asked_for == replace(request(name), dictionary=text)
        await store.fail(["a", "c"], "CANCELLED", "", now=10)
        await store.purge(ended_before=20)
        assert texts() == [("뜻",)]
        await store.fail(["b"], "CANCELLED", "", now=10)
        await store.purge(ended_before=20)
        assert texts() == []


async def test_what_is_done_with_columns_is_kept_once_while_jobs_work(tmp_path: Path) -> None:
    def count() -> int:
        with closing(sqlite3.connect(tmp_path / DATABASE_NAME)) as connection:
            found: int = connection.execute("SELECT count(*) FROM column_choice").fetchone()[0]
            return found

    async with opened(tmp_path) as store:
        for name in ("a", "b"):
            await store.submit(ANYBODY, name, replace(MASKED, output_file_name=name), None, now=1)
        await store.submit(ANYBODY, "c", request("c"), None, now=1)
        shown = await store.get(ANYBODY, "a")
        assert shown
        assert (shown.request.options.include, shown.request.options.masking) == ((), NO_MASKING)
        assert (shown.request.options.preset, shown.request.options.max_rejects) == ("team", 7)
        assert count() == 1
    async with opened(tmp_path) as store:
        assert (await store.work("b"))[0] == replace(MASKED, output_file_name="b")
        assert (await store.work("c"))[0] == request("c")
        await store.fail(["a"], "CANCELLED", "", now=10)
        await store.purge(ended_before=20)
        assert count() == 1
        await store.fail(["b"], "CANCELLED", "", now=10)
        await store.purge(ended_before=20)
        assert count() == 0


async def test_a_file_is_a_part_of_each_table_that_shares_it(tmp_path: Path) -> None:
    """Each format has all rows, so they are counted in the first alone."""
    wanted = Request(("a.json",), "out", ConvertOptions(formats=(Format.CSV, Format.XLSX)))
    tables = {"out": 2, "out.tr": 5}
    parts = [
        part
        for name, rows in tables.items()
        for part in (
            PartFile(name, f"{name}_1.csv", rows, 30),
            PartFile(name, "out.xlsx", rows - 1, 90),
            PartFile(name, "out_2.xlsx", 1, 80),
        )
    ]
    async with opened(tmp_path) as store:
        await store.submit(ANYBODY, "j1", wanted, None, now=1)
        await store.keep_checkpoint("j1", SavedCheckpoint("here"), parts[1:])
        await store.publishing("j1", Progress(), parts, HERE)
        await store.done("j1", now=2)
        job = await store.get(ANYBODY, "j1")
        listed, following = await store.tables(ANYBODY, "j1", 0, 10)
        rest, _ = await store.tables(ANYBODY, "j1", 4, 10)
    assert job
    assert job.request == wanted
    assert job.tables_total == 2
    assert [(table.name, table.rows) for table in job.tables] == list(tables.items())
    assert [part for table in job.tables for part in table.parts] == parts
    assert (listed, following) == (job.tables, None)
    # Of a table that is broken off, rows are counted once on all pages together.
    assert [(table.parts, table.rows) for table in rest] == [(tuple(parts[4:]), 0)]


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
            await store.keep_checkpoint(name, SavedCheckpoint("{}"), [part])
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
        assert (left.job_id, left.phase, left.staged) == ("j1", Phase.PUBLISHING, HERE)
        await store.done("j1", now=5)
    assert [(job.job_id, job.revision) for job in announced] == [("j1", 3)]


async def test_a_restart_finds_what_is_left_to_do_and_how(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await store.submit(ANYBODY, "j1", PLAIN, None, now=1)
        await store.submit(ANYBODY, "j2", ENCRYPTED, MARK, now=1)
        await store.start("j1", now=2)
        # What was found out about one file says nothing about the next.
        await store.progress("j1", Progress(layout=Layout.ARRAY), -1)
        await store.keep_checkpoint(
            "j1", SavedCheckpoint("here"), [PartFile("out", "out_1.csv", 3, 30)]
        )
    async with opened(tmp_path) as store:
        first, second = await store.unfinished()
        assert (first.encrypted, first.has_request_id, first.waiting_since) == (False, False, 0)
        assert (second.encrypted, second.has_request_id) == (True, True)
        assert [(await store.work(one.job_id))[0] for one in (first, second)] == [PLAIN, ENCRYPTED]
        assert (await store.work("j1"))[1] == SavedCheckpoint("here")
        assert (await store.work("j2"))[1] is None


async def test_what_is_asked_of_columns_is_found_after_a_restart(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await store.submit(ANYBODY, "j1", MASKED, MARK, now=1)
        await store.start("j1", now=2)
        await store.progress("j1", Progress(records=9, rejects=3), -1)
        await store.progress("j1", Progress(records=9, rejects=2), -1)
    async with opened(tmp_path) as store:
        (left,) = await store.unfinished()
        assert (left.encrypted, left.needs_masking_key) == (False, True)
        assert (await store.work("j1"))[0] == MASKED
        job = await store.get(ANYBODY, "j1")
        assert job
        assert job.progress.rejects == 3


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
            assert await store.keep_checkpoint(name, SavedCheckpoint("old"), [part])
            assert await store.keep_checkpoint(name, SavedCheckpoint("here"), [])
            assert (await store.work(name))[1] == SavedCheckpoint("here")
        await store.publishing("published", Progress(), [part], HERE)
        await store.fail(["failed"], "CANCELLED", "", now=2)
        await store.drop_checkpoint("dropped")
        for name in ("published", "failed", "dropped"):
            assert (await store.work(name))[1] is None
        assert not await store.keep_checkpoint("failed", SavedCheckpoint("late"), [part])
        assert (await store.work("failed"))[1] is None


async def test_a_checkpoint_is_no_news(tmp_path: Path) -> None:
    announced = Announced()
    async with opened(tmp_path, announced) as store:
        await store.submit(ANYBODY, "j1", request(), None, now=1)
        await store.keep_checkpoint("j1", SavedCheckpoint("here"), [])
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
