"""Whose a job is: what the store answers to whom, and what becomes of jobs from before owners."""

from __future__ import annotations

import inspect
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from myd_grpc.callers.model import ANYBODY, Caller, Role
from myd_grpc.convert.model import PartFile, Progress
from myd_grpc.convert.output.naming import folded
from myd_grpc.errors import (
    InvalidRequestError,
    JobMissingError,
    OutputBusyError,
    OutputExistsError,
)
from myd_grpc.jobs.model import (
    Change,
    DeletedJob,
    Job,
    Request,
    RequestFingerprint,
    Status,
)
from myd_grpc.jobs.store import queries
from myd_grpc.jobs.store.migrations import STEPS
from myd_grpc.jobs.store.store import DATABASE_NAME, JobStore
from tests.support.nasty import NFC_HAN, NFD_HAN
from tests.support.storing import HERE, assert_sound, opened

ALICE = Caller("alice", frozenset({Role.CONVERT}))
BOB = Caller("bob", frozenset({Role.CONVERT, Role.PREPROCESS}))
BOSS = Caller("boss", frozenset({Role.ADMIN}))
MARK = RequestFingerprint("3f2504e0-4f89-41d3-9a0c-0305e82c3301", b"digest", b"key")
OTHER = RequestFingerprint(MARK.request_id, b"other", b"other")
PARTS = [PartFile("out", "out_1.csv", 2, 30)]
V1 = Path(__file__).parent / "csv_status_v1.sql"


def request(output: str = "out", output_dir: str = "") -> Request:
    return Request(("a.json",), output, data_dir=output_dir, output_dir=output_dir)


async def done(store: JobStore, caller: Caller, job_id: str) -> None:
    await store.submit(caller, job_id, request(job_id), None, now=1)
    await store.publishing(job_id, Progress(), PARTS, HERE)
    await store.done(job_id, now=2)


def ids(changes: Sequence[Change]) -> list[str]:
    return [one.job_id for one in changes]


OF_THE_SERVER = set(
    "start queue_again wait_for_key progress say keep_checkpoint drop_checkpoint publishing done "
    "fail purge keep_trusted_time trusted_time work last_revision unfinished output_dirs "
    "check_paths close say_queued".split()
)
"""What the server does on its own behalf, with jobs that it has at hand or with none."""


def test_whatever_is_asked_for_a_caller_takes_the_caller() -> None:
    methods = dict(inspect.getmembers(JobStore, inspect.isfunction))
    shown = {name: one for name, one in methods.items() if not name.startswith("_")}
    assert set(shown) >= OF_THE_SERVER
    for name, method in shown.items():
        first = [*inspect.signature(method).parameters, ""][1]
        assert (first == "caller") is (name not in OF_THE_SERVER), name


