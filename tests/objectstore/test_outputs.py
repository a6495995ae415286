"""Outputs in a real object store: the same sets as on a disk, whatever happens on the way."""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.jobs.worker.staging import prepare_work
from tests.support.callers import Bearer, caller_table, token_of, write_callers
from tests.support.object_sets import OUTPUT, manifests, objects, published
from tests.support.object_store import ObjectStore, require_object_store, without_conditions
from tests.support.serving import PATIENCE_S, Hold, Server, is_left_in, process_of, tree
from tests.support.set_files import tables_in
from tests.support.small_disks import small_disk

require_object_store()

MakeServer = Callable[..., Server]
TEXT = json.dumps([{"id": n, "x": [{"a": n}], f"late{n // 900}": "글"} for n in range(3000)])
SLOWLY = {
    "MYD_FILE_SEP_SIZE": "10",
    "MYD_MAX_CSV_ROW": "700",
    "MYD_CHECKPOINT_SECONDS": "0.01",
    "MYD_OVERWRITE": "true",
}


@pytest.fixture
def prepared(make_server: MakeServer, store: ObjectStore) -> Callable[..., Server]:
    """Makes a server whose sets go to the store, with an input."""

    def make(**settings: str) -> Server:
        place = {"MYD_OUTPUT_DIR": str(store.location(OUTPUT))} | store.environ
        server = make_server(**(place | SLOWLY | settings))
        server.put("a.json", TEXT)
        return server

    return make


