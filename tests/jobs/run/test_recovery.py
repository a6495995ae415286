"""Jobs that go on after crashes and restarts, and those that cannot."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import grpc
import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.convert.engines.available import ENGINES
from myd_grpc.convert.model import CipherKey, Conversion, Keys, Limits
from myd_grpc.convert.pipeline import convert
from myd_grpc.options import ConvertOptions
from tests.support.commanding import started
from tests.support.keys import IV, KEY, KEYS, encrypted, with_id
from tests.support.serving import (
    PATIENCE_S,
    Hold,
    Server,
    kill_with_workers,
    kill_worker,
    lasting_address,
    outcome,
    tree,
)
from tests.support.set_files import tables_in

MakeServer = Callable[..., Server]
MakeHold = Callable[[str], Hold]

BUSY = {"MYD_FILE_SEP_SIZE": "10", "MYD_CHECKPOINT_SECONDS": "0.001", "MYD_MAX_CSV_ROW": "300"}
"""Settings under which a small file is much work, with many checkpoints."""
SLOWLY = "batch_written=sleep:0.003;batch_written=sleep:1@140+"
"""It is not at its end before some checkpoints, even where a disk takes long over one of them."""


def records(first: int = 0, count: int = 1500) -> str:
    """Columns keep coming, so that nearly every part gets another header in the end."""
    return json.dumps(
        [
            {"id": n, f"late{n // 300}": "값\n", "acc": [{"no": k, "tr": [{"a": n}]} for k in "xy"]}
            for n in range(first, first + count)
        ],
        ensure_ascii=False,
    )


def uninterrupted(server: Server, name: str, has_key: bool) -> dict[str, bytes]:
    """The files of the set as they come when nothing happens."""
    limits = Limits(rows_per_part=int(BUSY["MYD_MAX_CSV_ROW"]))
    wanted = Conversion(str(server.data), (name,), "out", ConvertOptions(merge=True), limits)
    made = server.home / "uninterrupted" / "out"
    made.mkdir(parents=True)
    convert(wanted, Keys(CipherKey(KEY, IV) if has_key else None), made, lambda *_: None)
    return tree(made.parent)


class Interruption:
    """A server with a job whose third checkpoint has been committed, and which waits there.

    There is a set that it is to replace. `expected` are the files of an uninterrupted run.
    """

    def __init__(self, server: Server, point: Hold, content: str | bytes, **fields: Any) -> None:
        self.server, self.point, self.fields = server, point, fields
        server.settings |= BUSY
        self.name = server.put("in", content)
        self.expected = uninterrupted(server, self.name, "aes256cbckey" in fields)
        (server.output / "out").mkdir(parents=True)
        (server.output / "out" / "old.csv").write_bytes(b"old")
        more = server.settings.get("MYD_FAILPOINTS", "")
        server.start(MYD_FAILPOINTS=f"{point.setting}@3;{SLOWLY};{more}")
        self.job_id = self.submit()
        point.reached()

    def submit(self) -> str:
        return self.server.submit(self.name, **self.fields)

    def end_server(self, *, kindly: bool) -> pb.Job:
        """Stop or kill the server; the job's state as it was before."""
        before = self.server.job(self.job_id)
        if kindly:
            self.server.process.terminate()
            self.server.wait_for_log("stopping")
            self.point.release()
            self.server.stop()
        else:
            kill_with_workers(self.server)
            self.point.release()
        return before

    def assert_nothing_to_be_seen(self) -> None:
        assert tree(self.server.output) == {"out/old.csv": b"old"}
        assert self.server.left_in_output() == {"out"}

    def assert_goes_on(self) -> None:
        job = self.server.wait(self.job_id)
        assert outcome(job) == ("DONE", "")
        assert tree(self.server.output) == self.expected
        assert f"job {self.job_id}: goes on from its checkpoint" in self.server.log
        assert "from the start" not in self.server.log
        parts = {
            f"out/{part.file_name}": (part.rows, part.bytes)
            for table in job.tables
            for part in table.parts
        }
        assert {name: size for name, (_, size) in parts.items()} == {
            name: len(content) for name, content in tables_in(self.expected).items()
        }


