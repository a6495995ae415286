"""Jobs whose workers run on the nodes of a real Ray cluster."""

from __future__ import annotations

import platform
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from tests.support.ray_cluster import (
    SLOWLY,
    TEXT,
    Cluster,
    MakeServer,
    Node,
    held_job,
    require_ray,
    start,
    waits_for,
)
from tests.support.serving import PATIENCE_S, ROOT, Hold, Server, tree
from tests.support.set_files import tables_in

ray = require_ray()

pytestmark = pytest.mark.timeout(300)


def sets(server: Server, name: str) -> list[bytes]:
    """The files of tables in the set of that name, in the order of their names."""
    return list(tables_in(tree(server.output / name)).values())


def wait_for_spare(node: Node) -> None:
    """Return when the node's actor has started a worker for the next task."""
    (actor,) = node.actors()
    deadline = time.monotonic() + PATIENCE_S
    while len(actor.children()) < 2:
        assert time.monotonic() < deadline, "there is no spare"
        time.sleep(0.01)


def test_jobs_are_done_on_the_nodes_with_the_same_bytes(
    make_server: MakeServer,
    cluster: Cluster,
    hold: Callable[[str], Hold],
    expected: dict[str, bytes],
) -> None:
    point = hold("converted")
    node = cluster.add(MYD_FAILPOINTS=point.setting)
    server = start(make_server, cluster, **SLOWLY)
    (server.home / "myd_grpc.py").write_text("raise SystemExit('this is run by nobody')")
    server.put("a.json", TEXT)
    names = ["first", "second", "third"]
    jobs = [server.submit("a.json", output=name) for name in names]
    point.reached()
    wait_for_spare(node)  # then the first worker is ended as the second job begins
    point.release()
    assert {server.wait(job_id).status for job_id in jobs} == {pb.Job.DONE}
    assert all(sets(server, name) == list(tables_in(expected).values()) for name in names)
    assert len(node.actors()) == 1  # it did them all
    (actor,) = node.actors()
    assert "_raylet" not in Path(f"/proc/{server.process.pid}/maps").read_text()
    server.stop()
    actor.wait(PATIENCE_S)
    assert server.left_in_output() == set(names)


@pytest.mark.soak
def test_the_files_of_a_job_are_done_on_several_nodes_at_once(
    make_server: MakeServer, cluster: Cluster, tmp_path: Path
) -> None:
    names = [f"{number}.json" for number in range(8)]
    alone, server = make_server(**SLOWLY).start(), start(make_server, cluster, **SLOWLY)
    points = []
    for place in ("one", "other"):
        (tmp_path / place).mkdir()
        points.append(Hold(tmp_path / place, "converted"))
        cluster.add(MYD_FAILPOINTS=points[-1].setting)
        server.wait_for_log(f"has slots for {len(points)} workers")
    jobs = {}
    for one in (alone, server):
        for name in names:
            one.put(name, TEXT)
        jobs[one] = one.submit(*names, merge=False)
    for point in points:  # each node has done some of them, and waits for the other
        point.reached()
    for point in points:
        point.release()
    assert {one.wait(job_id).status for one, job_id in jobs.items()} == {pb.Job.DONE}
    assert tree(server.output) == tree(alone.output)
    server.stop()
    assert server.left_in_output() == {path.partition("/")[0] for path in tree(alone.output)}


@pytest.mark.soak
def test_a_job_waits_in_the_queue_for_a_node(
    make_server: MakeServer, cluster: Cluster, hold: Callable[[str], Hold]
) -> None:
    point = hold("converted")
    server = start(make_server, cluster)
    server.put("a.json", "[1]")
    server.wait_for_log("has slots for 0 workers")
    first, second = (server.submit("a.json", output=name) for name in ("first", "second"))
    said = waits_for(server, first, "the cluster has no slots for workers")
    assert "the resource myd" in said
    assert [server.job(one).phase for one in (first, second)] == [pb.Job.PHASE_QUEUED] * 2
    assert server.job(second).msg == ""
    assert server.cancel(first).reason == "CANCELLED"
    waits_for(server, second, "the cluster has no slots for workers")
    first, second = second, server.submit("a.json", output="third")
    server.restart()
    waits_for(server, first, "the cluster has no slots for workers")
    cluster.add(MYD_FAILPOINTS=point.setting)
    point.reached()
    assert (server.job(first).phase, server.job(first).msg) == (pb.Job.PHASE_CONVERTING, "")
    assert (server.job(second).phase, server.job(second).msg) == (pb.Job.PHASE_QUEUED, "")
    point.release()
    assert {server.wait(job).status for job in (first, second)} == {pb.Job.DONE}