@pytest.fixture
def begun(prepared: Callable[..., Server]) -> Callable[..., Server]:
    """As `prepared`, and started."""
    return lambda **settings: prepared(**settings).start()


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What a server makes of the input on a disk."""
    server = Server(tmp_path_factory.mktemp("disk"), **SLOWLY).start()
    server.put("a.json", TEXT)
    job = server.convert("a.json")
    server.kill()
    assert job.status == pb.Job.DONE
    return tree(server.output)


def test_a_set_is_the_same_as_on_a_disk(
    begun: Callable[..., Server], store: ObjectStore, expected: dict[str, bytes]
) -> None:
    server = begun()
    job = server.convert("a.json")
    assert (job.status, job.msg) == (pb.Job.DONE, "")
    assert published(store) == expected
    assert "out/_SUCCESS" in objects(store)
    assert {part.file_name: part.bytes for table in job.tables for part in table.parts} == {
        name.partition("/")[2]: len(data) for name, data in tables_in(expected).items()
    }
    (manifest,) = manifests(store).values()
    assert manifest["job"] == job.job_id
    assert list((server.state / "work").iterdir()) == []


@pytest.mark.parametrize("merge", [True, pytest.param(False, marks=pytest.mark.soak)])
def test_formats_are_uploaded_and_not_the_rows_that_they_are_made_of(
    begun: Callable[..., Server], store: ObjectStore, make_server: MakeServer, *, merge: bool
) -> None:
    formats = [pb.OUTPUT_FORMAT_XLSX, pb.OUTPUT_FORMAT_PARQUET]
    on_disk, server = make_server(**SLOWLY).start(), begun()
    for one in (on_disk, server):
        names = [one.put(name, TEXT) for name in ("a.json", "b.json")]
        assert one.convert(*names, formats=formats, merge=merge).status == pb.Job.DONE
    assert published(store) == tree(on_disk.output)
    (manifest,) = manifests(store).values()
    beside = {"manifest.json", "_SUCCESS"}
    parts = {path for path in objects(store) if path.removeprefix("out/") not in beside}
    staged = {path for path in parts if path.endswith("/.manifest.json")}
    assert parts - staged == {f"out/{file['path']}" for file in manifest["files"]}
    assert len(staged) == 1
    assert list((server.state / "work").iterdir()) == []


def broken_off(
    server: Server, point: Hold, act: Callable[[Server], object], output: str = "out"
) -> str:
    """The id of a job to which that was done when it had come to a point."""
    job_id = server.submit("a.json", output=output)
    point.reached()
    act(server)
    point.release()
    return job_id


@pytest.mark.one_in(3)
@pytest.mark.parametrize("lost", ["program", "broker"])
@pytest.mark.parametrize("at", ["upload", "broker_upload", "uploaded", "converted"])
def test_another_worker_goes_on_where_one_was_lost(
    at: str,
    lost: str,
    begun: Callable[..., Server],
    store: ObjectStore,
    hold: Callable[[str], Hold],
    expected: dict[str, bytes],
) -> None:
    point = hold(at)
    server = begun(MYD_FAILPOINTS=point.setting)

    def kill(server: Server) -> None:
        one = process_of(server, lost)
        one.kill()
        one.wait(PATIENCE_S)

    job_id = broken_off(server, point, kill)
    assert server.wait(job_id).status == pb.Job.DONE
    assert published(store) == expected
    assert is_left_in(server.state / "work", set())


@pytest.mark.one_in(2)
@pytest.mark.parametrize(
    "at",
    [
        "upload",
        "broker_upload",
        "uploaded",
        "before_publish",
        "write_manifest",
        "manifest_written",
    ],
)
def test_the_next_server_ends_what_one_has_left(
    at: str,
    begun: Callable[..., Server],
    store: ObjectStore,
    hold: Callable[[str], Hold],
    expected: dict[str, bytes],
) -> None:
    point = hold(at)
    server = begun(MYD_FAILPOINTS=point.setting)
    job_id = broken_off(server, point, lambda server: server.kill())
    assert published(store) in ({}, expected)
    server.start(MYD_FAILPOINTS="")
    assert server.wait(job_id).status == pb.Job.DONE
    assert published(store) == expected
    assert "out/_SUCCESS" in objects(store)


@pytest.mark.parametrize("how", ["gone", pytest.param("silent", marks=pytest.mark.soak)])
@pytest.mark.parametrize(
    "at",
    [
        pytest.param("upload", marks=pytest.mark.soak),
        "uploaded",
        pytest.param("before_publish", marks=pytest.mark.soak),
        pytest.param("manifest_written", marks=pytest.mark.soak),
    ],
)
def test_a_job_waits_for_a_store_that_does_not_answer(
    at: str,
    how: str,
    begun: Callable[..., Server],
    store: ObjectStore,
    hold: Callable[[str], Hold],
    expected: dict[str, bytes],
) -> None:
    point = hold(at)
    server = begun(MYD_FAILPOINTS=point.setting)
    job_id = server.submit("a.json")
    point.reached()
    with store.away(how):
        point.release()
        said = next(one.data.msg for one in server.watch(job_id) if one.data.msg)
    assert said.startswith("waits, and tries again: ")
    assert said.endswith("object storage cannot be reached, or does not answer")
    job = server.wait(job_id)
    assert (job.status, job.msg) == (pb.Job.DONE, "")
    assert published(store) == expected
    assert "out/_SUCCESS" in objects(store)


def test_a_set_is_replaced_whole(
    begun: Callable[..., Server], store: ObjectStore, expected: dict[str, bytes]
) -> None:
    server = begun()
    server.put("b.json", "[1]")
    assert server.convert("b.json", output="OUT").status == pb.Job.DONE
    old = published(store)
    assert server.refusal("a.json", overwrite=False) == (
        grpc.StatusCode.ALREADY_EXISTS,
        "OUTPUT_EXISTS",
    )
    assert published(store) == old
    assert server.convert("a.json").status == pb.Job.DONE
    assert published(store) == expected
    assert server.convert("b.json").status == pb.Job.DONE
    assert tables_in(published(store)).keys() == {"out/out_1.csv"}


def test_an_upload_is_cancelled(
    begun: Callable[..., Server], store: ObjectStore, hold: Callable[[str], Hold]
) -> None:
    point, closed = hold("broker_read"), hold("outbox_closed")
    # Before the large file is read to its end, whenever those beside it are.
    points = f"{point.setting}@4+;{closed.setting}"
    server = begun(MYD_FAILPOINTS=points, MYD_MAX_CSV_ROW="10000")
    server.put("big.json", json.dumps([{"text": "글" * 1000}] * 7000, ensure_ascii=False))
    job_id = server.submit("big.json", output="big", overwrite=False)
    point.reached()
    store.wait_for_pieces(1)
    broker = process_of(server, "broker")
    assert server.cancel(job_id).reason == "CANCELLED"
    closed.reached()
    point.release()
    closed.release()
    broker.wait(PATIENCE_S)
    assert tables_in(objects(store)) == {}
    assert store.unfinished() == []
    assert list((server.state / "work").iterdir()) == []


@pytest.mark.parametrize("replaces", [False, True])
def test_of_two_servers_that_write_one_set_one_publishes(
    replaces: bool,
    begun: Callable[..., Server],
    store: ObjectStore,
    hold: Callable[[str], Hold],
    expected: dict[str, bytes],
) -> None:
    point = hold("write_manifest")
    first, second = begun(MYD_FAILPOINTS=point.setting), begun()
    second.put("b.json", "[1]")
    if replaces:
        assert second.convert("b.json").status == pb.Job.DONE
    late = first.submit("b.json" if replaces else "a.json", overwrite=replaces)
    first.put("b.json", "[1, 2]")
    point.reached()
    assert second.convert("a.json").status == pb.Job.DONE
    point.release()
    job = first.wait(late)
    assert (job.status, job.reason) == (pb.Job.FAILED, "OUTPUT_UNAVAILABLE")
    assert "another writer has published" in job.msg
    assert published(store) == expected
    assert "out/_SUCCESS" in objects(store)


def test_confined_callers_have_their_sets_beneath_their_directories(
    prepared: Callable[..., Server], store: ObjectStore, tmp_path: Path
) -> None:
    callers = write_callers(
        tmp_path / "callers.toml", caller_table("alice", ["convert"], data="team", output="team/a")
    )
    server = prepared(MYD_CALLERS=str(callers))
    server.put("team/a.json", "[1]")
    server.interceptors = (Bearer(token_of("alice")),)
    server.start()
    job = server.convert("a.json")
    assert (job.status, job.output_dir) == (pb.Job.DONE, "team/a/out")
    assert tables_in(published(store)).keys() == {"team/a/out/out_1.csv"}


def test_what_dead_attempts_have_left_is_removed_at_a_start(
    begun: Callable[..., Server], store: ObjectStore, tmp_path: Path
) -> None:
    server = begun()
    assert server.convert("a.json").status == pb.Job.DONE
    kept = set(objects(store))
    for name in ("out/.parts/dead.aa/out_1.csv", "gone/.parts/dead.bb/.manifest.json"):
        store.put(f"{OUTPUT}/{name}", b"x")
    store.put(f"{OUTPUT}/new/.parts/young.cc/out_1.csv", b"x")
    long_ago = time.time() - 2 * 24 * 3600
    for path in (tmp_path / "store" / "objects").rglob("*"):
        if "young" not in str(path) and path.is_file():
            os.utime(path, (long_ago, long_ago))
    server.restart()
    server.wait_for_log("leftovers of 2 attempts removed")
    assert set(objects(store)) == {*kept, "new/.parts/young.cc/out_1.csv"}


@pytest.mark.parametrize("ignored", [["If-None-Match", "If-Match"], ["If-Match"]], ids=" ".join)
def test_a_store_that_heeds_no_conditions_takes_sets_that_may_be_replaced(
    ignored: list[str],
    begun: Callable[..., Server],
    store: ObjectStore,
    expected: dict[str, bytes],
) -> None:
    with without_conditions(store, *ignored) as endpoint:
        server = begun(AWS_ENDPOINT_URL=endpoint)
        assert "writes objects whatever they are to replace" in server.log
        assert f"does not keep to {' and '.join(ignored)}. " in server.log
        assert server.refusal("a.json", overwrite=False) == (
            grpc.StatusCode.FAILED_PRECONDITION,
            "OVERWRITE_NEEDED",
        )
        for _ in range(2):
            assert server.convert("a.json").status == pb.Job.DONE
    assert published(store) == expected


@pytest.mark.parametrize(
    ("setting", "why"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "wr0ng-secret"}, "refuses access: credentials are wrong"),
        ({"MYD_OUTPUT_DIR": "s3://none/output"}, "has no such bucket; make the bucket"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "see that the endpoint of AWS_ENDPOINT_URL"),
    ],
    ids=["credentials", "bucket", "endpoint"],
)
def test_a_store_that_cannot_be_used_is_refused(
    setting: dict[str, str], why: str, prepared: Callable[..., Server], store: ObjectStore
) -> None:
    server = prepared()
    assert server.launch(**setting).wait(PATIENCE_S) == 2
    assert "MYD_OUTPUT_DIR is in object storage, and cannot be written: " in server.log
    assert why in server.log
    for secret in (*store.environ.values(), *setting.values()):
        assert secret == "us-east-1" or secret not in server.log


def test_nobody_else_may_look_at_what_is_staged(
    begun: Callable[..., Server], hold: Callable[[str], Hold]
) -> None:
    point = hold("upload")
    server = begun(MYD_FAILPOINTS=f"{point.setting}@1", MYD_OUTPUT_ACCESS="all")
    job_id = server.submit("a.json")
    point.reached()
    (staging,) = (server.state / "work").iterdir()
    assert [stat.S_IMODE(one.stat().st_mode) for one in (staging.parent, staging)] == [0o700] * 2
    point.release()
    assert server.wait(job_id).status == pb.Job.DONE


def test_only_staged_sets_are_removed_from_a_work_directory(tmp_path: Path) -> None:
    long_ago = time.time() - 3600
    for name in (".myd-j1.aa", "theirs", ".theirs"):
        (tmp_path / name / "inside").mkdir(parents=True)
        os.utime(tmp_path / name, (long_ago, long_ago))
    prepare_work(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"theirs", ".theirs"}


def test_a_work_directory_that_is_open_to_others_is_shut(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    work.chmod(0o755)
    prepare_work(work)
    assert stat.S_IMODE(work.stat().st_mode) == 0o700


LARGE = json.dumps([{"id": n, "text": "x" * 1000} for n in range(1000)])


def test_a_full_work_directory_fails_the_job(
    prepared: Callable[..., Server], store: ObjectStore, tmp_path: Path
) -> None:
    server = prepared(MYD_WORK_DIR=str(tmp_path / "small"), MYD_SPACE_PERCENT="0")
    server.put("large.json", LARGE)
    server.put("b.json", "[1]")
    with small_disk(tmp_path / "small", "400k"):
        server.start()
        job = server.convert("large.json")
        assert (job.status, job.reason) == (pb.Job.FAILED, "DISK_FULL")
        assert job.msg == (
            "no space is left for the output in the work directory; free some in the work "
            "directory, or set MYD_WORK_DIR to where there is more, and send the request again"
        )
        assert objects(store) == {}
        assert list((tmp_path / "small").iterdir()) == []
        assert server.convert("b.json").status == pb.Job.DONE
        server.stop()
