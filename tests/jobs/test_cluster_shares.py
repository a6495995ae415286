"""Jobs whose files are spread over the nodes of a real Ray cluster."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from tests.support.serving import PATIENCE_S, Hold, Server, tree

if os.environ.get("CI") != "true":
    pytest.importorskip("ray", reason="left out: workers on a cluster, as there is no Ray")

from tests.support.ray_cluster import SLOWLY, Cluster, MakeServer, Node, saved, start, stopped

pytestmark = pytest.mark.timeout(300)


def text(number: int, records: int) -> str:
    return json.dumps(
        [{"id": n, "x": [{"a": n}] * (number % 3), f"k{n // 90}": "글"} for n in range(records)]
    )


MANY = [text(number, 3 + number % 40) for number in range(200)]
FEW = [text(number, 1500) for number in range(1, 5)]
LONG = [text(number, 900) for number in range(8)]
BAD = text(5, 400)[:-1] + ', {"id": nonsense}]'


def put(server: Server, texts: list[str]) -> list[str]:
    return [server.put(f"f{number:03}.json", text) for number, text in enumerate(texts)]


def told(job: pb.Job) -> tuple[Any, ...]:
    """What a caller is told of a job in the end, but for its id, times and revisions."""
    shown = pb.Job()
    shown.CopyFrom(job)
    for name in ("job_id", "revision", "submit_time", "job_start_time", "job_end_time"):
        shown.ClearField(name)
    return shown.SerializeToString(deterministic=True), shown.reason, shown.msg


def left_in_the_end(server: Server, wanted: set[str]) -> bool:
    """Whether no more than that is left in the output, once what was staged is removed."""
    deadline = time.monotonic() + PATIENCE_S
    while (left := server.left_in_output()) != wanted and time.monotonic() < deadline:
        time.sleep(0.01)
    return left == wanted


def alone(make_server: MakeServer, texts: list[str]) -> tuple[pb.Job, dict[str, bytes]]:
    """What a server makes of the files by itself, with one worker."""
    server = make_server(**SLOWLY).start()
    job = server.convert(*put(server, texts), merge=False)
    server.stop()
    return job, tree(server.output)


class Nodes:
    """Nodes with a slot each, of which every worker waits at a point until it is released."""

    def __init__(self, cluster: Cluster, home: Path) -> None:
        self._cluster = cluster
        self._home = home
        self.nodes: list[Node] = []
        self.points: list[Hold] = []

    def add(self, point: str, when: str = "") -> None:
        home = self._home / f"node{len(self.nodes)}"
        home.mkdir()
        self.points.append(Hold(home, point))
        setting = f"{self.points[-1].setting}{when}"
        self.nodes.append(self._cluster.add(MYD_FAILPOINTS=setting))
        self.nodes[-1].wait()

    def reached(self) -> None:
        """Return when a worker waits on each of them."""
        for point in self.points:
            point.reached()

    def release(self) -> None:
        for point in self.points:
            point.release()

    def actors(self) -> list[list[psutil.Process]]:
        """The actors of each."""
        return [node.actors() for node in self.nodes]


@pytest.fixture
def nodes(cluster: Cluster, tmp_path: Path) -> Nodes:
    """No node as yet."""
    return Nodes(cluster, tmp_path)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_it_comes_to_the_same_on_any_number_of_nodes(
    make_server: MakeServer, cluster: Cluster, nodes: Nodes, count: int
) -> None:
    for _ in range(count):
        nodes.add("worker_started")
    server = start(make_server, cluster, **SLOWLY)
    server.wait_for_log(f"has slots for {count} workers")
    few = server.submit(*put(server, FEW), merge=False, output="few")
    nodes.reached()
    assert [len(actors) for actors in nodes.actors()] == [1] * count
    nodes.release()
    wanted, files = alone(make_server, FEW)
    assert told(server.wait(few))[1:] == told(wanted)[1:]
    assert list(tree(server.output / "few").values()) == list(files.values())
    wanted, files = alone(make_server, MANY)
    job = server.convert(*put(server, MANY), merge=False)
    assert told(job) == told(wanted)
    assert tree(server.output) == files | {
        f"few/{name}": data for name, data in tree(server.output / "few").items()
    }
    assert left_in_the_end(server, {"out", "few"})
    assert server.convert(*put(server, MANY[:9]), merge=True, output="merged").status == pb.Job.DONE


@pytest.mark.parametrize("lost", ["worker", "actor", "node"])
def test_what_is_lost_on_the_way_is_gone_on_with_elsewhere(
    make_server: MakeServer, cluster: Cluster, nodes: Nodes, lost: str
) -> None:
    nodes.add("batch_written", "@20")
    nodes.add("worker_started")
    server = start(make_server, cluster, **SLOWLY)
    server.wait_for_log("has slots for 2 workers")
    job_id = server.submit(*put(server, LONG), merge=False)
    nodes.reached()
    saved(server, job_id)
    (actor,) = nodes.nodes[0].actors()
    match lost:
        case "node":
            nodes.nodes[0].lose()
        case "actor":
            actor.kill()
        case _:
            actor.children()[0].kill()
    nodes.release()
    wanted, files = alone(make_server, LONG)
    assert told(server.wait(job_id)) == told(wanted)
    assert tree(server.output) == files
    assert left_in_the_end(server, {"out"})


def test_the_next_server_goes_on_with_all_shares(
    make_server: MakeServer, cluster: Cluster, nodes: Nodes
) -> None:
    for _ in range(2):
        nodes.add("batch_written", "@20")
    server = start(make_server, cluster, **SLOWLY)
    server.wait_for_log("has slots for 2 workers")
    job_id = server.submit(*put(server, LONG), merge=False)
    nodes.reached()
    saved(server, job_id)
    server.kill()
    nodes.release()
    server.start()
    wanted, files = alone(make_server, LONG)
    assert told(server.wait(job_id)) == told(wanted)
    assert tree(server.output) == files
    assert "goes on from its checkpoint" in server.log


def test_cancelling_ends_the_workers_on_all_nodes(
    make_server: MakeServer, cluster: Cluster, nodes: Nodes
) -> None:
    for _ in range(2):
        nodes.add("batch_written")
    server = start(make_server, cluster, **SLOWLY)
    server.wait_for_log("has slots for 2 workers")
    job_id = server.submit(*put(server, LONG), merge=False)
    nodes.reached()
    actors = [actor for one in nodes.actors() for actor in one]
    assert len(actors) == 2
    job = server.cancel(job_id)
    assert (job.status, job.reason) == (pb.Job.FAILED, "CANCELLED")
    for actor in actors:
        actor.wait(PATIENCE_S)
    assert tree(server.output) == {}


def test_the_first_file_that_fails_is_told_of(
    make_server: MakeServer, cluster: Cluster, nodes: Nodes
) -> None:
    texts = [*LONG[:3], BAD, *LONG[3:5], BAD]
    for _ in range(2):
        nodes.add("worker_started")
    server = start(make_server, cluster, **SLOWLY)
    server.wait_for_log("has slots for 2 workers")
    job_id = server.submit(*put(server, texts), merge=False)
    nodes.reached()
    nodes.release()
    wanted, _ = alone(make_server, texts)
    assert told(server.wait(job_id))[1:] == told(wanted)[1:]
    assert wanted.msg.startswith("f003.json: ")
    assert server.left_in_output() == set()


def test_a_node_that_is_cut_off_changes_nothing_when_it_comes_back(
    make_server: MakeServer, cluster: Cluster, nodes: Nodes
) -> None:
    wanted, files = alone(make_server, LONG)
    nodes.add("batch_written", "@20")
    cluster.add().wait()
    server = start(make_server, cluster, **SLOWLY, MYD_STALL_SECONDS="2")
    server.wait_for_log("has slots for 2 workers")
    job_id = server.submit(*put(server, LONG), merge=False)
    nodes.reached()  # which a worker does not survive for long
    (actor,) = nodes.nodes[0].actors()
    with stopped(actor, *actor.children()):
        nodes.release()
        assert told(server.wait(job_id)) == told(wanted)
        assert tree(server.output) == files
    actor.wait(PATIENCE_S)  # what it was ended by waited for it
    assert tree(server.output) == files
    assert "said nothing for 2 s" in server.log


def test_a_job_that_waits_gets_a_slot_back(
    make_server: MakeServer, cluster: Cluster, nodes: Nodes
) -> None:
    for _ in range(2):
        nodes.add("batch_written", "@20")
    server = start(make_server, cluster, **SLOWLY)
    server.wait_for_log("has slots for 2 workers")
    first = server.submit(*put(server, LONG), merge=False)
    nodes.reached()
    second = server.submit("f000.json", output="second")
    states = server.watch(second)
    assert any(one.data.phase == pb.Job.PHASE_CONVERTING for one in states)
    assert server.job(first).status == pb.Job.WORKING
    nodes.release()
    assert server.wait(second).status == pb.Job.DONE
    wanted, files = alone(make_server, LONG)
    assert told(server.wait(first)) == told(wanted)
    assert tree(server.output / "out") == {
        name.partition("/")[2]: data for name, data in files.items()
    }
