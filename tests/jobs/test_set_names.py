"""Names of output sets that file systems or people would take for one another."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from itertools import chain
from pathlib import Path

import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.callers.model import ANYBODY
from myd_grpc.jobs.model import Phase
from myd_grpc.jobs.store.migrations import APPLICATION_ID, STEPS
from myd_grpc.jobs.store.store import DATABASE_NAME, JobStore
from tests.support.nasty import NFC_HAN, NFD_HAN
from tests.support.serving import Hold, Server, tree
from tests.support.set_files import tables_in

MakeServer = Callable[..., Server]

ALIKE = [("out", "OUT"), (NFC_HAN, NFD_HAN), ("Straße", "STRASSE"), ("E\u0301", "é")]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_names_that_differ_in_form_alone_are_one_set(server: Server, one: str, other: str) -> None:
    server.put("a.json", "[1]")
    server.put("b.json", "[2]")
    assert server.convert("a.json", output=one).status == pb.Job.DONE
    code, reason = server.refusal("b.json", output=other, overwrite=False)
    assert (code.name, reason) == ("ALREADY_EXISTS", "OUTPUT_EXISTS")
    job = server.convert("b.json", output=other, overwrite=True)
    assert (job.status, job.output_dir) == (pb.Job.DONE, other)
    # The set that was replaced is gone, and the new one bears the name that was asked for.
    server.wait_for_log(f"job {job.job_id}: DONE")
    shown = tables_in(tree(server.output))
    assert list(shown) == [f"{other}/{other}_1.csv"]
    assert b"2" in shown[f"{other}/{other}_1.csv"]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_two_jobs_do_not_write_one_set_in_two_forms(
    make_server: MakeServer, hold: Callable[[str], Hold], one: str, other: str
) -> None:
    point = hold("converted")
    server = make_server(MYD_FAILPOINTS=point.setting).start()
    server.put("a.json", "[1]")
    job_id = server.submit("a.json", output=one)
    with point.at_point():
        code, reason = server.refusal("a.json", output=other)
        assert (code.name, reason) == ("ALREADY_EXISTS", "OUTPUT_BUSY")
    assert server.wait(job_id).status == pb.Job.DONE


def test_a_set_that_appeared_in_another_form_is_not_replaced_unasked(
    make_server: MakeServer, hold: Callable[[str], Hold]
) -> None:
    point = hold("converted")
    server = make_server(MYD_FAILPOINTS=point.setting).start()
    server.put("a.json", "[1]")
    job_id = server.submit("a.json", output="out", overwrite=False)
    with point.at_point():
        (server.output / "OUT").mkdir()
    job = server.wait(job_id)
    assert (job.status, job.reason) == (pb.Job.FAILED, "OUTPUT_UNAVAILABLE")
    assert server.left_in_output() == {"OUT"}


def test_what_is_no_directory_is_in_the_way_in_any_form(server: Server) -> None:
    server.put("a.json", "[1]")
    (server.output / "OUT").touch()
    job = server.convert("a.json", output="out", overwrite=True)
    assert (job.status, job.reason) == (pb.Job.FAILED, "OUTPUT_UNAVAILABLE")
    assert server.left_in_output() == {"OUT"}


@pytest.mark.parametrize(
    "name", ["a\x85b", "a\x9f", "\u202egpj", "a\u200eb", "a\u2066b", "\u061ca"]
)
def test_a_name_that_is_not_read_as_it_is_written_is_refused(
    shared_server: Server, name: str
) -> None:
    shared_server.put("a.json", "[1]")
    code, reason = shared_server.refusal("a.json", output=name)
    assert (code.name, reason) == ("INVALID_ARGUMENT", "INVALID_REQUEST")


async def test_jobs_that_were_told_apart_before_both_go_on(tmp_path: Path) -> None:
    """In a database of the version before, two forms of a name may be worked on at once."""
    with closing(sqlite3.connect(tmp_path / DATABASE_NAME)) as old, old:
        for statement in chain.from_iterable(STEPS[:2]):
            old.execute(statement)
        old.execute("INSERT INTO meta VALUES (1, 3, x'00')")
        old.executemany(
            "INSERT INTO job_status (job_id, status, phase, revision, submit_revision, submit_time,"
            " files_total, file_names, output_file_name, merge, csv_profile, layout, record_path,"
            " id_field, overwrite) "
            "VALUES (?, ?, ?, ?, ?, 1, 1, '[\"in\"]', ?, 1, 'EXCEL', 'AUTO', '', '', 1)",
            [
                ("j1", "WORKING", "QUEUED", 1, 1, "out"),
                ("j2", "WORKING", "QUEUED", 2, 2, "OUT"),
                ("j3", "FAILED", "ENDED", 3, 3, "Else"),
            ],
        )
        old.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        old.execute("PRAGMA user_version = 2")
    store = JobStore(tmp_path, lambda _: None)
    try:
        jobs = [await store.get(ANYBODY, job_id) for job_id in ("j1", "j2")]
        assert [job and job.phase for job in jobs] == [Phase.QUEUED] * 2
    finally:
        store.close()
    with closing(sqlite3.connect(tmp_path / DATABASE_NAME)) as new:
        keys = dict(new.execute("SELECT job_id, output_key FROM job_status").fetchall())
    assert keys == {"j1": "out", "j2": "out/j2", "j3": "else"}
