"""Inputs in a real object store: the same files as of inputs on a disk, whatever happens to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from tests.support.keys import KEYS, encrypted
from tests.support.object_store import ObjectStore, require_object_store
from tests.support.serving import PATIENCE_S, Hold, Server, process_of, refusal, tree

require_object_store()

MakeServer = Callable[..., Server]
LONG = "긴 글" * 3000
RECORDS = [{"id": n, "x": [{"a": n}], f"late{n // 900}": LONG} for n in range(3000)]
TEXT = json.dumps(RECORDS, ensure_ascii=False).encode()
"""More than is read ahead."""


@pytest.fixture
def begun(make_server: MakeServer, store: ObjectStore) -> Callable[..., Server]:
    """Starts a server whose inputs are in the store."""

    def begin(**settings: str) -> Server:
        place = {"MYD_DATA_DIR": str(store.location("in")), **store.environ}
        return make_server(**place, **settings).start()

    return begin


def of_disk(make_server: MakeServer, content: bytes, **fields: str) -> dict[str, bytes]:
    """What comes of a file on a disk."""
    server = make_server().start()
    server.put("a.json", content)
    assert server.convert("a.json", **fields).status == pb.Job.DONE
    server.stop()
    return tree(server.output)


@pytest.mark.parametrize(
    ("setting", "why"),
    [
        (
            {"AWS_SECRET_ACCESS_KEY": "wr0ng-secret"},
            "which have to get and list objects beneath its prefix",
        ),
        ({"MYD_DATA_DIR": "s3://none/in"}, "has no such bucket; make the bucket"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "see that the endpoint of AWS_ENDPOINT_URL"),
        ({"AWS_REGION": "nowhere-1"}, "see to the endpoint of AWS_ENDPOINT_URL, its region"),
    ],
    ids=["credentials", "bucket", "endpoint", "region"],
)
@pytest.mark.parametrize("output", ["beside", "beneath"])
def test_inputs_that_cannot_be_read_keep_the_server_from_its_start(
    setting: dict[str, str], why: str, output: str, make_server: MakeServer, store: ObjectStore
) -> None:
    server = make_server(MYD_DATA_DIR=str(store.location("in")), **store.environ)
    if output == "beneath":
        setting = {"MYD_OUTPUT_DIR": "", **setting}
    assert server.launch(**setting).wait(PATIENCE_S) == 2
    assert "MYD_DATA_DIR is in object storage, and cannot be read: " in server.log
    assert why in server.log
    for secret in (*store.environ.values(), *filter(None, setting.values())):
        assert secret == "us-east-1" or secret not in server.log


@pytest.mark.parametrize("work", ["job", "summary"])
def test_a_bucket_that_was_removed_is_named(
    work: str, begun: Callable[..., Server], store: ObjectStore
) -> None:
    server = begun()
    store.remove_bucket()
    if work == "job":
        job = server.convert("a.json")
        assert job.reason == "FILE_UNREADABLE"
        assert job.msg == "a.json: object storage has no such bucket"
    else:
        request = pb.PreprocessShoppingRequest(user_id="u", proposal_id="p", file_name="a.json")
        with pytest.raises(grpc.RpcError, match="object storage has no such bucket"):
            server.stub.PreprocessShopping(request, timeout=PATIENCE_S)


def test_the_log_tells_once_that_a_job_waits(
    begun: Callable[..., Server], store: ObjectStore
) -> None:
    server = begun(MYD_LOG_LEVEL="DEBUG")
    store.put("in/a.json", b"[1]")
    with store.away("gone"):
        job_id = server.submit("a.json")
        server.wait_for_lines("DEBUG", "worker: FILE_UNREADABLE", 2)
        lines = server.log.splitlines()
    for level, text in (("INFO", "worker: FILE_UNREADABLE"), ("WARNING", "waits, and tries again")):
        assert sum(level in line and f"{job_id}: {text}" in line for line in lines) == 1
    assert server.wait(job_id).status == pb.Job.DONE


@pytest.mark.one_in(3)
@pytest.mark.parametrize("engine", ["native", "python"])
@pytest.mark.parametrize(
    ("content", "fields"),
    [(TEXT, {}), (encrypted(TEXT.decode()), KEYS)],
    ids=["plain", "encrypted"],
)
def test_the_same_files_come_of_it(
    engine: str,
    content: bytes,
    fields: dict[str, str],
    begun: Callable[..., Server],
    store: ObjectStore,
    make_server: MakeServer,
) -> None:
    server = begun(MYD_ENGINE=engine)
    store.put("in/a.json", content)
    job = server.convert("a.json", **fields)
    assert (job.status, job.msg) == (pb.Job.DONE, "")
    assert job.engine == engine
    assert job.progress.bytes_total == job.progress.bytes_read == len(content)
    assert tree(server.output) == of_disk(make_server, content, **fields)


@pytest.mark.parametrize("lost", [pytest.param("worker", marks=pytest.mark.soak), "broker"])
def test_another_goes_on_where_one_was_lost(
    lost: str,
    begun: Callable[..., Server],
    store: ObjectStore,
    make_server: MakeServer,
    hold: Callable[[str], Hold],
) -> None:
    point = hold("after_checkpoint_commit")
    server = begun(MYD_FAILPOINTS=point.setting, MYD_CHECKPOINT_SECONDS="0.01")
    store.put("in/a.json", TEXT)
    job_id = server.submit("a.json")
    point.reached()
    one = process_of(server, "program" if lost == "worker" else "broker")
    one.kill()
    one.wait(PATIENCE_S)
    point.release()
    assert server.wait(job_id).status == pb.Job.DONE
    assert tree(server.output) == of_disk(make_server, TEXT)
    assert "goes on from its checkpoint" in server.log


@pytest.mark.parametrize("how", ["gone", pytest.param("silent", marks=pytest.mark.soak)])
def test_a_job_waits_for_a_store_that_does_not_answer(
    how: str,
    begun: Callable[..., Server],
    store: ObjectStore,
    make_server: MakeServer,
    hold: Callable[[str], Hold],
) -> None:
    point = hold("batch_written")
    server = begun(MYD_FAILPOINTS=point.setting)
    store.put("in/a.json", TEXT)
    job_id = server.submit("a.json")
    point.reached()
    with store.away(how):
        point.release()
        said = next(one.data.msg for one in server.watch(job_id) if one.data.msg)
    assert said == (
        "waits, and tries again: a.json: object storage cannot be reached, or does not answer"
    )
    job = server.wait(job_id)
    assert (job.status, job.msg) == (pb.Job.DONE, "")
    assert tree(server.output) == of_disk(make_server, TEXT)


@pytest.mark.parametrize("engine", ["native", pytest.param("python", marks=pytest.mark.soak)])
def test_an_object_that_is_replaced_while_it_is_read_is_refused(
    engine: str, begun: Callable[..., Server], store: ObjectStore, hold: Callable[[str], Hold]
) -> None:
    point = hold("batch_written")
    server = begun(MYD_FAILPOINTS=point.setting, MYD_ENGINE=engine)
    store.put("in/a.json", TEXT)
    job_id = server.submit("a.json")
    point.reached()
    store.put("in/a.json", TEXT.replace(b'"a": 1', b'"a": 2'))
    point.release()
    job = server.wait(job_id)
    assert (job.status, job.reason) == (pb.Job.FAILED, "FILE_UNREADABLE")
    assert job.msg.startswith("a.json: changed while it was read (its content is another than")
    assert server.left_in_output() == set()


def test_a_checkpoint_of_another_version_is_not_gone_on_from(
    begun: Callable[..., Server], store: ObjectStore, hold: Callable[[str], Hold]
) -> None:
    point = hold("after_checkpoint_commit")
    server = begun(MYD_FAILPOINTS=point.setting, MYD_CHECKPOINT_SECONDS="0.01")
    store.put("in/a.json", TEXT)
    job_id = server.submit("a.json")
    point.reached()
    server.kill()
    point.release()
    store.put("in/a.json", b"[1, 2]")
    server.start(MYD_FAILPOINTS="")
    assert server.wait(job_id).status == pb.Job.DONE
    assert tree(server.output)["out/out_1.csv"].count(b"\n") == 3


def test_a_job_is_cancelled_while_its_store_is_silent(
    begun: Callable[..., Server], store: ObjectStore
) -> None:
    server = begun()
    store.put("in/a.json", TEXT)
    with store.away("silent"):
        job_id = server.submit("a.json")
        assert server.cancel(job_id).reason == "CANCELLED"
        assert server.wait(job_id).reason == "CANCELLED"
        assert server.left_in_output() == set()


def test_a_summary_is_made_of_an_object(begun: Callable[..., Server], store: ObjectStore) -> None:
    server = begun()
    order = {"user_id": "u", "category": "도서", "date": "20221231"}
    store.put("in/shop.json", encrypted(json.dumps([order])))
    summary = server.stub.PreprocessShopping(
        pb.PreprocessShoppingRequest(user_id="u", proposal_id="p", file_name="shop.json", **KEYS),
        timeout=PATIENCE_S,
    ).data
    assert summary.order_lines == 1


def test_a_summary_is_refused_for_now_while_its_store_is_gone(
    begun: Callable[..., Server], store: ObjectStore
) -> None:
    server = begun()
    request = pb.PreprocessShoppingRequest(user_id="u", proposal_id="p", file_name="a.json")
    with store.away("gone"):
        code, reason, _ = refusal(
            lambda: server.stub.PreprocessShopping(request, timeout=PATIENCE_S)
        )
    assert (code, reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "BUSY")


def test_nothing_of_the_store_is_with_the_worker_or_told_to_callers(
    begun: Callable[..., Server], store: ObjectStore, hold: Callable[[str], Hold]
) -> None:
    point = hold("worker_started")
    server = begun(MYD_FAILPOINTS=point.setting, MYD_LOG_LEVEL="DEBUG")
    job_id = server.submit("none.json")
    point.reached()
    one = process_of(server, "program")
    environ = Path(f"/proc/{one.pid}/environ").read_bytes()
    assert not [name for name in store.environ if name.encode() in environ]
    opened = [str(link.readlink()) for link in Path(f"/proc/{one.pid}/fd").iterdir()]
    assert sum(link.startswith("socket:") for link in opened) == 1
    point.release()
    job = server.wait(job_id)
    assert (job.reason, job.msg) == (
        "FILE_NOT_FOUND",
        "none.json: no such file; its path counts from the data directory",
    )
    for secret in (*store.environ.values(), str(store.location())):
        assert secret not in str(job)
        assert secret == "us-east-1" or secret not in server.log


def test_brokers_end_with_their_workers_and_the_server(
    begun: Callable[..., Server], store: ObjectStore, hold: Callable[[str], Hold]
) -> None:
    point = hold("worker_started")
    server = begun(MYD_FAILPOINTS=point.setting)
    store.put("in/a.json", b"[1]")
    job_id = server.submit("a.json")
    with point.at_point():
        broker = process_of(server, "broker")
        process_of(server, "program").kill()
        broker.wait(PATIENCE_S)
    assert server.wait(job_id).status == pb.Job.DONE
    broker = process_of(server, "broker")
    server.kill()
    broker.wait(PATIENCE_S)
