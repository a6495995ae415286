"""Workers, actors, nodes and servers of a cluster that are lost, cut off, or come back."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.codec import encode
from myd_grpc.jobs.worker.cluster.executor import PROGRAM
from myd_grpc.jobs.worker.cluster.frames import Frame, Kind, Setup, encode_frame
from myd_grpc.jobs.worker.places import Places
from tests.support.ray_cluster import (
    SLOWLY,
    TEXT,
    Cluster,
    MakeServer,
    held_job,
    require_ray,
    saved,
    start,
    stopped,
)
from tests.support.serving import PATIENCE_S, ROOT, Hold, Server, lasting_address, tree

require_ray()

pytestmark = pytest.mark.timeout(300)

SOAK = pytest.mark.soak


def replacing(server: Server) -> str:
    """The job_id of one that replaces a set that is there."""
    (server.output / "out").mkdir()
    (server.output / "out" / "old.csv").write_text("old")
    server.put("a.json", TEXT)
    return server.submit("a.json", overwrite=True)


@pytest.mark.parametrize(
    "lost", [pytest.param("worker", marks=SOAK), "actor", pytest.param("node", marks=SOAK)]
)
def test_what_is_lost_on_the_way_is_gone_on_with_elsewhere(
    make_server: MakeServer,
    cluster: Cluster,
    hold: Callable[[str], Hold],
    expected: dict[str, bytes],
    lost: str,
) -> None:
    one = held_job(make_server, cluster, hold("batch_written"))
    cluster.add()
    match lost:
        case "node":
            one.node.lose()
        case "actor":
            one.node.actors()[0].kill()
        case _:
            one.node.worker().kill()
    one.point.release()
    job = one.server.wait(one.job_id)
    assert (job.status, job.reason) == (pb.Job.DONE, "")
    assert tree(one.server.output) == expected
    assert "goes on from its checkpoint" in one.server.log


@SOAK
def test_the_third_loss_of_a_job_ends_it(make_server: MakeServer, cluster: Cluster) -> None:
    cluster.add(MYD_FAILPOINTS="worker_started=kill")
    server = start(make_server, cluster)
    server.put("a.json", "[1]")
    job = server.convert("a.json")
    assert (job.status, job.reason) == (pb.Job.FAILED, "WORKER_DIED")
    assert "was ended by signal 9" in job.msg
    assert server.log.count("another one goes on") == 2
    assert server.left_in_output() == set()


@SOAK
def test_a_worker_on_a_node_that_does_nothing_is_ended(
    make_server: MakeServer,
    cluster: Cluster,
    hold: Callable[[str], Hold],
    expected: dict[str, bytes],
) -> None:
    one = held_job(make_server, cluster, hold("batch_written"), MYD_STALL_SECONDS="10")
    with stopped(one.node.worker()):
        one.point.release()
        assert one.server.wait(one.job_id).status == pb.Job.DONE
    assert tree(one.server.output) == expected
    assert "the worker process did nothing for 10 s and was ended" in one.server.log


@SOAK
def test_a_job_on_a_node_is_cancelled(
    make_server: MakeServer, cluster: Cluster, hold: Callable[[str], Hold]
) -> None:
    one = held_job(make_server, cluster, hold("batch_written"))
    worker = one.node.worker()
    assert one.server.cancel(one.job_id).reason == "CANCELLED"
    worker.wait(PATIENCE_S)
    assert one.point.abandoned()
    assert one.server.left_in_output() == set()


@SOAK
def test_what_a_killed_server_had_on_nodes_ends_and_the_next_goes_on(
    make_server: MakeServer,
    cluster: Cluster,
    hold: Callable[[str], Hold],
    expected: dict[str, bytes],
) -> None:
    one = held_job(make_server, cluster, hold("batch_written"))
    server, (actor,), worker = one.server, one.node.actors(), one.node.worker()
    server.kill()
    actor.wait(PATIENCE_S)
    worker.wait(PATIENCE_S)
    server.start()
    one.point.release()
    assert server.wait(one.job_id).status == pb.Job.DONE
    assert tree(server.output) == expected
    server.stop()  # what is tidied up after the end of a job has been tidied up by then
    assert server.left_in_output() == {"out"}


def test_a_driver_whose_server_has_ended_before_it_began_joins_no_cluster() -> None:
    setup, server = os.pipe()
    told = encode(Setup(Places("/", "/"), 60, 0)).encode()
    os.write(server, encode_frame(Frame(Kind.SETUP, 0, told)))
    os.close(server)
    command = [sys.executable, "-P", "-m", PROGRAM, lasting_address()]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, stdin=setup, stdout=subprocess.PIPE, env=environ, check=True)
    os.close(setup)
    assert done.stdout == b""


@SOAK
def test_the_next_server_goes_on_beside_itself(
    make_server: MakeServer,
    cluster: Cluster,
    hold: Callable[[str], Hold],
    expected: dict[str, bytes],
) -> None:
    one = held_job(make_server, cluster, hold("batch_written"))
    server = one.server
    server.kill()
    server.start(MYD_EXECUTOR="local")
    assert server.wait(one.job_id).status == pb.Job.DONE
    assert tree(server.output) == expected
    server.stop()
    assert server.left_in_output() == {"out"}


@SOAK
@pytest.mark.parametrize("what", ["actor", "node"])
@pytest.mark.parametrize("meanwhile", ["works", "has ended"])
@pytest.mark.parametrize("where", ["batch_written@200", "converted", "worker_started"])
def test_what_was_cut_off_changes_nothing_when_it_comes_back(
    make_server: MakeServer,
    cluster: Cluster,
    hold: Callable[[str], Hold],
    expected: dict[str, bytes],
    what: str,
    meanwhile: str,
    where: str,
) -> None:
    """It comes back while another goes on with its job, or after that has replaced a set."""
    name, *time = where.split("@")
    point = hold(name)
    node = cluster.add(MYD_FAILPOINTS="@".join([point.setting, *time]))
    # Ray notices the loss of a node; of an actor alone, it does not. The other node has to be there
    # by then, which takes long on a busy machine: the first one would take the job again.
    stall_s = "300" if what == "node" else "40"
    server = start(make_server, cluster, MYD_STALL_SECONDS=stall_s, **SLOWLY)
    # One that goes on from the last checkpoint has few batches left, or none.
    later, *when = ("worker_started" if name == "converted" else "batch_written@20").split("@")
    other = Hold(server.home, later)
    job_id = replacing(server)
    point.reached()
    if time:
        saved(server, job_id)
    (actor,) = node.actors()
    frozen = node.tree() if what == "node" else [actor, *actor.children()]
    with stopped(*frozen):
        point.release()
        cluster.add(slots=2, MYD_FAILPOINTS="@".join([other.setting, *when]))
        other.reached()
        if what == "node":
            server.wait_for_log("has slots for 2 workers")
        if meanwhile == "has ended":
            other.release()
            ended = server.wait(job_id)
    actor.wait(PATIENCE_S)  # what it was ended by waited for it
    if meanwhile == "works":
        other.release()
        ended = server.wait(job_id)
    assert ended.status == pb.Job.DONE
    assert tree(server.output) == expected
    assert_unchanged_after_a_restart(server, ended, expected)


def assert_unchanged_after_a_restart(
    server: Server, job: pb.Job, expected: dict[str, bytes]
) -> None:
    server.restart(MYD_EXECUTOR="local")
    assert server.job(job.job_id) == job
    assert tree(server.output) == expected
    assert server.left_in_output() == {"out"}
