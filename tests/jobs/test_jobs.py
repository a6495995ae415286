"""Jobs from queue to published set: ends of every kind, and what is left on the disk."""

from __future__ import annotations

import fcntl
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.convert.model import Conversion
from myd_grpc.jobs.worker.protocol import Task, encode_places, encode_task
from tests.support.keys import KEYS, encrypted
from tests.support.serving import (
    PATIENCE_S,
    ROOT,
    Hold,
    Server,
    fill,
    kill_worker,
    small_disk,
    tree,
    worker_of,
)
from tests.support.set_files import table_files_below

MakeServer = Callable[..., Server]
MakeHold = Callable[[str], Hold]

SMALL = '[{"id":1}]'


def outcome(job: pb.Job) -> tuple[str, str]:
    return pb.Job.Status.Name(job.status), job.reason


@pytest.fixture
def working(make_server: MakeServer, hold: MakeHold) -> tuple[Server, Hold, str]:
    """A server with a job whose worker has written all and waits."""
    converted = hold("converted")
    server = make_server(MYD_WORKERS="1", MYD_FAILPOINTS=converted.setting).start()
    server.put("a.json", SMALL)
    job_id = server.submit("a.json")
    converted.reached()
    return server, converted, job_id


# --- ends ------------------------------------------------------------------------------------


@pytest.mark.one_in(5)
@pytest.mark.parametrize("engine", ["native", "python"])
@pytest.mark.parametrize(
    ("text", "layout"),
    [
        ("[1] x", pb.RECORD_LAYOUT_ARRAY),
        ("[1,2,\n\0]", pb.RECORD_LAYOUT_ARRAY),
        ('{"u1":{"a":1},"u2":{"a":tru}}', pb.RECORD_LAYOUT_KEYED),
        ('{"a":1}\n{', pb.RECORD_LAYOUT_LINES),
        ('{"a":}', pb.RECORD_LAYOUT_SINGLE),
        ("", pb.RECORD_LAYOUT_AUTO),
    ],
)
def test_a_job_that_fails_shows_the_layout_that_was_found(
    make_server: MakeServer, engine: str, text: str, layout: int
) -> None:
    """However soon it fails after its first report."""
    server = make_server(MYD_ENGINE=engine).start()
    server.put("a.json", text)
    job = server.convert("a.json")
    assert outcome(job) == ("FAILED", "INVALID_JSON")
    assert job.layout == layout


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_worker_that_dies_a_third_time_fails_its_job_and_no_other(
    working: tuple[Server, Hold, str], number: signal.Signals
) -> None:
    server, converted, job_id = working
    for _ in range(2):
        kill_worker(server, number)
        converted.reached()
    kill_worker(server, number)
    job = server.wait(job_id)
    assert outcome(job) == ("FAILED", "WORKER_DIED")
    assert f"signal {number.value}" in job.msg
    assert server.left_in_output() == set()
    converted.release()
    assert server.convert("a.json").status == pb.Job.DONE


def test_what_is_strange_about_a_set_is_said_in_the_message(server: Server) -> None:
    server.put("lists.json", '[["id","name"],[1,"a"]]')
    server.put("records.json", '[{"id":1}]')
    job = server.convert("lists.json")
    assert outcome(job) == ("DONE", "")
    assert job.msg.startswith("the records are lists, so each is one cell of JSON text")
    assert server.convert("records.json").msg == ""


def test_cancelling_a_running_job_ends_its_worker_and_leaves_nothing(
    working: tuple[Server, Hold, str],
) -> None:
    server, _, job_id = working
    worker = worker_of(server)
    stream = server.watch(job_id)
    cancelled = server.cancel(job_id)
    assert outcome(cancelled) == ("FAILED", "CANCELLED")
    assert not worker.is_running()
    assert server.left_in_output() == set()
    assert [response.data for response in stream][-1] == cancelled
    assert server.cancel(job_id) == cancelled


def test_cancelling_a_queued_job_keeps_it_from_running(working: tuple[Server, Hold, str]) -> None:
    server, converted, first = working
    queued, behind = (server.submit("a.json", output=name) for name in ("o2", "o3"))
    assert outcome(server.cancel(queued)) == ("FAILED", "CANCELLED")
    converted.release()
    assert server.wait(first).status == server.wait(behind).status == pb.Job.DONE
    assert server.job(queued).job_start_time == 0
    assert server.left_in_output() == {"out", "o3"}


