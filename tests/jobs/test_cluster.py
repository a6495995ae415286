"""Jobs whose workers run on the nodes of a real Ray cluster."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from Crypto.Cipher import AES
from Crypto.Util.Padding import pad

from myd.analysis.v1 import analysis_pb2 as pb
from tests.support.serving import PATIENCE_S, ROOT, Hold, Server, tree

if os.environ.get("CI") != "true":
    pytest.importorskip("ray", reason="left out: workers on a cluster, as there is no Ray")

from tests.support.ray_cluster import Cluster, cluster_of_none, stopped

pytestmark = pytest.mark.timeout(300)

MakeServer = Callable[..., Server]
TEXT = json.dumps([{"id": n, "x": [{"a": n}], f"late{n // 900}": "글"} for n in range(3000)])
SLOWLY = {
    "MYD_FILE_SEP_SIZE": "10",
    "MYD_MAX_CSV_ROW": "700",
    "MYD_CHECKPOINT_SECONDS": "0.01",
    "MYD_ENGINE": "python",
}


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A cluster of no node as yet."""
    with cluster_of_none() as found:
        yield found


def start(make_server: MakeServer, cluster: Cluster, **settings: str) -> Server:
    server = make_server(MYD_EXECUTOR="ray", MYD_RAY_ADDRESS=cluster.address, **settings)
    return server.start()


def expected(make_server: MakeServer) -> dict[str, bytes]:
    """What a server makes of the text by itself."""
    server = make_server(**SLOWLY).start()
    server.put("a.json", TEXT)
    assert server.convert("a.json").status == pb.Job.DONE
    server.stop()
    return tree(server.output)


def saved(server: Server, job_id: str) -> None:
    """Return when a checkpoint of the job is committed, which no call tells."""
    wanted = "SELECT 1 FROM job_checkpoint WHERE job_id = ?"
    deadline = time.monotonic() + PATIENCE_S
    with closing(sqlite3.connect(server.state / "csv_status.db")) as database:
        while not database.execute(wanted, (job_id,)).fetchall():
            assert time.monotonic() < deadline, server.log
            time.sleep(0.01)


def test_jobs_are_done_on_the_nodes_with_the_same_bytes(
    make_server: MakeServer, cluster: Cluster
) -> None:
    node = cluster.add()
    server = start(make_server, cluster, **SLOWLY)
    server.put("a.json", TEXT)
    for output in ("out", "again"):
        assert server.convert("a.json", output=output).status == pb.Job.DONE
    assert tree(server.output / "out") == {
        name.partition("/")[2]: data for name, data in expected(make_server).items()
    }
    assert len(node.actors()) == 1  # it did both
    assert server.left_in_output() == {"out", "again"}
    (actor,) = node.actors()
    server.stop()
    actor.wait(PATIENCE_S)


def test_a_job_waits_in_the_queue_for_a_node(
    make_server: MakeServer, cluster: Cluster, hold: Callable[[str], Hold]
) -> None:
    point = hold("converted")
    server = start(make_server, cluster)
    server.put("a.json", "[1]")
    first, second = (server.submit("a.json", output=name) for name in ("first", "second"))
    server.wait_for_log("has slots for 0 workers")
    assert server.job(first).phase == pb.Job.PHASE_QUEUED
    cluster.add(MYD_FAILPOINTS=point.setting)
    point.reached()
    assert server.job(second).phase == pb.Job.PHASE_QUEUED
    point.release()
    assert {server.wait(job).status for job in (first, second)} == {pb.Job.DONE}


@pytest.mark.parametrize("lost", ["worker", "actor", "node"])
def test_what_is_lost_on_the_way_is_gone_on_with_elsewhere(
    make_server: MakeServer, cluster: Cluster, hold: Callable[[str], Hold], lost: str
) -> None:
    point = hold("batch_written")
    first = cluster.add(MYD_FAILPOINTS=f"{point.setting}@200")
    server = start(make_server, cluster, **SLOWLY)
    server.put("a.json", TEXT)
    job_id = server.submit("a.json")
    point.reached()
    saved(server, job_id)
    cluster.add()
    (actor,) = first.actors()
    match lost:
        case "node":
            first.lose()
        case "actor":
            actor.kill()
        case _:
            actor.children()[0].kill()
    point.release()
    job = server.wait(job_id)
    assert (job.status, job.reason) == (pb.Job.DONE, "")
    assert tree(server.output) == expected(make_server)
    assert "goes on from its checkpoint" in server.log


