"""Jobs on the nodes of a real Ray cluster, with inputs and sets in a real object store."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from tests.support.object_sets import OUTPUT, clear, manifests, objects, published
from tests.support.object_store import ObjectStore, require_object_store
from tests.support.ray_cluster import (
    SLOWLY,
    Cluster,
    Node,
    cluster_of_none,
    require_ray,
    saved,
    start,
    stopped,
    waits_for,
)
from tests.support.serving import PATIENCE_S, Hold, Server, is_left_in, tree
from tests.support.spread_jobs import LONG, Nodes, alone, files_as_alone, put, told

require_object_store()

require_ray()

pytestmark = pytest.mark.timeout(300)

TEXT = json.dumps([{"id": n, "x": [{"a": n}], f"late{n // 900}": "글"} for n in range(3000)])


@pytest.fixture
def store(store: ObjectStore) -> ObjectStore:
    """As everywhere, with an input."""
    store.put("in/a.json", TEXT.encode())
    return store


@pytest.mark.soak
def test_a_node_reads_with_the_credentials_of_its_own(
    make_server: Callable[..., Server], store: ObjectStore
) -> None:
    with cluster_of_none() as cluster:
        cluster.add(1, None, **store.environ)
        place = {"MYD_DATA_DIR": str(store.location("in")), "MYD_RAY_ADDRESS": cluster.address}
        server = make_server(MYD_EXECUTOR="ray", **place).start()
        assert server.convert("a.json").status == pb.Job.DONE
        seen = b"".join(cluster.files())
        server.stop()
    local = make_server().start()
    local.put("a.json", TEXT)
    assert local.convert("a.json").status == pb.Job.DONE
    assert tree(server.output) == tree(local.output)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        assert store.environ[name].encode() not in seen


def test_a_node_uploads_what_it_has_made_on_a_disk_of_its_own(
    make_server: Callable[..., Server], store: ObjectStore, tmp_path: Path
) -> None:
    with cluster_of_none() as cluster:
        cluster.add(1, None, **store.environ)
        place = {"MYD_OUTPUT_DIR": str(store.location(OUTPUT)), **store.environ}
        work = tmp_path / "node"
        settings = {"MYD_RAY_ADDRESS": cluster.address, "MYD_WORK_DIR": str(work)}
        server = make_server(MYD_EXECUTOR="ray", **place, **settings).start()
        server.put("a.json", TEXT)
        assert server.convert("a.json").status == pb.Job.DONE
        assert is_left_in(work, set())
        server.stop()
    local = make_server().start()
    local.put("a.json", TEXT)
    assert local.convert("a.json").status == pb.Job.DONE
    assert published(store) == tree(local.output)


def begun_on(server: Server, point: Hold, node: Node) -> tuple[str, psutil.Process]:
    """A job that has come to a point on a node, and the actor that it is at."""
    job_id = server.submit("a.json")
    point.reached()
    (actor,) = node.actors()
    return job_id, actor


def test_nothing_is_left_on_a_node_of_a_job_that_has_ended(
    make_server: Callable[..., Server],
    cluster: Cluster,
    store: ObjectStore,
    hold: Callable[[str], Hold],
    tmp_path: Path,
) -> None:
    work, point = tmp_path / "node", hold("uploaded")
    node = cluster.add(1, work, **store.environ, MYD_FAILPOINTS=f"{point.setting}@1")
    place = {"MYD_OUTPUT_DIR": str(store.location(OUTPUT)), **store.environ}
    server = start(make_server, cluster, **(SLOWLY | place | {"MYD_WORK_DIR": str(work)}))
    # As the node sees it: for the server, another one is there.
    on_node = Path(f"/proc/{node.tree()[0].pid}/root{work}")
    server.put("a.json", TEXT)
    job_id, actor = begun_on(server, point, node)
    assert any(on_node.rglob("*.csv"))
    assert not any(work.rglob("*.csv"))
    assert server.cancel(job_id).reason == "CANCELLED"
    actor.wait(PATIENCE_S)
    assert is_left_in(on_node, set())
    job_id, actor = begun_on(server, point, node)
    saved(server, job_id)
    for one in actor.children():  # what the worker has staged, the next one goes on from
        with suppress(psutil.NoSuchProcess):  # which ends with another of them
            one.kill()
    assert point.abandoned()
    point.reached()
    assert len(list(on_node.iterdir())) == 2
    point.release()
    assert server.wait(job_id).status == pb.Job.DONE
    assert is_left_in(on_node, set())
    server.put("bad.json", TEXT[:-1] + "x")
    assert server.convert("bad.json").reason == "INVALID_JSON"
    assert is_left_in(on_node, set())


# Several workers of one job


@pytest.fixture
def nodes(cluster: Cluster, store: ObjectStore, tmp_path: Path) -> Nodes:
    """No node as yet; each will reach the store."""
    return Nodes(cluster, tmp_path, **store.environ)


@pytest.fixture
def begun(
    make_server: Callable[..., Server], cluster: Cluster, store: ObjectStore, tmp_path: Path
) -> Callable[..., Server]:
    """Starts a server of the cluster whose sets go to the store; it takes further settings."""

    def begin(**settings: str) -> Server:
        place = {"MYD_OUTPUT_DIR": str(store.location(OUTPUT)), **store.environ}
        place["MYD_WORK_DIR"] = str(tmp_path / "node")
        return start(make_server, cluster, **(SLOWLY | place | settings))

    return begin


def but_for_places(manifest: dict[str, Any]) -> dict[str, Any]:
    """A manifest without who has made the set, and where."""
    files = [one | {"path": one["path"].split("/", 2)[2]} for one in manifest["files"]]
    return manifest | {"job": "", "attempt": "", "files": files}


def attempts(manifest: dict[str, Any]) -> set[str]:
    """Whose files a manifest names."""
    return {one["path"].split("/")[1] for one in manifest["files"]}


@pytest.mark.soak
@pytest.mark.parametrize("count", [1, 2])
def test_several_workers_upload_what_one_would(
    make_server: Callable[..., Server],
    store: ObjectStore,
    nodes: Nodes,
    begun: Callable[..., Server],
    tmp_path: Path,
    count: int,
) -> None:
    for _ in range(count):
        nodes.add("worker_started")
    server = begun()
    job_id = nodes.begin(server, LONG)
    assert [len(actors) for actors in nodes.actors()] == [1] * count
    nodes.release()
    files = files_as_alone(make_server, server, job_id, LONG)
    assert published(store) == files
    place = {"MYD_OUTPUT_DIR": str(store.location("other")), **store.environ}
    local = make_server(**SLOWLY, **place).start()
    local.convert(*put(local, LONG), merge=False)
    (manifest,), (by_one,) = manifests(store).values(), manifests(store, "other").values()
    assert but_for_places(manifest) == but_for_places(by_one)
    assert len(attempts(manifest)) > 1
    assert len(attempts(by_one)) == 1
    # The manifest of all is beside those of the shares, under a name of its own.
    joined = f"{job_id}.{manifest['attempt']}"
    assert joined not in attempts(manifest)
    assert f"out/.parts/{joined}/.manifest.json" in objects(store)
    assert not any(path.is_file() for path in (tmp_path / "node").rglob("*"))


@pytest.mark.soak
@pytest.mark.parametrize("at", ["batch_written", "upload", "uploaded"])
def test_another_actor_uploads_the_share_of_one_that_is_lost(
    make_server: Callable[..., Server],
    store: ObjectStore,
    nodes: Nodes,
    begun: Callable[..., Server],
    at: str,
) -> None:
    nodes.add(at)
    nodes.add("worker_started")
    server = begun()
    job_id = nodes.begin(server, LONG)
    (actor,) = nodes.nodes[0].actors()
    actor.kill()
    nodes.release()
    files = files_as_alone(make_server, server, job_id, LONG)
    assert published(store) == files


@pytest.mark.soak
@pytest.mark.parametrize(
    "at", ["manifests_joined", "before_publish", "write_manifest", "manifest_written"]
)
def test_the_next_server_publishes_what_all_have_uploaded(
    make_server: Callable[..., Server],
    store: ObjectStore,
    nodes: Nodes,
    begun: Callable[..., Server],
    hold: Callable[[str], Hold],
    at: str,
) -> None:
    for _ in range(2):
        nodes.add("worker_started")
    point = hold(at)
    server = begun(MYD_FAILPOINTS=point.setting)
    job_id = nodes.begin(server, LONG)
    nodes.release()
    point.reached()
    server.kill()
    there = {path for path in objects(store) if "/.parts/" in path and path.endswith(".csv")}
    server.start(MYD_FAILPOINTS="")
    files = files_as_alone(make_server, server, job_id, LONG)
    assert published(store) == files
    assert "out/_SUCCESS" in objects(store)
    # Nothing was converted again.
    assert there == {path for path in objects(store) if path.endswith(".csv")}


@pytest.mark.soak
def test_a_share_whose_parts_are_gone_is_done_again(
    make_server: Callable[..., Server],
    store: ObjectStore,
    nodes: Nodes,
    begun: Callable[..., Server],
    hold: Callable[[str], Hold],
) -> None:
    nodes.add("worker_started")
    point = hold("manifests_joined")
    server = begun(MYD_FAILPOINTS=point.setting)
    job_id = nodes.begin(server, LONG)
    nodes.release()
    point.reached()
    saved(server, job_id)
    server.kill()
    clear(store)
    server.start(MYD_FAILPOINTS="")
    files = files_as_alone(make_server, server, job_id, LONG)
    assert published(store) == files


@pytest.mark.soak
def test_shares_wait_for_a_store_that_does_not_answer(
    make_server: Callable[..., Server],
    store: ObjectStore,
    nodes: Nodes,
    begun: Callable[..., Server],
) -> None:
    for _ in range(2):
        nodes.add("uploaded")
    server = begun()
    job_id = nodes.begin(server, LONG)
    store.kill()
    nodes.release()
    waits_for(server, job_id, "the output set cannot be uploaded")
    store.start()
    files = files_as_alone(make_server, server, job_id, LONG)
    assert published(store) == files


@pytest.mark.soak
def test_a_node_that_is_cut_off_adds_nothing_to_a_set_when_it_comes_back(
    make_server: Callable[..., Server],
    store: ObjectStore,
    cluster: Cluster,
    nodes: Nodes,
    begun: Callable[..., Server],
) -> None:
    wanted, files = alone(make_server, LONG)
    nodes.add("uploaded")
    # Time enough for a worker to start in, on however busy a machine.
    server = begun(MYD_STALL_SECONDS="10")
    job_id = nodes.begin(server, LONG)  # which a worker does not survive for long
    (actor,) = nodes.nodes[0].actors()
    with stopped(actor, *actor.children(recursive=True)):
        nodes.release()
        cluster.add(1, None, **store.environ).wait()  # the first to take the files to
        assert told(server.wait(job_id)) == told(wanted)
        before = manifests(store)
        assert published(store) == files
    actor.wait(PATIENCE_S)
    assert manifests(store) == before
    assert published(store) == files
    assert "said nothing for 10 s" in server.log


@pytest.mark.soak
def test_nothing_is_published_of_shares_that_are_cancelled(
    store: ObjectStore, nodes: Nodes, begun: Callable[..., Server], tmp_path: Path
) -> None:
    for _ in range(2):
        nodes.add("uploaded")
    server = begun()
    job_id = nodes.begin(server, LONG)
    actors = [actor for one in nodes.actors() for actor in one]
    job = server.cancel(job_id)
    assert (job.status, job.reason) == (pb.Job.FAILED, "CANCELLED")
    for actor in actors:
        actor.wait(PATIENCE_S)
    assert is_left_in(tmp_path / "node", set())
    assert manifests(store) == {}
    # Manifests of shares come after their files, so what there is of these is no share.
    assert not any(path.endswith(".manifest.json") for path in objects(store))
