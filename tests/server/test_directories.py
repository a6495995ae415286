"""Directories that are removed or replaced under a running server."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2

from myd.analysis.v1 import analysis_pb2 as pb
from tests.support.serving import PATIENCE_S, Hold, Server, details_of

MakeServer = Callable[..., Server]

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
LOST = (grpc.StatusCode.UNAVAILABLE, "DIRECTORY_LOST")


def remove(directory: Path) -> None:
    shutil.rmtree(directory)


def replace_by_nothing(directory: Path) -> None:
    shutil.rmtree(directory)
    directory.mkdir()


def replace_by_a_copy(directory: Path) -> None:
    directory.rename(directory.with_name("before"))
    shutil.copytree(directory.with_name("before"), directory)


def remove_the_log(directory: Path) -> None:
    (directory / "csv_status.db-wal").unlink()


def wait_for_health(server: Server, status: int) -> None:
    request = health_pb2.HealthCheckRequest()
    for answer in server.health.Watch(request, timeout=PATIENCE_S):
        if answer.status == status:
            return


@pytest.mark.parametrize("lose", [remove, replace_by_nothing, replace_by_a_copy, remove_the_log])
def test_without_its_state_directory_a_server_takes_no_calls(
    server: Server, lose: Callable[[Path], None]
) -> None:
    server.put("a.json", "[1]")
    before = server.convert("a.json")
    lose(server.state)
    assert server.refusal("a.json") == LOST
    with pytest.raises(grpc.RpcError) as caught:
        server.job(before.job_id)
    assert (caught.value.code(), details_of(caught.value)[0].reason) == LOST
    assert "removed or replaced" in str(caught.value.details())
    assert str(server.state) not in str(caught.value.details())
    wait_for_health(server, NOT_SERVING)
    server.wait_for_log("not serving: the")
    server.stop()


def test_watches_end_when_the_state_directory_is_lost(
    make_server: MakeServer, hold: Callable[[str], Hold]
) -> None:
    point = hold("converted")
    server = make_server(MYD_FAILPOINTS=point.setting, MYD_WORKERS="1").start()
    server.put("a.json", "[1]")
    held = server.submit("a.json")
    point.reached()
    queued = server.submit("a.json", output="other")
    everything = server.stub.WatchJobs(pb.WatchJobsRequest(), timeout=PATIENCE_S)
    streams = [server.watch(held), server.watch(queued), everything]
    begun = [next(stream).data.job_id for stream in streams]
    assert begun[:2] == [held, queued]
    assert begun[2] in (held, queued)  # whichever changed last
    away = server.state.with_name("away")
    server.state.rename(away)
    for stream in streams:
        with pytest.raises(grpc.RpcError) as caught:
            list(stream)
        assert (caught.value.code(), details_of(caught.value)[0].reason) == LOST
    away.rename(server.state)
    wait_for_health(server, SERVING)
    point.release()
    assert server.wait(queued).status == pb.Job.DONE


def test_watches_go_on_without_the_output_directory(
    make_server: MakeServer, hold: Callable[[str], Hold]
) -> None:
    point = hold("converted")
    server = make_server(MYD_FAILPOINTS=point.setting).start()
    server.put("a.json", "[1]")
    stream = server.watch(server.submit("a.json"))
    point.reached()
    away = server.output.with_name("away")
    server.output.rename(away)
    server.wait_for_log("not serving: the")
    away.rename(server.output)
    wait_for_health(server, SERVING)
    point.release()
    assert list(stream)[-1].data.status == pb.Job.DONE


def test_without_its_output_directory_a_server_takes_no_jobs(server: Server) -> None:
    server.put("a.json", "[1]")
    before = server.convert("a.json")
    replace_by_nothing(server.output)
    assert server.refusal("a.json") == LOST
    assert server.job(before.job_id) == before
    wait_for_health(server, NOT_SERVING)


def test_a_directory_that_comes_back_is_gone_on_with(
    make_server: MakeServer, hold: Callable[[str], Hold]
) -> None:
    point = hold("converted")
    server = make_server(MYD_FAILPOINTS=point.setting).start()
    server.put("a.json", "[1]")
    job_id = server.submit("a.json")
    point.reached()
    away = server.state.with_name("away")
    server.state.rename(away)
    wait_for_health(server, NOT_SERVING)
    point.release()
    server.wait_for_log(f"job {job_id}: state not recorded: the job database was removed")
    assert server.left_in_output() == {f".myd-{job_id}"}
    away.rename(server.state)
    assert server.wait(job_id).status == pb.Job.DONE
    wait_for_health(server, SERVING)
    assert server.convert("a.json", output="other").status == pb.Job.DONE


def test_a_second_server_in_the_place_of_the_first_is_the_only_one_that_serves(
    make_server: MakeServer,
) -> None:
    first = make_server().start()
    first.put("a.json", "[1]")
    remove(first.state)
    remove(first.output)
    second = make_server(
        MYD_DATA_DIR=str(first.data),
        MYD_STATE_DIR=str(first.state),
        MYD_OUTPUT_DIR=str(first.output),
    ).start()
    assert first.refusal("a.json") == LOST
    assert second.convert("a.json").status == pb.Job.DONE


def test_a_database_that_is_a_link_is_served(make_server: MakeServer) -> None:
    server = make_server()
    server.state.mkdir()
    elsewhere = server.home / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "jobs.db").touch()
    (server.state / "csv_status.db").symlink_to(elsewhere / "jobs.db")
    server.start()
    server.put("a.json", "[1]")
    done = server.convert("a.json")
    assert server.restart().job(done.job_id) == done
    (elsewhere / "jobs.db-wal").unlink()
    assert server.refusal("a.json") == LOST


def test_a_pipe_in_the_place_of_the_database_does_not_keep_a_start_waiting(
    make_server: MakeServer,
) -> None:
    server = make_server()
    server.state.mkdir()
    os.mkfifo(server.state / "csv_status.db")
    server.begin()
    assert server.process.wait(PATIENCE_S) == 1
    assert "csv_status.db is not a regular file; it is left as it is" in server.log