@pytest.fixture
def interrupted(make_server: MakeServer, hold: MakeHold) -> Callable[..., Interruption]:
    def make(content: str | bytes, **fields: Any) -> Interruption:
        settings = fields.pop("settings", {})
        committed = hold("after_checkpoint_commit")
        return Interruption(make_server(**settings), committed, content, **fields)

    return make


# --- what goes on ----------------------------------------------------------------------------


@pytest.mark.parametrize("engine", list(ENGINES))
@pytest.mark.parametrize("kindly", [False, True])
def test_a_plain_job_goes_on_by_itself(
    interrupted: Callable[..., Interruption], kindly: bool, engine: str
) -> None:
    one = interrupted(records(), settings={"MYD_ENGINE": engine})
    before = one.end_server(kindly=kindly)
    assert tree(one.server.output) == {"out/old.csv": b"old"}
    one.server.start(MYD_FAILPOINTS="")
    first = one.server.job(one.job_id)
    assert first.revision > before.revision
    assert first.job_start_time == before.job_start_time
    one.assert_goes_on()


@pytest.mark.soak
def test_a_job_goes_on_where_a_disk_took_long_over_a_checkpoint(
    interrupted: Callable[..., Interruption],
) -> None:
    one = interrupted(records(), settings={"MYD_FAILPOINTS": "before_sync=sleep:0.6@1"})
    one.end_server(kindly=False)
    one.server.start(MYD_FAILPOINTS="")
    one.assert_goes_on()


def test_files_that_are_written_in_whole_blocks_go_on(
    interrupted: Callable[..., Interruption],
) -> None:
    long = [{"id": n, f"late{n // 300}": f"{n}값" * 2000} for n in range(1500)]
    one = interrupted(json.dumps(long, ensure_ascii=False))
    one.end_server(kindly=False)
    one.server.start(MYD_FAILPOINTS="")
    one.assert_goes_on()


def test_a_worker_that_dies_is_replaced_by_one_that_goes_on(
    interrupted: Callable[..., Interruption],
) -> None:
    one = interrupted(records())
    kill_worker(one.server)
    one.point.release()
    one.assert_goes_on()
    assert "another one goes on" in one.server.log


@pytest.mark.parametrize(
    ("form", "kindly"), [(bytes, False), (bytes, True), (base64.encodebytes, False)]
)
def test_a_job_with_a_key_waits_for_it_and_goes_on_under_its_id(
    interrupted: Callable[..., Interruption], form: Callable[[bytes], bytes], kindly: bool
) -> None:
    one = interrupted(form(encrypted(records())), **with_id())
    before = one.end_server(kindly=kindly)
    one.server.start(MYD_FAILPOINTS="")
    waiting = one.server.job(one.job_id)
    assert (waiting.status, waiting.phase) == (pb.Job.WORKING, pb.Job.PHASE_WAITING_FOR_KEY)
    assert "send the same request with the same request_id again" in waiting.msg
    assert waiting.progress.bytes_read >= before.progress.bytes_read
    assert one.submit() == one.job_id
    assert one.server.job(one.job_id).msg == ""
    one.assert_goes_on()


def test_another_request_does_not_hand_the_key_over(
    interrupted: Callable[..., Interruption],
) -> None:
    one = interrupted(encrypted(records()), **with_id())
    one.end_server(kindly=False)
    one.server.start(MYD_FAILPOINTS="")
    for changed in ({"iv": KEYS["iv"][::-1]}, {"merge": False}, {"aes256cbckey": "", "iv": ""}):
        with pytest.raises(grpc.RpcError) as caught:
            one.server.submit(one.name, **{**one.fields, **changed})
        assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert one.server.job(one.job_id).phase == pb.Job.PHASE_WAITING_FOR_KEY
    assert one.submit() == one.job_id
    one.assert_goes_on()


