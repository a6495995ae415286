"""How much a caller may have at once, and all together: what is beyond is refused, for a while."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any, cast

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo, QuotaFailure, RetryInfo
from grpc_health.v1 import health_pb2
from grpc_status import rpc_status

from myd.analysis.v1 import analysis_pb2 as pb
from tests.support.callers import caller_table, stub_of, write_callers
from tests.support.serving import PATIENCE_S, Hold, Server

MakeServer = Callable[..., Server]
MakeHold = Callable[[str], Hold]

ROLES = ["convert", "preprocess"]
SHOPPING = '[{"user_id":"u1","orders":[]}]'


def server_for(make_server: MakeServer, *tables: str, **settings: str) -> Server:
    """A running server with these callers, and an input `a.json`."""
    server = make_server()
    server.put("a.json", SHOPPING)
    callers = write_callers(server.home / "callers.toml", *tables)
    return server.start(MYD_CALLERS=str(callers), **settings)


def bank_and_shop(
    make_server: MakeServer, point: Hold, limits: Mapping[str, int], **settings: str
) -> tuple[Server, Any, Any]:
    """A server whose workers are held, and the stubs of two callers, of which one has limits."""
    server = server_for(
        make_server,
        caller_table("bank", ROLES, **limits),
        caller_table("shop", ROLES),
        MYD_FAILPOINTS=point.setting,
        **settings,
    )
    return server, stub_of(server, "bank"), stub_of(server, "shop")


def submit(stub: Any, output: str) -> str:
    request = pb.ConvertToCsvRequest(file_names=["a.json"], output_file_name=output, merge=True)
    job_id: str = stub.ConvertToCsv(request, timeout=PATIENCE_S).data.job_id
    return job_id


def summary(stub: Any) -> Any:
    request = pb.PreprocessShoppingRequest(user_id="u1", proposal_id="p", file_name="a.json")
    return stub.PreprocessShopping.future(request, timeout=PATIENCE_S)


def refusal(call: Callable[[], object]) -> tuple[str, str, str, float]:
    """The reason, whose bound it is, what is used up, and when to call again."""
    with pytest.raises(grpc.RpcError) as caught:
        call()
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    status = rpc_status.from_call(cast("grpc.Call", caught.value))
    assert status
    info, quota, retry = ErrorInfo(), QuotaFailure(), RetryInfo()
    for detail in status.details:
        for one in (info, quota, retry):
            detail.Unpack(one)
    [violation] = quota.violations or [QuotaFailure.Violation()]
    return info.reason, violation.subject, violation.description, retry.retry_delay.ToSeconds()


@contextmanager
def watching(stub: Any, number: int, job_id: str) -> Iterator[list[Any]]:
    """So many watches that stand."""
    request = pb.WatchJobRequest(job_id=job_id)
    calls = [stub.WatchJob(request, timeout=PATIENCE_S) for _ in range(number)]
    try:
        for call in calls:
            next(call)
        yield calls
    finally:
        for call in calls:
            call.cancel()


@pytest.fixture
def point(hold: MakeHold) -> Hold:
    return hold("worker_started")


def test_jobs_of_a_caller_wait_up_to_its_bound_and_those_of_others_are_let_in(
    make_server: MakeServer, point: Hold
) -> None:
    server, bank, shop = bank_and_shop(make_server, point, {"queued": 1}, MYD_WORKERS="1")
    first = submit(bank, "out1")
    with point.at_point():
        submit(bank, "out2")
        refused = refusal(lambda: submit(bank, "out3"))
        assert refused == (
            "QUOTA_EXCEEDED",
            "caller",
            "as many jobs of this caller wait as may: 1 (queued)",
            5,
        )
        theirs = submit(shop, "out4")
        status = pb.GetJobStatusRequest(job_id=first)
        assert bank.GetJobStatus(status, timeout=PATIENCE_S).data.job_id == first
        health = server.health.Check(health_pb2.HealthCheckRequest(), timeout=PATIENCE_S)
        assert health.status == health.SERVING
    *_, last = shop.WatchJob(pb.WatchJobRequest(job_id=theirs), timeout=PATIENCE_S)
    assert last.data.status == pb.Job.DONE


@pytest.mark.parametrize("restarts", [False, True])
def test_callers_are_served_in_turn_also_after_a_restart(
    make_server: MakeServer, point: Hold, restarts: bool
) -> None:
    server, bank, shop = bank_and_shop(make_server, point, {}, MYD_WORKERS="1")
    jobs = [submit(bank, f"bank{number}") for number in range(4)]
    jobs[2:2] = [submit(shop, "shop")]
    point.reached()
    if restarts:
        server.kill()
        server.start(MYD_FAILPOINTS="")
    else:
        point.release()
    for job_id in jobs:
        server.wait_for_log(f"job {job_id}: DONE")
    # A worker converts one after the other; a set may be published while the next is made.
    converted = [line for line in server.log.splitlines() if ": worker: converted" in line]
    assert [line.split("job ")[1].split(":")[0] for line in converted] == jobs


def test_a_caller_at_its_bound_leaves_a_worker_to_others(
    make_server: MakeServer, point: Hold
) -> None:
    _, bank, shop = bank_and_shop(make_server, point, {"running": 1}, MYD_WORKERS="2")
    submit(bank, "out1")
    waits = submit(bank, "out2")
    runs = submit(shop, "out3")
    for _ in range(2):
        point.reached()
    phases = [
        stub.GetJobStatus(pb.GetJobStatusRequest(job_id=job_id), timeout=PATIENCE_S).data.phase
        for stub, job_id in ((bank, waits), (shop, runs))
    ]
    assert phases == [pb.Job.PHASE_QUEUED, pb.Job.PHASE_CONVERTING]
    point.release()


def test_watches_have_a_bound_for_each_caller_and_for_all(
    make_server: MakeServer, point: Hold
) -> None:
    server = server_for(
        make_server,
        caller_table("bank", ROLES, watches=2),
        caller_table("all", ["admin"]),
        MYD_MAX_WATCHES="4",
        MYD_CALLER_WATCHES="3",
        MYD_FAILPOINTS=point.setting,
    )
    bank, everything = stub_of(server, "bank"), stub_of(server, "all")
    job_id = submit(bank, "out")
    request = pb.WatchJobRequest(job_id=job_id)
    mine = "QUOTA_EXCEEDED", "caller", "as many watches of this caller as may be at once: 2", 1
    with point.at_point():
        with watching(bank, 2, job_id):
            assert refusal(lambda: next(bank.WatchJob(request))) == mine
            assert refusal(lambda: next(bank.WatchJobs(pb.WatchJobsRequest()))) == mine
            with watching(everything, 2, job_id):
                assert refusal(lambda: next(everything.WatchJob(request))) == (
                    "QUOTA_EXCEEDED",
                    "server",
                    "as many watches as may be at once: 4 (MYD_MAX_WATCHES)",
                    1,
                )
        server.wait_for_log("WatchJob CANCELLED")
        while server.log.count("WatchJob CANCELLED") < 4:
            bank.GetJobStatus(pb.GetJobStatusRequest(job_id=job_id), timeout=PATIENCE_S)
        with watching(everything, 3, job_id):
            _, subject, _, _ = refusal(lambda: next(everything.WatchJob(request)))
            assert subject == "caller"


def test_a_caller_has_so_many_summaries_at_once(make_server: MakeServer, hold: MakeHold) -> None:
    point = hold("summary_started")
    _, bank, shop = bank_and_shop(make_server, point, {"summaries": 2}, MYD_SUMMARIES="1")
    first = summary(bank)
    point.reached()
    ended = SimpleQueue[Any]()
    waits = {summary(bank) for _ in range(3)}
    for one in waits:
        one.add_done_callback(ended.put)
    # They come in any order; the first of them waits.
    for _ in range(2):
        refused = ended.get(timeout=PATIENCE_S)
        reason, subject, _, _ = refusal(refused.result)
        assert (reason, subject) == ("QUOTA_EXCEEDED", "caller")
        waits.remove(refused)
    theirs = summary(shop)
    point.release()
    for one in (first, *waits, theirs):
        with_answer = one.exception()
        assert with_answer is None or with_answer.code() is grpc.StatusCode.NOT_FOUND


def test_summaries_are_made_for_callers_in_turn(make_server: MakeServer, hold: MakeHold) -> None:
    point = hold("summary_started")
    server = server_for(
        make_server,
        caller_table("bank", ROLES),
        caller_table("shop", ROLES),
        MYD_SUMMARIES="1",
        MYD_FAILPOINTS=point.setting,
    )
    ended: list[str] = []

    def ask(name: str) -> Any:
        call = summary(stub_of(server, name))
        call.add_done_callback(lambda _: ended.append(name))
        return call

    calls = [ask("bank") for _ in range(8)]
    point.reached()
    # So that those before have come.
    stub_of(server, "bank").GetJobStatus(pb.GetJobStatusRequest(job_id="none"))
    calls.append(ask("shop"))
    stub_of(server, "bank").GetJobStatus(pb.GetJobStatusRequest(job_id="none"))
    point.release()
    for call in calls:
        call.exception()
    assert "shop" in ended[:4]


def test_a_caller_who_calls_too_fast_waits_and_nobody_else_does(make_server: MakeServer) -> None:
    server = server_for(
        make_server,
        caller_table("loud", ROLES),
        caller_table("calm", ROLES),
        MYD_CALLER_CALLS="1",
    )
    request = pb.GetJobStatusRequest(job_id="none")
    loud = stub_of(server, "loud")
    calls = [loud.GetJobStatus.future(request, timeout=PATIENCE_S) for _ in range(200)]
    ended = SimpleQueue[Any]()
    for call in calls:
        call.add_done_callback(ended.put)
    assert stub_of(server, "calm").GetJobStatus(request).data.status == pb.Job.NOTFOUND
    health = server.health.Check(health_pb2.HealthCheckRequest(), timeout=PATIENCE_S)
    assert health.status == health.SERVING
    assert not all(call.done() for call in calls)
    # Whichever of them is let in first, after all that came before.
    assert ended.get(timeout=PATIENCE_S).result().data.status == pb.Job.NOTFOUND
    for call in calls:
        call.cancel()


def test_without_callers_only_what_is_for_all_counts(
    make_server: MakeServer, hold: MakeHold
) -> None:
    point = hold("worker_started")
    server = make_server(
        MYD_WORKERS="1",
        MYD_MAX_QUEUED="1",
        MYD_CALLER_QUEUED="0",
        MYD_CALLER_WATCHES="0",
        MYD_FAILPOINTS=point.setting,
    )
    server.put("a.json", SHOPPING)
    server.start()
    job_id = submit(server.stub, "out1")
    with point.at_point(), watching(server.stub, 3, job_id):
        submit(server.stub, "out2")
        assert refusal(lambda: submit(server.stub, "out3")) == ("QUEUE_FULL", "", "", 5)


def test_a_job_that_takes_too_long_is_ended(make_server: MakeServer, point: Hold) -> None:
    server = make_server(MYD_MAX_JOB_SECONDS="1", MYD_FAILPOINTS=point.setting)
    server.put("a.json", SHOPPING)
    # On a busy machine it may be over before the worker comes to the point.
    job = server.start().convert("a.json")
    assert point.left()
    assert (job.status, job.reason) == (pb.Job.FAILED, "LIMIT_EXCEEDED")
    assert job.msg == (
        "the job has worked for 1 s, which is as long as it may (MYD_MAX_JOB_SECONDS)"
    )


def test_an_input_that_is_too_large_is_refused_before_it_is_read(make_server: MakeServer) -> None:
    server = make_server(MYD_MAX_INPUT_BYTES=str(2 * len(SHOPPING) - 1))
    server.put("a.json", SHOPPING)
    server.put("b.json", SHOPPING)
    server.start()
    assert server.convert("a.json").status == pb.Job.DONE
    job = server.convert("a.json", "b.json", output="both")
    assert (job.status, job.reason) == (pb.Job.FAILED, "LIMIT_EXCEEDED")
    assert job.msg.startswith("b.json: ")
    assert "MYD_MAX_INPUT_BYTES" in job.msg
    server.put("a.json", SHOPPING + " " * len(SHOPPING))
    with pytest.raises(grpc.RpcError) as caught:
        summary(server.stub).result()
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "MYD_MAX_INPUT_BYTES" in str(caught.value.details())