def test_a_node_that_is_cut_off_changes_nothing_when_it_comes_back(
    make_server: MakeServer, cluster: Cluster, hold: Callable[[str], Hold]
) -> None:
    point = hold("batch_written")
    node = cluster.add(MYD_FAILPOINTS=f"{point.setting}@200")
    server = start(make_server, cluster, **SLOWLY, MYD_STALL_SECONDS="2")
    server.put("a.json", TEXT)
    job_id = server.submit("a.json")
    point.reached()
    saved(server, job_id)
    (actor,) = node.actors()
    with stopped(actor, *actor.children()):
        point.release()
        cluster.add()
        assert server.wait(job_id).status == pb.Job.DONE
        published = tree(server.output)
        assert published == expected(make_server)
    actor.wait(PATIENCE_S)  # what it was ended by waited for it
    assert tree(server.output) == published
    assert "said nothing for 2 s" in server.log


def test_jobs_wait_for_a_cluster_that_is_started_again(
    make_server: MakeServer, cluster: Cluster, hold: Callable[[str], Hold]
) -> None:
    point = hold("batch_written")
    cluster.add(MYD_FAILPOINTS=f"{point.setting}@200")
    server = start(make_server, cluster, **SLOWLY)
    server.put("a.json", TEXT)
    job_id = server.submit("a.json")
    point.reached()
    saved(server, job_id)
    cluster.lose()
    point.release()
    server.wait_for_log("no worker is to be had of the cluster")
    waiting = server.submit("a.json", output="waiting")
    assert server.job(job_id).status == pb.Job.WORKING
    assert server.job(waiting).phase == pb.Job.PHASE_QUEUED
    cluster.start()
    cluster.add()
    assert {server.wait(job).status for job in (job_id, waiting)} == {pb.Job.DONE}
    assert list(tree(server.output / "out").values()) == list(
        tree(server.output / "waiting").values()
    )


def test_neither_key_nor_content_is_left_in_the_cluster(
    make_server: MakeServer, cluster: Cluster
) -> None:
    key, iv = secrets.token_bytes(32), secrets.token_bytes(16)
    canary = f"canary{secrets.token_hex(16)}"
    text = json.dumps([{"id": n, "name": canary} for n in range(1000)]).encode()
    cluster.add()
    server = start(make_server, cluster, MYD_LOG_LEVEL="DEBUG")
    server.put("a.enc", AES.new(key, AES.MODE_CBC, iv).encrypt(pad(text, 16)))
    server.put("bad.json", text[:-1] + f', {{"id": "{canary}" nonsense'.encode())
    fields = {"aes256cbckey": key.hex(), "iv": iv.hex()}
    assert server.convert("a.enc", **fields).status == pb.Job.DONE
    assert server.convert("bad.json", output="bad").status == pb.Job.FAILED
    server.stop()
    seen = b"".join(cluster.files())
    assert seen
    for secret in (key, iv, key.hex().encode(), iv.hex().encode(), canary.encode()):
        assert secret not in seen


def test_a_node_with_another_build_is_refused(
    make_server: MakeServer, cluster: Cluster, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "myd").symlink_to(ROOT / "myd")
    shutil.copytree(ROOT / "myd_grpc", other / "myd_grpc")
    with (other / "myd_grpc" / "build.py").open("a") as source:
        source.write("# another one\n")
    cluster.add(PYTHONPATH=str(other))
    server = start(make_server, cluster)
    server.put("a.json", "[1]")
    job_id = server.submit("a.json")
    said = next(one.data.msg for one in server.watch(job_id) if one.data.msg)
    assert said.startswith("waits, and tries again: no worker is to be had of the cluster")
    assert "another build of myd" in said
    assert said.endswith("install the same on all")
