"""Crashes and failures while a confined caller's set is published: all happens in its directory."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from tests.support.serving import Hold, Server, tree
from tests.support.set_files import tables_in
from tests.support.teams import As, put, staged, start, table

MakeServer = Callable[..., Server]
BOSS = table("boss", "", "admin")
SET = "team-a/out/out_1.csv"


@pytest.fixture
def server(make_server: MakeServer) -> Server:
    """A server on which Alice has a set, whose input is another one by now."""
    server = start(make_server())
    put(server)
    assert As(server, "alice").convert("a.json").status == pb.Job.DONE
    assert b"team-a" in tree(server.output)[SET]
    server.put("team-a/a.json", '[{"whose":"hers"}]')
    server.stop()
    return server


@pytest.mark.one_in(3)
@pytest.mark.parametrize("point", ["before_publish", "after_rename", "exchange", "put_aside"])
def test_a_set_is_published_where_it_belongs_after_a_crash(
    server: Server, hold: Callable[[str], Hold], point: str
) -> None:
    """Also when its caller is no longer known."""
    held = hold(point)
    cannot = "exchange=error:EINVAL;" if point == "put_aside" else ""
    start(server, MYD_FAILPOINTS=cannot + held.setting)
    job_id = As(server, "alice").submit("a.json", overwrite=True)
    held.reached()
    server.kill()
    held.release()
    start(server, BOSS, MYD_FAILPOINTS="")
    job = As(server, "boss").wait(job_id)
    assert (job.status, job.output_dir) == (pb.Job.DONE, "team-a/out")
    assert list(tables_in(tree(server.output))) == [SET]
    assert b"hers" in tree(server.output)[SET]
    server.stop()
    assert staged(server) == []


def test_a_job_goes_on_from_its_checkpoint_where_it_belongs(
    server: Server, hold: Callable[[str], Hold]
) -> None:
    server.put("team-a/long.json", "[" + ",".join(['{"a":1}'] * 5000) + "]")
    held = hold("after_checkpoint_commit")
    settings = {"MYD_FILE_SEP_SIZE": "100", "MYD_CHECKPOINT_SECONDS": "0.001"}
    start(server, MYD_FAILPOINTS=held.setting, MYD_ENGINE="python", **settings)
    job_id = As(server, "alice").submit("long.json", "long")
    held.reached()
    assert staged(server) == [f"team-a/.myd-{job_id}"]
    server.kill()
    held.release()
    start(server, BOSS, MYD_FAILPOINTS="")
    job = As(server, "boss").wait(job_id)
    assert (job.status, job.output_dir, job.progress.rows) == (pb.Job.DONE, "team-a/long", 5000)
    assert f"job {job_id}: goes on from its checkpoint" in server.log


def test_a_publication_that_cannot_be_made_to_last_is_taken_back(server: Server) -> None:
    before = tree(server.output)
    start(server, MYD_FAILPOINTS="after_rename=error:EIO")
    job = As(server, "alice").convert("a.json", overwrite=True)
    assert (job.status, job.reason) == (pb.Job.FAILED, "OUTPUT_UNAVAILABLE")
    assert str(server.home) not in job.msg
    assert tree(server.output) == before
    assert staged(server) == []


def test_what_a_crash_has_left_is_removed_at_the_next_start(server: Server) -> None:
    before, left = tree(server.output), server.output / "team-a" / f".myd-{'0' * 32}"
    left.mkdir()
    (left / "out_1.csv").touch()
    start(server)
    assert staged(server) == []
    assert tree(server.output) == before


def test_a_directory_that_is_gone_is_made_anew(server: Server, hold: Callable[[str], Hold]) -> None:
    held = hold("converted")
    start(server, MYD_FAILPOINTS=held.setting)
    job_id = As(server, "alice").submit("a.json", overwrite=True)
    held.reached()
    server.kill()
    held.release()
    (server.output / "team-a").rename(server.home / "away")
    start(server, MYD_FAILPOINTS="")
    job = As(server, "alice").wait(job_id)
    assert (job.status, job.output_dir) == (pb.Job.DONE, "team-a/out")
    assert list(tables_in(tree(server.output))) == [SET]