def test_a_waiting_job_goes_on_waiting_over_restarts(
    interrupted: Callable[..., Interruption],
) -> None:
    one = interrupted(encrypted(records()), **with_id())
    one.end_server(kindly=False)
    one.server.start(MYD_FAILPOINTS="")
    waiting = one.server.job(one.job_id)
    one.server.restart()
    assert one.server.job(one.job_id) == waiting
    one.server.kill()
    one.server.start()
    assert one.submit() == one.submit() == one.job_id
    one.assert_goes_on()


def test_settings_that_changed_meanwhile_do_not_change_the_set(
    interrupted: Callable[..., Interruption],
) -> None:
    one = interrupted(records())
    one.end_server(kindly=False)
    changed = {"MYD_MAX_CSV_ROW": "7", "MYD_SECTION_NAMES": "x", "MYD_FILE_SEP_SIZE": "1000"}
    one.server.start(MYD_FAILPOINTS="", **changed)
    one.assert_goes_on()


def test_jobs_in_the_queue_are_queued_again(make_server: MakeServer, hold: MakeHold) -> None:
    started = hold("worker_started")
    server = make_server(MYD_WORKERS="1", MYD_FAILPOINTS=started.setting).start()
    server.put("a", "[1]")
    server.put("b", encrypted("[2]"))
    jobs = [server.submit("a", output=f"o{number}") for number in range(3)]
    fields = with_id(output="o3")
    locked = server.submit("b", **fields)
    started.reached()
    server.kill()
    started.release()
    server.start(MYD_FAILPOINTS="")
    assert [server.wait(job).status for job in jobs] == [pb.Job.DONE] * 3
    ends = [server.job(job).revision for job in jobs]
    assert ends == sorted(ends), "in the order they came"
    assert server.job(locked).phase == pb.Job.PHASE_WAITING_FOR_KEY
    assert server.submit("b", **fields) == locked
    assert server.wait(locked).status == pb.Job.DONE


def test_the_layout_of_each_file_is_found_out_again(
    make_server: MakeServer, hold: MakeHold
) -> None:
    converted = hold("converted")
    server = make_server(MYD_FAILPOINTS=converted.setting).start()
    server.put("array", '[{"id":1}]')
    server.put("keyed", '{"k1":{"id":1},"k2":{"id":2}}')
    job_id = server.submit("array", "keyed")
    converted.reached()
    server.kill()
    converted.release()
    server.start(MYD_FAILPOINTS="")
    job = server.wait(job_id)
    assert outcome(job) == ("DONE", "")
    assert job.progress.records == 3


def test_progress_that_is_shown_never_falls(interrupted: Callable[..., Interruption]) -> None:
    one = interrupted(records(count=3000))
    seen: list[pb.Job] = []
    for _ in range(3):
        stream = one.server.watch(one.job_id)
        seen.append(next(stream).data)
        one.server.kill()
        one.server.start(MYD_FAILPOINTS=f"before_checkpoint_commit=kill@4;{SLOWLY}")
    one.point.release()
    one.server.process.wait(PATIENCE_S)
    one.server.kill()
    one.server.start(MYD_FAILPOINTS="")
    seen += [response.data for response in one.server.watch(one.job_id)]
    for earlier, later in pairwise(seen):
        assert earlier.revision < later.revision
        for field in ("bytes_total", "bytes_read", "records", "rows", "files_done", "percent"):
            assert getattr(earlier.progress, field) <= getattr(later.progress, field)
    one.assert_goes_on()


# --- what does not fit any more --------------------------------------------------------------


