"""Jobs whose files are spread over the nodes of a real Ray cluster."""

from __future__ import annotations

from pathlib import Path

import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from tests.support.ray_cluster import (
    SLOWLY,
    Cluster,
    MakeServer,
    require_ray,
    saved,
    start,
    stopped,
)
from tests.support.serving import PATIENCE_S, is_left_in, tree
from tests.support.set_files import tables_in
from tests.support.spread_jobs import LONG, Nodes, alone, files_as_alone, put, text, told

require_ray()

pytestmark = pytest.mark.timeout(300)


MANY = [text(number, 3 + number % 40) for number in range(200)]
FEW = [text(number, 1500) for number in range(1, 5)]
BAD = text(5, 400)[:-1] + ', {"id": nonsense}]'


@pytest.fixture
def nodes(cluster: Cluster, tmp_path: Path) -> Nodes:
    """No node as yet."""
    return Nodes(cluster, tmp_path)


@pytest.mark.soak
@pytest.mark.parametrize("count", [1, 2, 3])
def test_it_comes_to_the_same_on_any_number_of_nodes(
    make_server: MakeServer, cluster: Cluster, nodes: Nodes, count: int
) -> None:
    for _ in range(count):
        nodes.add("worker_started")
    server = start(make_server, cluster, **SLOWLY)
    few = nodes.begin(server, FEW, output="few")
    assert [len(actors) for actors in nodes.actors()] == [1] * count
    nodes.release()
    wanted, files = alone(make_server, FEW)
    assert told(server.wait(few))[1:] == told(wanted)[1:]
    found = tables_in(tree(server.output / "few"))
    assert list(found.values()) == list(tables_in(files).values())
    wanted, files = alone(make_server, MANY)
    job = server.convert(*put(server, MANY), merge=False)
    assert told(job) == told(wanted)
    assert tree(server.output) == files | {
        f"few/{name}": data for name, data in tree(server.output / "few").items()
    }
    assert is_left_in(server.output, {"out", "few"})
    assert server.convert(*put(server, MANY[:9]), merge=True, output="merged").status == pb.Job.DONE


@pytest.mark.soak
@pytest.mark.parametrize("lost", ["worker", "actor", "node"])
def test_what_is_lost_on_the_way_is_gone_on_with_elsewhere(
    make_server: MakeServer, cluster: Cluster, nodes: Nodes, lost: str
) -> None:
    nodes.add("batch_written", "@20")
    nodes.add("worker_started")
    server = start(make_server, cluster, **SLOWLY)
    job_id = nodes.begin(server, LONG)
    saved(server, job_id)
    (actor,) = nodes.nodes[0].actors()
    match lost:
        case "node":
            nodes.nodes[0].lose()
        case "actor":
            actor.kill()
        case _:
            nodes.nodes[0].worker().kill()
    nodes.release()
    files = files_as_alone(make_server, server, job_id, LONG)
    assert tree(server.output) == files
    assert is_left_in(server.output, {"out"})


def test_the_next_server_goes_on_with_all_shares(
    make_server: MakeServer, cluster: Cluster, nodes: Nodes
) -> None:
    for _ in range(2):
        nodes.add("batch_written", "@20")
    server = start(make_server, cluster, **SLOWLY)
    job_id = nodes.begin(server, LONG)
    saved(server, job_id)
    server.kill()
    nodes.release()
    server.start()
    files = files_as_alone(make_server, server, job_id, LONG)
    assert tree(server.output) == files
    assert "goes on from its checkpoint" in server.log


@pytest.mark.soak
def test_cancelling_ends_the_workers_on_all_nodes(
    make_server: MakeServer, cluster: Cluster, nodes: Nodes
) -> None:
    for _ in range(2):
        nodes.add("batch_written")
    server = start(make_server, cluster, **SLOWLY)
    job_id = nodes.begin(server, LONG)
    actors = [actor for one in nodes.actors() for actor in one]
    assert len(actors) == 2
    job = server.cancel(job_id)
    assert (job.status, job.reason) == (pb.Job.FAILED, "CANCELLED")
    for actor in actors:
        actor.wait(PATIENCE_S)
    assert tree(server.output) == {}


@pytest.mark.soak
def test_the_first_file_that_fails_is_told_of(
    make_server: MakeServer, cluster: Cluster, nodes: Nodes
) -> None:
    texts = [*LONG[:3], BAD, *LONG[3:5], BAD]
    for _ in range(2):
        nodes.add("worker_started")
    server = start(make_server, cluster, **SLOWLY)
    job_id = nodes.begin(server, texts)
    nodes.release()
    wanted, _ = alone(make_server, texts)
    assert told(server.wait(job_id))[1:] == told(wanted)[1:]
    assert wanted.msg.startswith("f003.json: ")
    assert server.left_in_output() == set()


@pytest.mark.soak
@pytest.mark.parametrize("most", [11, 12])
def test_the_next_server_knows_which_record_is_one_too_many_to_be_left_out(
    make_server: MakeServer, cluster: Cluster, nodes: Nodes, most: int
) -> None:
    texts = [*LONG[:2], BAD, LONG[3], text(5, 900)[:-1] + ', {"id": no}' * 10 + "]", LONG[4], BAD]
    for _ in range(2):
        nodes.add("batch_written", "@20")
    server = start(make_server, cluster, **SLOWLY)
    job_id = nodes.begin(server, texts, max_rejects=most)
    saved(server, job_id)
    server.kill()
    nodes.release()
    server.start()
    wanted, files = alone(make_server, texts, max_rejects=most)
    job = server.wait(job_id)
    assert told(job)[1:] == told(wanted)[1:]
    assert tree(server.output) == files
    assert job.progress.rejects == most
    assert (job.status == pb.Job.DONE) == (most == 12)
    assert wanted.msg.startswith("f006.json: record 401: " if most == 11 else "12 records left out")


@pytest.mark.soak
def test_a_node_that_is_cut_off_changes_nothing_when_it_comes_back(
    make_server: MakeServer, cluster: Cluster, nodes: Nodes
) -> None:
    wanted, files = alone(make_server, LONG)
    nodes.add("batch_written", "@20")
    # Time enough for a worker to start in, on however busy a machine.
    server = start(make_server, cluster, **SLOWLY, MYD_STALL_SECONDS="10")
    job_id = nodes.begin(server, LONG)  # which a worker does not survive for long
    (actor,) = nodes.nodes[0].actors()
    with stopped(actor, *actor.children()):
        nodes.release()
        cluster.add().wait()  # the first to take the files to
        assert told(server.wait(job_id)) == told(wanted)
        assert tree(server.output) == files
    actor.wait(PATIENCE_S)  # what it was ended by waited for it
    assert tree(server.output) == files
    assert "said nothing for 10 s" in server.log


@pytest.mark.soak
def test_a_job_that_waits_gets_a_slot_back(
    make_server: MakeServer, cluster: Cluster, nodes: Nodes
) -> None:
    for _ in range(2):
        nodes.add("batch_written", "@20")
    server = start(make_server, cluster, **SLOWLY)
    first = nodes.begin(server, LONG)
    second = server.submit("f000.json", output="second")
    states = server.watch(second)
    assert any(one.data.phase == pb.Job.PHASE_CONVERTING for one in states)
    assert server.job(first).status == pb.Job.WORKING
    nodes.release()
    assert server.wait(second).status == pb.Job.DONE
    files = files_as_alone(make_server, server, first, LONG)
    assert tree(server.output / "out") == {
        name.partition("/")[2]: data for name, data in files.items()
    }
