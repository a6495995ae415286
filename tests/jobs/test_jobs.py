"""Jobs from the queue to their ends: those of every kind, and what is left on the disk."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from tests.support.serving import PATIENCE_S, Hold, Server, kill_worker, outcome, worker_of

MakeServer = Callable[..., Server]
MakeHold = Callable[[str], Hold]
SMALL = '[{"id":1}]'


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