async def test_a_job_is_there_for_its_owner_and_for_admins_alone(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await done(store, ALICE, "hers")
        job = await store.get(ALICE, "hers")
        assert job
        assert job.owner == "alice"
        assert await store.get(BOSS, "hers") == job
        assert await store.get(BOB, "hers") is None
        assert await store.get(BOB, "unknown") is None
        for caller in (ALICE, BOSS):
            tables, _ = await store.tables(caller, "hers", 0, 10)
            assert [table.name for table in tables] == ["out"]
        told = []
        for job_id in ("hers", "unknown"):
            with pytest.raises(JobMissingError) as refusal:
                await store.tables(BOB, job_id, 0, 10)
            told.append(str(refusal.value))
        assert told[0] == told[1]


async def test_the_digest_of_a_key_is_not_told_to_others(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await store.submit(ALICE, "hers", request(), MARK, now=1)
        digests = [await store.key_digest(caller, "hers") for caller in (ALICE, BOSS, BOB)]
    assert digests == [b"key", b"key", None]


async def test_lists_and_changes_leave_out_the_jobs_of_others(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await store.submit(ANYBODY, "old", request("old"), None, now=1)
        await done(store, ALICE, "hers")
        await store.submit(BOB, "his", request("his"), None, now=1)
        await done(store, ALICE, "gone")
        assert await store.delete(ALICE, "gone", now=3)
        expected = {
            ALICE: ["hers", "gone"],
            BOB: ["his"],
            BOSS: ["old", "hers", "his", "gone"],
            ANYBODY: ["old", "hers", "his", "gone"],
        }
        for caller, seen in expected.items():
            assert ids(await store.changed_since(caller, 0, 100)) == seen
            there = [one for one in seen if one != "gone"]
            listed, more = await store.newest(caller, (), None, 100)
            assert ([*reversed(ids(listed))], more) == (there, False)
            revisions = await store.shown_first(caller, (), 100, 1000)
            assert ids(await store.at_revisions(caller, revisions, 100)) == there
            everything = await store.shown_first(BOSS, (), 100, 1000)
            assert ids(await store.at_revisions(caller, everything, 100)) == there
        working, _ = await store.newest(ALICE, (Status.WORKING,), None, 100)
        assert working == []
        pages = [await store.newest(ALICE, (), None, 1), await store.newest(BOB, (), None, 1)]
        assert [(ids(page), more) for page, more in pages] == [(["hers"], False), (["his"], False)]
        assert await store.changed_since(ALICE, 8, 100) == [DeletedJob("gone", 9, "alice")]


async def test_a_stranger_deletes_nothing_whatever_the_job_does(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await done(store, ALICE, "ended")
        await store.submit(ALICE, "works", request("works"), None, now=1)
        before = await store.changed_since(BOSS, 0, 100)
        for job_id in ("ended", "works", "unknown"):
            assert not await store.delete(BOB, job_id, now=3)
        assert await store.changed_since(BOSS, 0, 100) == before


async def test_a_request_id_is_unique_for_each_caller(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        assert await store.submit(ALICE, "hers", request("a"), MARK, now=1) == "hers"
        assert await store.find_request(BOB, MARK) is None
        assert await store.find_request(BOB, OTHER) is None
        assert await store.submit(BOB, "his", request("b"), OTHER, now=1) == "his"
        assert await store.find_request(BOSS, MARK) is None
        assert await store.submit(BOSS, "boss", request("c"), MARK, now=1) == "boss"
        for caller, mark, job_id in ((ALICE, MARK, "hers"), (BOB, OTHER, "his")):
            assert await store.submit(caller, "again", request("d"), mark, now=2) == job_id
        with pytest.raises(InvalidRequestError, match="came before"):
            await store.find_request(ALICE, OTHER)


async def test_requests_from_before_callers_are_the_admins(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await store.submit(ANYBODY, "old", request("old"), MARK, now=1)
        assert await store.find_request(ALICE, MARK) is None
        assert await store.find_request(BOSS, MARK) == "old"
        with pytest.raises(InvalidRequestError, match="came before"):
            await store.submit(BOSS, "new", request("new"), OTHER, now=1)


async def test_one_request_of_a_caller_has_one_job_even_against_the_code(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await store.submit(ALICE, "hers", request("a"), MARK, now=1)
        await store.submit(BOB, "his", request("b"), MARK, now=1)
    with (
        closing(sqlite3.connect(tmp_path / DATABASE_NAME)) as connection,
        pytest.raises(sqlite3.IntegrityError),
    ):
        connection.execute("UPDATE job_status SET owner = 'alice'")


async def test_a_set_that_another_callers_job_writes_just_exists(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await store.submit(ALICE, "hers", request("Set"), None, now=1)
        with pytest.raises(OutputExistsError) as refusal:
            await store.submit(BOB, "his", request("set"), None, now=1)
        assert refusal.value.message == "the output set 'set' exists; choose another name"
        for caller in (ALICE, BOSS):
            with pytest.raises(OutputBusyError) as busy:
                await store.submit(caller, "again", request("set"), None, now=1)
            assert busy.value.message == (
                "a working job is writing the output set 'set': hers; wait for it or cancel it"
            )
            assert busy.value.metadata == {"job_id": "hers"}


async def test_a_job_that_waits_makes_no_way_for_another_callers(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await store.submit(ALICE, "hers", request(), MARK, now=1)
        await store.wait_for_key(["hers"], "waits", now=2)
        before = await store.changed_since(BOSS, 0, 100)
        with pytest.raises(OutputExistsError):
            await store.submit(BOB, "his", request(), None, now=3)
        assert await store.changed_since(BOSS, 0, 100) == before
        assert await store.submit(ALICE, "new", request(), None, now=3) == "new"
        superseded = await store.get(ALICE, "hers")
    assert superseded
    assert superseded.reason == "INTERRUPTED"


async def test_sets_of_the_same_name_in_other_directories_have_writers_of_their_own(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as store:
        for place in ("", "team-a", "team-a/deep", "Team-B"):
            await store.submit(ALICE, f"job {place}", request("out", place), None, now=1)
        for name, place in (("OUT", "team-a"), ("out", "team-b")):
            with pytest.raises(OutputBusyError):
                await store.submit(ALICE, "late", request(name, place), None, now=1)


async def test_no_set_takes_the_place_of_a_directory_that_has_held_sets(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await store.submit(ALICE, "hers", request("out", f"x/{NFC_HAN}"), None, now=1)
        await store.fail(["hers"], "CANCELLED", "", now=2)
        await store.purge(ended_before=3)
        for name, place in (("X", ""), (NFD_HAN, "x"), (NFC_HAN, "X")):
            for caller in (ALICE, BOB, BOSS, ANYBODY):
                with pytest.raises(OutputExistsError):
                    await store.submit(caller, "late", request(name, place), None, now=4)
        assert await store.submit(BOB, "his", request("x", "y"), None, now=4) == "his"
        assert await store.output_dirs() == ["x", f"x/{NFC_HAN}", "y"]


async def test_no_directory_takes_the_place_of_a_set_that_is_being_written(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await store.submit(BOB, "his", request("Team"), None, now=1)
        for place in ("team", "team/deep"):
            with pytest.raises(OutputBusyError) as busy:
                await store.submit(ALICE, "hers", request("out", place), None, now=2)
            assert busy.value.message == (
                "a working job is writing where the output set 'out' is to be; wait for it to end"
            )
            assert busy.value.metadata == {}
            with pytest.raises(OutputBusyError, match="is to be: his; wait for it to end"):
                await store.submit(BOSS, "boss", request("out", place), None, now=2)
        assert await store.output_dirs() == []
        await store.fail(["his"], "CANCELLED", "", now=3)
        assert await store.submit(ALICE, "hers", request("out", "team"), None, now=4) == "hers"


async def test_owner_and_directories_are_there_after_a_restart(tmp_path: Path) -> None:
    asked = Request(("a.json",), "out", data_dir="in/a", output_dir="out/a")
    async with opened(tmp_path) as store:
        await store.submit(ALICE, "hers", asked, None, now=1)
    async with opened(tmp_path) as store:
        [left] = await store.unfinished()
        assert (left.owner, left.output_dir) == ("alice", "out/a")
        assert (await store.work("hers"))[0] == asked


@pytest.mark.parametrize("caller", [ALICE, BOSS])
async def test_what_is_asked_for_a_caller_is_found_by_an_index(
    tmp_path: Path, caller: Caller
) -> None:
    async with opened(tmp_path) as store:
        for number in range(20):
            await done(store, ALICE, f"j{number}")
    asked: list[str] = []
    with closing(sqlite3.connect(tmp_path / DATABASE_NAME)) as connection:
        connection.row_factory = sqlite3.Row
        connection.set_trace_callback(asked.append)
        queries.newest(connection, caller, (), None, 5)
        queries.changed_since(connection, caller, 3, 5)
        queries.shown_first(connection, caller, (), 5, 10)
        queries.find_request(connection, caller, MARK)
        connection.set_trace_callback(None)
        texts = [text for text in asked if "job_status" in text]
        assert len(texts) >= 4
        plans = [
            row[3]
            for text in texts
            for row in connection.execute(f"EXPLAIN QUERY PLAN {text}").fetchall()
        ]
    assert not [plan for plan in plans if plan in ("SCAN job_status", "SCAN job_deleted")]


async def test_a_caller_without_a_name_owns_nothing(tmp_path: Path) -> None:
    nobody = Caller("", frozenset({Role.CONVERT}))
    async with opened(tmp_path) as store:
        await store.submit(ANYBODY, "old", request("old"), MARK, now=1)
        assert await store.get(nobody, "old") is None
        assert await store.find_request(nobody, MARK) is None
        assert await store.changed_since(nobody, 0, 10) == []
        assert not nobody.sees("")


# --- databases from before ------------------------------------------------------------------------


def leave_database(path: Path, version: int) -> None:
    """A database as the program of that version has left it."""
    with closing(sqlite3.connect(path)) as old:
        old.executescript(V1.read_text())
        old.create_function("folded", 1, folded)
        for statement in chain.from_iterable(STEPS[1:version]):
            old.execute(statement)
        old.execute(f"PRAGMA user_version = {version}")
        if version > 1:
            old.execute("INSERT INTO job_checkpoint VALUES ('running', 'here')")
        if version > 2:
            old.execute("INSERT INTO job_files VALUES ('running', ?)", (json.dumps(["a"] * 9),))
            old.execute("INSERT INTO job_deleted VALUES (9, 'gone', 5)")
        old.commit()


def content(path: Path) -> dict[str, list[dict[str, Any]]]:
    """The rows of all tables, without what the database is in SQLite's eyes."""
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        names = [
            row["name"]
            for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        ]
        return {name: rows_of(connection, name) for name in names}


def rows_of(connection: sqlite3.Connection, table: str) -> list[dict[str, Any]]:
    return sorted(map(dict, connection.execute(f"SELECT * FROM {table}")), key=str)  # noqa: S608


def indices(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'index'")
        return {" ".join(f"{name} {text}".split()) for name, text in rows.fetchall()}


@pytest.mark.parametrize("version", [1, 2, 6, 7])
async def test_a_database_from_before_owners_loses_nothing(tmp_path: Path, version: int) -> None:
    path = tmp_path / DATABASE_NAME
    leave_database(path, version)
    before = content(path)
    JobStore(tmp_path, lambda _: None).close()
    after = content(path)
    gone = {"merge", "csv_profile", "record_path", "id_field", "overwrite"}
    gone |= {"staging_device", "staging_inode", "staging_modified_ns"}
    for table, rows in before.items():
        assert len(after[table]) == len(rows), table
        for old, new in zip(rows, after[table], strict=True):
            assert {name: new[name] for name in old if name not in gone} == {
                name: value for name, value in old.items() if name not in gone
            }
    assert {row["owner"] for row in after["job_status"] + after["job_deleted"]} <= {""}
    (tmp_path / "new").mkdir()
    JobStore(tmp_path / "new", lambda _: None).close()
    assert indices(path) == indices(tmp_path / "new" / DATABASE_NAME)
    assert_sound(tmp_path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("DELETE FROM job_status")
        for table in ("csv_rows", "job_checkpoint", "job_files"):
            assert rows_of(connection, table) == [], table


@pytest.mark.parametrize("version", [1, 6, 7])
async def test_what_was_there_before_owners_goes_on_as_the_admins(
    tmp_path: Path, version: int
) -> None:
    leave_database(tmp_path / DATABASE_NAME, version)
    async with opened(tmp_path) as store:
        assert {one.job_id for one in await store.unfinished()} == {"running", "marked"}
        marked = RequestFingerprint(MARK.request_id, b"digest")
        assert await store.find_request(BOSS, marked) == "marked"
        assert await store.find_request(ALICE, marked) is None
        found = await store.get(BOSS, "done")
        assert isinstance(found, Job)
        assert [table.rows for table in found.tables] == [2]
        assert await store.get(ALICE, "done") is None
        assert (await store.newest(ALICE, (), None, 10)) == ([], False)
        await store.fail(["running"], "CANCELLED", "", now=9)
        assert await store.delete(BOSS, "running", now=10)


_KILLED = """
import sys
from pathlib import Path
from myd_grpc.jobs.store.store import JobStore
JobStore(Path(sys.argv[1]), lambda _: None)
"""


@pytest.mark.parametrize("version", [1, 6, 7])
def test_a_server_killed_while_it_brings_a_database_forward_changes_nothing(
    tmp_path: Path, version: int
) -> None:
    path = tmp_path / DATABASE_NAME
    leave_database(path, version)
    before = content(path)
    killed = subprocess.run(
        [sys.executable, "-c", _KILLED, tmp_path],
        env=os.environ | {"MYD_FAILPOINTS": "before_commit=kill"},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert content(path) == before
    JobStore(tmp_path, lambda _: None).close()
    assert {row["job_id"] for row in content(path)["job_status"]} == {
        row["job_id"] for row in before["job_status"]
    }