@pytest.mark.soak
def test_jobs_wait_for_a_cluster_that_is_started_again(
    make_server: MakeServer,
    cluster: Cluster,
    hold: Callable[[str], Hold],
    expected: dict[str, bytes],
) -> None:
    job = held_job(make_server, cluster, hold("batch_written"))
    server, job_id = job.server, job.job_id
    cluster.lose()
    job.point.release()
    server.wait_for_log("no worker is to be had of the cluster")
    waiting = server.submit("a.json", output="waiting")
    assert server.job(job_id).status == pb.Job.WORKING
    assert server.job(waiting).phase == pb.Job.PHASE_QUEUED
    cluster.start()
    cluster.add()
    assert {server.wait(job).status for job in (job_id, waiting)} == {pb.Job.DONE}
    assert sets(server, "out") == sets(server, "waiting") == list(tables_in(expected).values())


@pytest.mark.soak
@pytest.mark.parametrize("missing", [False, True])
def test_a_node_without_this_build_is_refused(
    make_server: MakeServer, cluster: Cluster, tmp_path: Path, missing: bool
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    if missing:
        (other / "myd_grpc.py").touch()
    else:
        (other / "myd").symlink_to(ROOT / "myd")
        shutil.copytree(ROOT / "myd_grpc", other / "myd_grpc")
        with (other / "myd_grpc" / "build.py").open("a") as source:
            source.write("# another one\n")
    cluster.add(PYTHONPATH=str(other))
    server = start(make_server, cluster)
    server.put("a.json", "[1]")
    said = waits_for(server, server.submit("a.json"), "build of myd")
    assert missing or said.endswith("install the same on all")


@pytest.mark.parametrize(
    "versions",
    [{"ray_version": "2.0.0"}, pytest.param({"python_version": "3.9.1"}, marks=pytest.mark.soak)],
)
def test_a_cluster_of_other_versions_is_named(
    make_server: MakeServer, cluster: Cluster, versions: dict[str, str]
) -> None:
    cluster.claim_versions(**versions)
    server = start(make_server, cluster)
    server.put("a.json", "[1]")
    said = waits_for(server, server.submit("a.json"), "another version of Ray or Python")
    assert f"({ray.__version__} and {platform.python_version()}): install the same" in said


@pytest.mark.soak
def test_a_job_waits_for_a_slot_that_another_server_has(
    make_server: MakeServer, cluster: Cluster, hold: Callable[[str], Hold]
) -> None:
    point = hold("converted")
    cluster.add(MYD_FAILPOINTS=point.setting)
    first, second = start(make_server, cluster), start(make_server, cluster)
    for server in (first, second):
        server.put("a.json", "[1]")
    working = first.submit("a.json")
    point.reached()
    waiting = second.submit("a.json")
    next_one = second.submit("a.json", output="next")
    waits_for(second, waiting, "no node has a free slot")
    assert second.cancel(waiting).reason == "CANCELLED"
    point.release()
    assert first.wait(working).status == pb.Job.DONE
    first.stop()
    assert second.wait(next_one).status == pb.Job.DONE


@pytest.mark.soak
@pytest.mark.parametrize("directory", ["data", "output"])
def test_a_node_that_sees_other_directories_ends_no_job(
    make_server: MakeServer, cluster: Cluster, directory: str
) -> None:
    """Another node may see what the server sees: a job waits for one."""
    server = make_server(MYD_EXECUTOR="ray", MYD_RAY_ADDRESS=cluster.address)
    hidden = server.data if directory == "data" else server.output
    node = cluster.add(hiding=hidden)
    server.start()
    server.put("a.json", "[1]")
    job_id = server.submit("a.json")
    waits_for(server, job_id, f"the same directory of {directory}")
    node.lose()
    cluster.add()
    assert server.wait(job_id).status == pb.Job.DONE