def test_a_job_that_is_being_published_is_not_cancelled_any_more(
    make_server: MakeServer, hold: MakeHold
) -> None:
    renamed = hold("after_rename")
    server = make_server(MYD_FAILPOINTS=renamed.setting).start()
    server.put("a.json", SMALL)
    job_id = server.submit("a.json")
    with renamed.at_point():
        cancelling = server.stub.CancelJob.future(pb.CancelJobRequest(job_id=job_id))
        assert server.job(job_id).phase == pb.Job.PHASE_PUBLISHING
        assert not cancelling.done()
    assert cancelling.result(PATIENCE_S).data.status == pb.Job.DONE


def test_cancelling_an_ended_job_changes_nothing(server: Server) -> None:
    server.put("a.json", SMALL)
    for name in ("a.json", "none.json"):
        ended = server.convert(name, output=name)
        assert server.cancel(ended.job_id) == ended


def test_an_unexpected_error_in_a_worker_is_told_by_id_alone(make_server: MakeServer) -> None:
    # Not mapped to any reason: it happens before the conversion looks at its output.
    server = make_server(MYD_FAILPOINTS="worker_started=error:EDOM").start()
    server.put("a.json", SMALL)
    job = server.convert("a.json")
    assert outcome(job) == ("FAILED", "INTERNAL")
    error_id = job.msg.removeprefix("internal error ")
    assert f"INTERNAL {error_id}: OSError[errno 33] at program.py" in server.log
    assert "Numerical argument" not in server.log


def test_a_workers_peak_memory_is_logged(server: Server) -> None:
    server.put("a.json", SMALL)
    job_id = server.convert("a.json").job_id
    [line] = [line for line in server.log.splitlines() if f"{job_id}: worker: converted" in line]
    assert 5 < float(line.rpartition("peak ")[2].removesuffix(" MiB")) < 60


def test_jobs_run_as_many_at_once_as_there_are_workers(
    make_server: MakeServer, hold: MakeHold
) -> None:
    started = hold("worker_started")
    server = make_server(MYD_WORKERS="2", MYD_FAILPOINTS=started.setting).start()
    server.put("a.json", SMALL)
    jobs = [server.submit("a.json", output=f"o{number}") for number in range(3)]
    started.reached()
    for job in jobs[:2]:
        assert any(one.data.phase == pb.Job.PHASE_CONVERTING for one in server.watch(job))
    assert server.job(jobs[2]).phase == pb.Job.PHASE_QUEUED
    started.release()
    assert {server.wait(job).status for job in jobs} == {pb.Job.DONE}


# --- publication -----------------------------------------------------------------------------


def test_nothing_is_visible_before_a_job_is_done(working: tuple[Server, Hold, str]) -> None:
    server, converted, job_id = working
    assert server.left_in_output() == {f".myd-{job_id}"}
    converted.release()
    assert server.wait(job_id).status == pb.Job.DONE
    assert server.left_in_output() == {"out"}


def modes(directory: Path) -> set[tuple[bool, str]]:
    """Which there are of a directory and of all in it: for directories, and for files."""
    found = [path.stat() for path in (directory, *directory.rglob("*"))]
    return {(stat.S_ISDIR(one.st_mode), f"{stat.S_IMODE(one.st_mode):o}") for one in found}


@pytest.mark.parametrize(
    ("access", "directories", "files"),
    [("", "750", "640"), ("all", "755", "644"), ("owner", "700", "600")],
)
@pytest.mark.parametrize("umask", [0, 0o077])
def test_who_may_read_a_set_is_a_setting_and_not_the_umask(
    make_server: Callable[..., Server], access: str, directories: str, files: str, umask: int
) -> None:
    server = make_server(MYD_OUTPUT_ACCESS=access)
    before = os.umask(umask)
    try:
        server.start()
    finally:
        os.umask(before)
    server.put("a.json", '[{"id":1,"l":[{"x":1}]}]')
    for merge in (True, False, True):  # the later ones replace the one before
        assert server.convert("a.json", merge=merge, overwrite=True).status == pb.Job.DONE
        assert modes(server.output / "out") == {(True, directories), (False, files)}
    assert f"{stat.S_IMODE(server.output.stat().st_mode):o}" == directories
    assert modes(server.state) == {(True, "700"), (False, "600")}
    assert f"{stat.S_IMODE((server.home / 'address').stat().st_mode):o}" == files