def assert_begins_again(one: Interruption) -> dict[str, bytes]:
    assert outcome(one.server.wait(one.job_id)) == ("DONE", "")
    assert f"job {one.job_id}: its checkpoint does not fit; from the start" in one.server.log
    return tree(one.server.output)


def test_an_input_that_changed_is_read_from_its_start(
    interrupted: Callable[..., Interruption],
) -> None:
    one = interrupted(records())
    one.end_server(kindly=False)
    one.server.put(one.name, "[5]")
    one.server.start(MYD_FAILPOINTS="")
    made = assert_begins_again(one)
    assert list(tables_in(made)) == ["out/out_1.csv"]
    assert made["out/out_1.csv"].endswith(b"5\r\n")


@pytest.mark.parametrize("loss", ["all", "a part", "bytes"])
def test_staged_files_that_were_lost_are_written_again(
    interrupted: Callable[..., Interruption], loss: str
) -> None:
    one = interrupted(records())
    one.end_server(kindly=False)
    staging = one.server.output / f".myd-{one.job_id}"
    part = staging / "out_1.csv"
    if loss == "all":
        staging.rename(one.server.home / "lost")
    elif loss == "a part":
        part.unlink()
    else:
        part.write_bytes(part.read_bytes()[:100])
    one.server.start(MYD_FAILPOINTS="")
    assert assert_begins_again(one) == one.expected


def test_a_checkpoint_of_another_program_version_is_not_used(
    interrupted: Callable[..., Interruption],
) -> None:
    one = interrupted(records())
    one.end_server(kindly=False)
    with sqlite3.connect(one.server.state / "csv_status.db") as database:
        database.execute("""UPDATE job_checkpoint SET state = '{"version": 0}'""")
    database.close()
    one.server.start(MYD_FAILPOINTS="")
    assert assert_begins_again(one) == one.expected


# --- what cannot go on -----------------------------------------------------------------------


@pytest.mark.parametrize("kindly", [False, True])
def test_a_job_with_a_key_but_without_a_request_id_ends(
    interrupted: Callable[..., Interruption], kindly: bool
) -> None:
    one = interrupted(encrypted(records()), **KEYS)
    one.end_server(kindly=kindly)
    one.server.start(MYD_FAILPOINTS="")
    assert outcome(one.server.job(one.job_id)) == ("FAILED", "INTERRUPTED")
    one.assert_nothing_to_be_seen()


def test_a_key_that_does_not_come_in_time_ends_the_job(
    interrupted: Callable[..., Interruption],
) -> None:
    one = interrupted(encrypted(records()), **with_id())
    one.end_server(kindly=False)
    one.server.start(MYD_FAILPOINTS="", MYD_RESUME_WINDOW="1")
    assert "after restart: 1 jobs waiting for their keys" in one.server.log
    job = one.server.wait(one.job_id)
    assert outcome(job) == ("FAILED", "INTERRUPTED")
    assert "not sent again in time" in job.msg
    one.assert_nothing_to_be_seen()
    assert one.submit() == one.job_id, "a new attempt takes a new id"
    assert one.server.job(one.job_id) == job


def test_a_deadline_that_passed_while_no_server_ran_ends_the_job(
    interrupted: Callable[..., Interruption],
) -> None:
    one = interrupted(encrypted(records()), **with_id())
    one.end_server(kindly=False)
    one.server.start(MYD_FAILPOINTS="", MYD_RESUME_WINDOW="86400")
    one.server.kill()
    with sqlite3.connect(one.server.state / "csv_status.db") as database:
        database.execute("UPDATE job_status SET waiting_since = waiting_since - 86400")
    database.close()
    one.server.start()
    assert outcome(one.server.job(one.job_id)) == ("FAILED", "INTERRUPTED")
    one.assert_nothing_to_be_seen()


