"""Stores that are slow, shared or short of room beside them, and who has their credentials."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from tests.support.memory import copies
from tests.support.object_sets import OUTPUT, manifests, objects, published
from tests.support.object_store import ObjectStore, require_object_store, trickling
from tests.support.serving import PATIENCE_S, Hold, Server, is_left_in, process_of, tree
from tests.support.set_files import tables_in
from tests.support.small_disks import fill, small_disk

require_object_store()

MakeServer = Callable[..., Server]
TEXT = json.dumps([{"id": n, "x": [{"a": n}]} for n in range(3000)])
BIG = json.dumps([{"text": "글" * 1000}] * 2000, ensure_ascii=False)
LONG_AGO_S = 3 * 24 * 3600


@pytest.fixture
def prepared(make_server: MakeServer, store: ObjectStore) -> Callable[..., Server]:
    """Makes a server whose sets go to the store, with an input."""

    def make(**settings: str) -> Server:
        place = {"MYD_OUTPUT_DIR": str(store.location(OUTPUT)), "MYD_OVERWRITE": "true"}
        server = make_server(**(place | store.environ | settings))
        server.put("a.json", TEXT)
        return server

    return make


def test_a_worker_has_no_credentials(
    prepared: Callable[..., Server], store: ObjectStore, hold: Callable[[str], Hold]
) -> None:
    point = hold("uploaded")
    store.put("in/a.json", TEXT.encode())
    inputs = str(store.location("in"))
    server = prepared(MYD_DATA_DIR=inputs, MYD_FAILPOINTS=f"{point.setting}@1").start()
    job_id = server.submit("a.json")
    with point.at_point():
        worker, broker = process_of(server, "program"), process_of(server, "broker")
        assert "AWS_SECRET_ACCESS_KEY" in broker.environ()
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            secret = store.environ[name]
            assert not any(
                secret in text for text in (*worker.environ().values(), *worker.cmdline())
            )
            assert not any(secret in text for text in broker.cmdline())
            assert not copies(worker.pid, secret.encode())
            assert copies(broker.pid, secret.encode())
    assert server.wait(job_id).status == pb.Job.DONE


@pytest.mark.soak
def test_a_job_takes_its_time_with_a_store_that_trickles(
    prepared: Callable[..., Server], store: ObjectStore
) -> None:
    store.put("in/big.json", BIG.encode())
    with trickling(store) as endpoint:
        server = prepared(
            MYD_DATA_DIR=str(store.location("in")),
            AWS_ENDPOINT_URL=endpoint,
            MYD_STALL_SECONDS="10",
        ).start()
        job = server.convert("big.json")
    assert (job.status, job.msg) == (pb.Job.DONE, "")
    assert len(tables_in(published(store))) == 1
    assert "was ended" not in server.log


@pytest.mark.soak
def test_a_job_is_cancelled_while_a_store_trickles(
    prepared: Callable[..., Server], store: ObjectStore, hold: Callable[[str], Hold]
) -> None:
    point = hold("broker_read")
    with trickling(store) as endpoint:
        server = prepared(AWS_ENDPOINT_URL=endpoint, MYD_FAILPOINTS=f"{point.setting}@1").start()
        server.put("big.json", BIG)
        job_id = server.submit("big.json", overwrite=False)
        point.reached()
        worker, broker = process_of(server, "program"), process_of(server, "broker")
        point.release()
        assert server.cancel(job_id).reason == "CANCELLED"
        worker.wait(PATIENCE_S)
        broker.wait(PATIENCE_S)
    assert manifests(store) == {}
    assert list((server.state / "work").iterdir()) == []


def test_a_work_directory_that_is_full_after_an_upload_loses_nothing(
    prepared: Callable[..., Server],
    store: ObjectStore,
    hold: Callable[[str], Hold],
    tmp_path: Path,
) -> None:
    point = hold("uploaded")
    work = tmp_path / "small"
    server = prepared(MYD_WORK_DIR=str(work), MYD_FAILPOINTS=point.setting)
    with small_disk(work, "2m"):
        server.start()
        job_id = server.submit("a.json")
        with point.at_point():
            fill(work / "ballast")
        assert server.wait(job_id).status == pb.Job.DONE
        assert is_left_in(work, {"ballast"})
        assert tables_in(published(store)).keys() == {"out/out_1.csv", "out/out.x_1.csv"}
        fill(work / "more")  # where the parts were
        job = server.convert("a.json")
        assert (job.status, job.reason) == (pb.Job.FAILED, "DISK_FULL")
        (work / "ballast").unlink()
        assert server.convert("a.json").status == pb.Job.DONE
        server.stop()


def age(tmp_path: Path) -> None:
    """Let all that is in the store have been made long ago."""
    long_ago = time.time() - LONG_AGO_S
    for path in (tmp_path / "store" / "objects").rglob("*"):
        if path.is_file():
            os.utime(path, (long_ago, long_ago))


@pytest.mark.soak
def test_two_servers_publish_beneath_one_prefix_while_leftovers_go(
    make_server: MakeServer, prepared: Callable[..., Server], store: ObjectStore, tmp_path: Path
) -> None:
    servers = [prepared().start() for _ in range(2)]
    names = ("one", "two")
    for turn in range(3):
        jobs = [
            (server, server.submit("a.json", output=name)) for name in names for server in servers
        ]
        ended = [(server, server.wait(job_id)) for server, job_id in jobs]
        for server, job in ended:
            if job.status != pb.Job.DONE:
                assert job.reason == "OUTPUT_UNAVAILABLE"
                assert "another writer has published" in job.msg
            server.stub.DeleteJob(pb.DeleteJobRequest(job_id=job.job_id))
        age(tmp_path)
        late = servers[1].submit("a.json", output="three")
        servers[0].restart()
        servers[0].wait_for_lines("INFO", "leftovers of", turn + 1)
        assert servers[1].wait(late).status == pb.Job.DONE
    assert manifests(store).keys() == {*names, "three"}
    local = make_server().start()
    local.put("a.json", TEXT)
    for name in (*names, "three"):
        assert local.convert("a.json", output=name).status == pb.Job.DONE
        assert f"{name}/_SUCCESS" in objects(store)
    assert published(store) == tree(local.output)