def test_what_another_server_has_left_gets_the_modes_of_this_one(
    make_server: Callable[..., Server], hold: Callable[[str], Hold]
) -> None:
    commit = hold("after_checkpoint_commit")
    settings = {"MYD_FILE_SEP_SIZE": "1", "MYD_CHECKPOINT_SECONDS": "0.001"}
    slowly = "batch_written=sleep:0.005"
    server = make_server(MYD_OUTPUT_ACCESS="all", **settings)
    server.start(MYD_FAILPOINTS=f"{commit.setting};{slowly}")
    server.put("a.json", "[" + ",".join(f'{{"id":{n},"l":[{{"x":1}}]}}' for n in range(300)) + "]")
    job_id = server.submit("a.json")
    commit.reached()
    server.kill()
    commit.release()
    server.start(MYD_OUTPUT_ACCESS="group", MYD_FAILPOINTS="")
    assert server.wait(job_id).status == pb.Job.DONE
    assert f"job {job_id}: goes on from its checkpoint" in server.log
    assert modes(server.output / "out") == {(True, "750"), (False, "640")}


def test_a_state_directory_that_others_could_read_is_closed(
    make_server: Callable[..., Server],
) -> None:
    server = make_server().start()
    server.stop()
    server.state.chmod(0o755)
    (server.state / "csv_status.db").chmod(0o644)
    server.start()
    assert modes(server.state) == {(True, "700"), (False, "600")}


def test_the_old_set_stays_until_the_new_one_takes_its_place(
    working: tuple[Server, Hold, str],
) -> None:
    server, converted, job_id = working
    old = server.output / "out"
    old.mkdir()
    (old / "old.csv").touch()
    converted.release()
    assert server.wait(job_id).status == pb.Job.DONE
    assert table_files_below(old).keys() == {"out_1.csv"}
    assert not (old / "old.csv").exists()


def test_a_set_that_appeared_meanwhile_is_not_replaced_when_that_is_not_wanted(
    make_server: MakeServer, hold: MakeHold
) -> None:
    converted = hold("converted")
    server = make_server(MYD_FAILPOINTS=converted.setting).start()
    server.put("a.json", SMALL)
    job_id = server.submit("a.json", overwrite=False)
    with converted.at_point():
        (server.output / "out").mkdir()
    assert outcome(server.wait(job_id)) == ("FAILED", "OUTPUT_UNAVAILABLE")
    assert server.left_in_output() == {"out"}
    assert list((server.output / "out").iterdir()) == []


def test_something_else_of_that_name_is_never_replaced(
    working: tuple[Server, Hold, str],
) -> None:
    server, converted, job_id = working
    (server.output / "out").symlink_to(server.data)
    converted.release()
    assert outcome(server.wait(job_id)) == ("FAILED", "OUTPUT_UNAVAILABLE")
    assert outcome(server.convert("a.json")) == ("FAILED", "OUTPUT_UNAVAILABLE")
    assert (server.output / "out").is_symlink()
    assert server.left_in_output() == {"out"}


@pytest.mark.parametrize("point", ["rename", "exchange"])
def test_a_filesystem_without_modern_renames_will_do(make_server: MakeServer, point: str) -> None:
    server = make_server(MYD_FAILPOINTS=f"{point}=error:EINVAL").start()
    server.put("a.json", '[{"x":1}]')
    server.put("b.json", '[{"y":1},{"y":2}]')
    assert server.convert("a.json").status == pb.Job.DONE
    assert outcome(server.convert("b.json", overwrite=True)) == ("DONE", "")
    assert b"y" in (server.output / "out/out_1.csv").read_bytes()
    server.stop()
    assert server.left_in_output() == {"out"}