def test_a_new_job_for_the_same_set_makes_a_waiting_one_end(
    interrupted: Callable[..., Interruption],
) -> None:
    one = interrupted(encrypted(records()), **with_id())
    one.end_server(kindly=False)
    one.server.start(MYD_FAILPOINTS="")
    new = one.server.submit(one.name, **with_id())
    old = one.server.job(one.job_id)
    assert outcome(old) == ("FAILED", "INTERRUPTED")
    assert "a new job writes the same output set" in old.msg
    assert one.server.wait(new).status == pb.Job.DONE
    assert one.submit() == one.job_id
    assert tree(one.server.output) == one.expected
    one.server.stop()
    assert one.server.left_in_output() == {"out"}


def test_a_waiting_job_can_be_cancelled(interrupted: Callable[..., Interruption]) -> None:
    one = interrupted(encrypted(records()), **with_id())
    one.end_server(kindly=False)
    one.server.start(MYD_FAILPOINTS="")
    assert outcome(one.server.cancel(one.job_id)) == ("FAILED", "CANCELLED")
    one.assert_nothing_to_be_seen()
    assert one.submit() == one.job_id
    assert outcome(one.server.job(one.job_id)) == ("FAILED", "CANCELLED")


def test_a_resumed_job_in_the_queue_can_be_cancelled(
    interrupted: Callable[..., Interruption], hold: MakeHold
) -> None:
    one = interrupted(records())
    busy = one.server.submit(one.name, output="busy")
    one.end_server(kindly=False)
    started = hold("worker_started")
    one.server.start(MYD_WORKERS="1", MYD_FAILPOINTS=started.setting)
    started.reached()
    # The first job has the worker; whichever waits has a staging directory or none.
    assert outcome(one.server.cancel(busy)) == ("FAILED", "CANCELLED")
    assert outcome(one.server.cancel(one.job_id)) == ("FAILED", "CANCELLED")
    started.release()
    one.assert_nothing_to_be_seen()


# --- the client ------------------------------------------------------------------------------


@pytest.mark.parametrize("kindly", [False, True])
def test_the_client_hands_the_key_over_by_itself(
    make_server: MakeServer, hold: MakeHold, kindly: bool
) -> None:
    committed = hold("after_checkpoint_commit")
    points = f"{committed.setting}@3;{SLOWLY}"
    server = make_server(**BUSY, MYD_FAILPOINTS=points, MYD_GRPC_ADDRESS=lasting_address()).start()
    server.put("in", encrypted(records()))
    arguments = ("convert", "in", "--merge", "--output", "out", "--json")
    client = started(server.address, *arguments, MYD_KEY=KEY.hex(), MYD_IV=IV.hex())
    committed.reached()
    if kindly:
        server.process.terminate()
        server.wait_for_log("stopping")
        committed.release()
        server.stop()
    else:
        server.kill()
        committed.release()
    server.start(MYD_FAILPOINTS="")
    output, errors = client.communicate(timeout=PATIENCE_S)
    states = [json.loads(line) for line in output.splitlines()]
    assert client.returncode == 0, errors
    assert states[-1]["status"] == "DONE"
    assert "PHASE_WAITING_FOR_KEY" in {state.get("phase") for state in states}
    assert "goes on from its checkpoint" in server.log
    job_id = states[-1]["job_id"]
    interrupted = tree(server.output)
    assert server.convert("in", **KEYS).job_id != job_id
    assert tree(server.output) == interrupted


# --- secrets ---------------------------------------------------------------------------------


def test_a_key_is_not_kept_for_a_job_that_waits_for_it(
    interrupted: Callable[..., Interruption],
) -> None:
    one = interrupted(encrypted(records()), **with_id())
    one.end_server(kindly=False)
    one.server.start(MYD_FAILPOINTS="")
    places = [path for path in one.server.home.rglob("*") if path.is_file()]
    for path in places:
        content = path.read_bytes()
        for secret in (KEY, IV, KEY.hex().encode(), IV.hex().encode()):
            assert secret not in content, path
    assert any(path.name == "csv_status.db" for path in places)
