"""What is long is bounded: every answer can be taken by a client that sets no limits of its own."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

import grpc
import psutil
import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.client import Client
from myd_grpc.convert.model import PartFile
from myd_grpc.jobs.store.store import DATABASE_NAME
from myd_grpc.jobs.store.tables import first_tables
from myd_grpc.options import Format
from tests.support.bounds import MANY_PARTS, MANY_TABLES, keep
from tests.support.serving import Server, details_of

MakeServer = Callable[..., Server]

MOST_BYTES = 4 << 20
OLD_NAMES = [PartFile(f"out.{'k' * 60_000}{n}", f"out.{n}_1.csv", 1, 9) for n in range(1500)]


def pages(server: Server, job_id: str, page_size: int = 0) -> list[pb.ListTablesResponse]:
    request = pb.ListTablesRequest(job_id=job_id, page_size=page_size)
    found = [server.stub.ListTables(request)]
    while token := found[-1].next_page_token:
        request.page_token = token
        found.append(server.stub.ListTables(request))
    return found


def parts_of(tables: Iterable[pb.Job.Table]) -> list[PartFile]:
    return [
        PartFile(table.name, part.file_name, part.rows, part.bytes)
        for table in tables
        for part in table.parts
    ]


def refusal(server: Server, **fields: Any) -> tuple[grpc.StatusCode, str, list[str]]:
    with pytest.raises(grpc.RpcError) as caught:
        server.stub.ListTables(pb.ListTablesRequest(**fields))
    info, bad = details_of(caught.value)
    return caught.value.code(), info.reason, [one.field for one in bad.field_violations]


@pytest.fixture(scope="module")
def long_server(tmp_path_factory: pytest.TempPathFactory) -> Iterable[Server]:
    """A server with jobs whose tables no message has room for."""
    server = Server(tmp_path_factory.mktemp("long"))
    keep(
        server,
        {"tables": MANY_TABLES, "parts": MANY_PARTS, "old": OLD_NAMES, "small": MANY_PARTS[:1]},
    )
    with sqlite3.connect(server.state / DATABASE_NAME) as connection:
        # What no release writes, but a disk may hold: it cannot be a message.
        connection.execute("UPDATE job_status SET job_start_time = -1 WHERE job_id = 'small'")
    connection.close()
    yield server.start()
    server.kill()


# --- a job -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("job_id", "parts"), [("tables", MANY_TABLES), ("old", OLD_NAMES)])
def test_a_final_state_holds_the_first_tables_up_to_a_mebibyte(
    long_server: Server, job_id: str, parts: list[PartFile]
) -> None:
    job = long_server.job(job_id)
    [watched] = [response.data for response in long_server.watch(job_id)]
    assert watched == job
    assert (job.status, job.tables_total) == (pb.Job.DONE, len(parts))
    held = sum(table.ByteSize() for table in job.tables)
    assert 900 << 10 < held < 1 << 20
    assert parts_of(job.tables) == parts[: len(job.tables)]


def test_a_table_that_does_not_fit_is_left_out_rather_than_broken_off(long_server: Server) -> None:
    job = long_server.job("parts")
    assert (len(job.tables), job.tables_total) == (0, 1)


def test_a_job_that_was_not_done_has_no_tables(server: Server) -> None:
    job = server.convert("none.json")
    assert (job.status, job.tables_total) == (pb.Job.FAILED, 0)
    assert [list(page.data) for page in pages(server, job.job_id)] == [[]]


def test_one_job_that_cannot_be_sent_ends_no_list_and_no_stream_of_others(
    long_server: Server,
) -> None:
    listed = long_server.stub.ListJobs(pb.ListJobsRequest()).data
    assert [job.job_id for job in listed] == ["small", "old", "parts", "tables"]
    watched = long_server.stub.WatchJobs(pb.WatchJobsRequest(), timeout=60)
    states = [response.data for response in islice(watched, 4)]
    watched.cancel()
    assert [job.job_id for job in states] == ["tables", "parts", "old", "small"]
    assert (states[-1].status, states[-1].tables_total) == (pb.Job.DONE, 1)
    assert "job small: sent in parts only: ValueError" in long_server.log


def test_the_state_of_a_job_with_enormous_names_costs_no_enormous_memory(
    long_server: Server,
) -> None:
    process = psutil.Process(long_server.process.pid)
    before = process.memory_info().rss
    for _ in range(20):
        long_server.job("old")
    assert process.memory_info().rss - before < 40 << 20


def test_file_names_are_shown_up_to_their_bound_and_counted(server: Server) -> None:
    names = ["none.json", *(f"{'가' * 80}{n}" for n in range(3000))]
    job = server.wait(server.submit(*names))
    size = sum(len(name.encode()) + 3 for name in job.file_names)
    assert (256 << 10) - 300 < size <= 256 << 10
    assert list(job.file_names) == names[: len(job.file_names)]
    assert job.progress.files_total == len(names)
    assert job.ByteSize() < MOST_BYTES


def test_all_files_of_a_job_with_many_names_are_converted(server: Server) -> None:
    server.put("a.json", '[{"id":1}]')
    job = server.wait(server.submit(*["./" * 200 + "a.json"] * 1000, output="out"))
    assert (job.status, job.progress.records) == (pb.Job.DONE, 1000)
    assert len(job.file_names) < 1000


def test_an_id_that_is_too_long_to_be_repeated_is_refused(shared_server: Server) -> None:
    assert shared_server.job("x" * 65_536).status == pb.Job.NOTFOUND
    with pytest.raises(grpc.RpcError) as caught:
        shared_server.job("x" * 65_537)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


# --- tables in pages -------------------------------------------------------------------------


@pytest.mark.parametrize(("job_id", "parts"), [("tables", MANY_TABLES), ("old", OLD_NAMES)])
def test_all_tables_are_listed_in_pages_that_fit(
    long_server: Server, job_id: str, parts: list[PartFile]
) -> None:
    found = pages(long_server, job_id, page_size=1000)
    assert parts_of(table for page in found for table in page.data) == parts
    assert all(page.ByteSize() < MOST_BYTES for page in found)
    assert all(len(page.data) <= 1000 for page in found)


def test_a_table_with_more_parts_than_fit_goes_on_in_the_next_page(long_server: Server) -> None:
    found = pages(long_server, "parts")
    assert len(found) > 1
    assert all(len(page.data) == 1 and page.ByteSize() < MOST_BYTES for page in found)
    assert parts_of(table for page in found for table in page.data) == MANY_PARTS
    assert sum(page.data[0].rows for page in found) == 2 * len(MANY_PARTS)


def test_a_page_has_as_many_tables_as_asked_for(long_server: Server) -> None:
    sizes = [len(page.data) for page in islice(pages(long_server, "tables", 999), 5)]
    assert sizes == [999, 999, 999, 999, 4]
    first = long_server.stub.ListTables(pb.ListTablesRequest(job_id="tables"))
    assert len(first.data) == 100


def test_the_client_puts_a_broken_table_together(long_server: Server) -> None:
    with Client(long_server.address) as client:
        [table] = client.tables("parts")
        assert (table.rows, len(table.parts)) == (2 * len(MANY_PARTS), len(MANY_PARTS))
        assert parts_of(client.tables("tables", page_size=7)) == MANY_TABLES


def test_tables_of_the_same_name_in_several_sets_are_not_put_together(server: Server) -> None:
    for name in ("a.json", "b.json"):
        server.put(name, '[{"id":1}]')
    job = server.convert("a.json", "b.json", merge=False)
    assert job.tables_total == 2
    with Client(server.address) as client:
        tables = list(client.tables(job.job_id, page_size=1))
    assert tables == list(job.tables)


def test_a_list_of_tables_is_refused_where_it_makes_no_sense(long_server: Server) -> None:
    invalid = grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST"
    assert refusal(long_server) == (*invalid, ["job_id"])
    assert refusal(long_server, job_id="old", page_size=-1) == (*invalid, ["page_size"])
    token = pages(long_server, "tables", 1000)[0].next_page_token
    for bad in ("x", "한글", token + "x"):
        assert refusal(long_server, job_id="tables", page_token=bad) == (*invalid, ["page_token"])
    assert refusal(long_server, job_id="old", page_token=token) == (*invalid, ["page_token"])
    code, reason, _ = refusal(long_server, job_id="nobody")
    assert (code, reason) == (grpc.StatusCode.NOT_FOUND, "JOB_NOT_FOUND")


# --- which tables fit ------------------------------------------------------------------------


def test_tables_stay_whole_where_they_can() -> None:
    parts = [PartFile(name, f"{name}_{n}.csv", 1, 1) for name in "abc" for n in range(4)]
    numbered = list(enumerate(parts))

    def first(most_bytes: int, begin: int = 0, *, may_break: bool = True) -> tuple[object, ...]:
        left = iter(numbered[begin:])
        tables, following = first_tables(left, Format.CSV, 10, most_bytes, may_break=may_break)
        return [(table.name, len(table.parts)) for table in tables], following

    whole, following = first_tables(iter(numbered), Format.CSV, 10, 1 << 20, may_break=True)
    assert ([(table.name, *table.parts) for table in whole], following) == (
        [("a", *parts[:4]), ("b", *parts[4:8]), ("c", *parts[8:])],
        None,
    )
    two = first_tables(iter(numbered), Format.CSV, 2, 1 << 20, may_break=True)
    assert two == (whole[:2], 8)
    assert first(150) == ([("a", 4)], 4)
    assert first(50) == ([("a", 2)], 2)
    assert first(50, 2) == ([("a", 2)], 4)
    assert first(1, 2) == ([("a", 1)], 3)
    assert first(50, may_break=False) == ([], 0)