@pytest.mark.parametrize("replaces", [False, True])
def test_a_publication_that_cannot_be_made_to_last_is_taken_back(
    make_server: MakeServer, replaces: bool
) -> None:
    server = make_server().start()
    server.put("a.json", SMALL)
    if replaces:
        server.convert("a.json")
        before = (server.output / "out").stat().st_ino
    server.restart(MYD_FAILPOINTS="after_rename=error:EIO")
    assert outcome(server.convert("a.json")) == ("FAILED", "OUTPUT_UNAVAILABLE")
    assert server.left_in_output() == ({"out"} if replaces else set())
    if replaces:
        assert (server.output / "out").stat().st_ino == before


@pytest.mark.one_in(3)
@pytest.mark.parametrize("renames", ["", ";rename=error:EINVAL;exchange=error:EINVAL"])
@pytest.mark.parametrize("replaces", [False, True])
def test_a_job_fails_only_when_its_set_is_hidden_again(
    make_server: MakeServer, replaces: bool, renames: str
) -> None:
    server = make_server().start()
    server.put("a.json", SMALL)
    if replaces:
        server.convert("a.json")
    before = tree(server.output)
    # As where a file system makes itself read-only when it cannot write.
    server.restart(MYD_FAILPOINTS=f"after_rename=error:EIO;take_back=error:EROFS@1{renames}")
    server.put("a.json", '[{"other":1}]')
    assert outcome(server.convert("a.json")) == ("FAILED", "OUTPUT_UNAVAILABLE")
    assert "its set is not hidden again: OSError[errno 30]" in server.log
    assert tree(server.output) == before
    assert server.left_in_output() == ({"out"} if replaces else set())


@pytest.mark.parametrize(
    ("failure", "reason"), [("EIO", "OUTPUT_UNAVAILABLE"), ("ENOSPC", "DISK_FULL")]
)
def test_a_rename_that_fails_fails_the_job(
    make_server: MakeServer, failure: str, reason: str
) -> None:
    server = make_server(MYD_FAILPOINTS=f"before_publish=error:{failure}").start()
    server.put("a.json", SMALL)
    assert outcome(server.convert("a.json")) == ("FAILED", reason)
    assert server.left_in_output() == set()


def test_a_full_disk_fails_the_job_and_its_space_is_given_back(make_server: MakeServer) -> None:
    server = make_server(MYD_FILE_SEP_SIZE="10")
    with small_disk(server.output, "256k"):
        server.start()
        large = "[" + ",".join(f'{{"id":{n},"text":"{"x" * 1000}"}}' for n in range(1000)) + "]"
        server.put("large.json", large)
        server.put("small.json", SMALL)
        assert outcome(server.convert("large.json")) == ("FAILED", "DISK_FULL")
        assert server.left_in_output() == set()
        assert server.convert("small.json").status == pb.Job.DONE
        server.stop()


def test_a_full_disk_under_the_database_holds_a_job_up_until_there_is_room(
    make_server: MakeServer, hold: MakeHold
) -> None:
    converted = hold("converted")
    server = make_server(MYD_FAILPOINTS=converted.setting)
    with small_disk(server.state, "1m"):
        server.start()
        server.put("a.json", SMALL)
        job_id = server.submit("a.json")
        with converted.at_point():
            ballast = server.state / "ballast"
            fill(ballast)
        server.wait_for_log("state not recorded")
        assert server.job(job_id).status == pb.Job.WORKING
        ballast.unlink()
        assert server.wait(job_id).status == pb.Job.DONE
        server.stop()


@pytest.mark.parametrize("failure", ["ENOSPC", "EDQUOT"])
def test_a_disk_that_is_full_in_the_middle_of_a_conversion_fails_it(
    make_server: MakeServer, failure: str
) -> None:
    server = make_server(MYD_FAILPOINTS=f"batch_written=error:{failure}").start()
    server.put("a.json", SMALL)
    assert outcome(server.convert("a.json")) == ("FAILED", "DISK_FULL")
    assert server.left_in_output() == set()


# --- crashes and restarts --------------------------------------------------------------------


def test_a_killed_server_takes_its_workers_along_and_the_next_one_goes_on(
    working: tuple[Server, Hold, str],
) -> None:
    server, _, job_id = working
    queued = server.submit("a.json", output="o2")
    workers = server.workers()
    assert workers
    server.kill()
    psutil.wait_procs(workers, timeout=PATIENCE_S)
    assert not any(worker.is_running() for worker in workers)
    assert server.left_in_output() == {f".myd-{job_id}"}
    server.start(MYD_FAILPOINTS="")
    for one in (job_id, queued):
        assert outcome(server.wait(one)) == ("DONE", "")
    server.stop()
    assert server.left_in_output() == {"out", "o2"}


def test_a_worker_ends_with_its_stdin_even_if_its_server_lives(
    tmp_path: Path, hold: MakeHold
) -> None:
    started = hold("worker_started")
    task = Task("j1", Conversion(str(tmp_path), ("a.json",), "out"), str(tmp_path / "staging"))
    worker = subprocess.Popen(
        [sys.executable, "-m", "myd_grpc.jobs.worker.program"],
        stdin=subprocess.PIPE,
        env={"PYTHONPATH": str(ROOT), "MYD_FAILPOINTS": started.setting},
    )
    assert worker.stdin
    worker.stdin.write(encode_places(None) + encode_task(task))
    worker.stdin.flush()
    with started.at_point():  # in the middle of its work
        worker.stdin.close()
        assert worker.wait(PATIENCE_S) == 1


@pytest.mark.one_in(5)
@pytest.mark.parametrize("replaces", [False, True])
@pytest.mark.parametrize("settings", ["", ";rename=error:EINVAL;exchange=error:EINVAL"])
@pytest.mark.parametrize("point", ["before_publish", "rename", "after_rename"])
def test_a_set_that_was_complete_at_a_crash_is_published_without_its_key(
    make_server: MakeServer, point: str, settings: str, replaces: bool
) -> None:
    server = make_server().start()
    server.put("a.json", '[{"x":1}]')
    server.put("b.enc", encrypted('[{"y":1},{"y":2}]'))
    if replaces:
        server.convert("a.json")
    server.restart(MYD_FAILPOINTS=f"{settings};{point}=kill")
    job_id = server.submit("b.enc", **KEYS)
    assert server.process.wait(PATIENCE_S) == -signal.SIGKILL
    server.kill()
    server.start(MYD_FAILPOINTS="")
    job = server.job(job_id)
    assert outcome(job) == ("DONE", "")
    assert [table.rows for table in job.tables] == [2]
    assert server.left_in_output() == {"out"}
    assert b"y" in (server.output / "out/out_1.csv").read_bytes()


def test_a_complete_set_that_must_not_replace_another_fails_after_a_crash_too(
    make_server: MakeServer,
) -> None:
    server = make_server(MYD_FAILPOINTS="before_publish=kill").start()
    server.put("a.json", SMALL)
    job_id = server.submit("a.json", overwrite=False)
    server.process.wait(PATIENCE_S)
    (server.output / "out").mkdir()
    server.kill()
    server.start(MYD_FAILPOINTS="")
    assert outcome(server.job(job_id)) == ("FAILED", "OUTPUT_UNAVAILABLE")
    assert server.left_in_output() == {"out"}


def test_a_crash_while_a_set_is_put_aside_brings_it_back(make_server: MakeServer) -> None:
    server = make_server().start()
    server.put("a.json", SMALL)
    server.convert("a.json")
    server.restart(MYD_FAILPOINTS="exchange=error:EINVAL;put_aside=kill")
    job_id = server.submit("a.json")
    assert server.process.wait(PATIENCE_S) == -signal.SIGKILL
    server.kill()
    assert "out" not in server.left_in_output()
    old = (server.output / f".myd-{job_id}-old").stat().st_ino
    server.start(MYD_FAILPOINTS="before_publish=error:EIO")
    assert outcome(server.job(job_id)) == ("FAILED", "OUTPUT_UNAVAILABLE")
    assert server.left_in_output() == {"out"}
    assert (server.output / "out").stat().st_ino == old


def test_staging_that_somebody_owns_is_left(make_server: MakeServer) -> None:
    server = make_server()
    owned, ownerless = server.output / ".myd-owned", server.output / ".myd-ownerless"
    for path in (owned, ownerless):
        path.mkdir(parents=True)
    owner = os.open(owned, os.O_RDONLY)
    fcntl.flock(owner, fcntl.LOCK_EX)
    server.start()
    assert server.left_in_output() == {owned.name}
    os.close(owner)
    server.restart()
    assert server.left_in_output() == set()
