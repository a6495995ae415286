"""Requests that name very many files: how many may be, and what a queue of them costs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
import psutil
import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from myd.analysis.v1 import analysis_pb2_grpc as pb_grpc
from tests.support.resting import RestServer
from tests.support.serving import Hold, Server, details_of

MakeServer = Callable[..., Server]

MOST_FILES = 100_000
LONG = "가" * 80  # 240 bytes


def names(number: int) -> list[str]:
    return [f"{LONG}{n}.json" for n in range(number)]


def memory(server: Server) -> int:
    return psutil.Process(server.process.pid).memory_info().rss


def violation(error: grpc.RpcError) -> tuple[grpc.StatusCode, dict[str, str]]:
    _, bad = details_of(error)
    return error.code(), {one.field: one.description for one in bad.field_violations}


def test_as_many_files_as_may_be_are_taken_with_long_names(server: Server) -> None:
    job = server.convert(*names(MOST_FILES))
    assert (job.status, job.reason) == (pb.Job.FAILED, "FILE_NOT_FOUND")
    assert job.progress.files_total == MOST_FILES


@pytest.mark.parametrize("compression", list(grpc.Compression))
def test_one_more_is_refused_with_the_limit_also_when_compressed(
    server: Server, compression: grpc.Compression
) -> None:
    request = pb.ConvertToCsvRequest(
        file_names=["a.json"] * (MOST_FILES + 1), output_file_name="out"
    )
    with grpc.insecure_channel(server.address, compression=compression) as channel:
        stub = pb_grpc.AnalysisServiceStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            stub.ConvertToCsv(request)
    assert violation(caught.value) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        {"file_names": "must name at most 100000 files (MYD_MAX_FILES), not 100001"},
    )


@pytest.mark.parametrize(
    "call",
    [
        lambda stub: stub.ListJobs(pb.ListJobsRequest(status=[pb.Job.DONE] * ((1 << 20) + 1))),
        lambda stub: list(stub.WatchJob(pb.WatchJobRequest(job_id="x" * (1 << 20)))),
    ],
    ids=["ListJobs", "WatchJob"],
)
def test_other_requests_are_short(shared_server: Server, call: Callable[[Any], object]) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        call(shared_server.stub)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.details() == "the request has more than 1048576 bytes"


def test_only_the_names_of_files_may_be_long(shared_server: Server) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        shared_server.submit("a.json", record_path="x" * 16_385, id_field="y" * 16_385)
    wanted = "must have at most 16384 characters"
    assert violation(caught.value) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        {"record_path": wanted, "id_field": wanted},
    )


def test_a_files_name_is_no_longer_than_a_path_can_be(shared_server: Server) -> None:
    longest, longer = "각" * 1365 + "x", "각" * 1365 + "xy"
    assert shared_server.convert(longest).status == pb.Job.FAILED
    with pytest.raises(grpc.RpcError) as caught:
        shared_server.submit(longest, longer, "z" * 30_000_000)
    wanted = "must have at most 4096 bytes"
    assert violation(caught.value) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        {"file_names[1]": wanted, "file_names[2]": wanted},
    )


def test_no_text_in_a_request_for_a_summary_is_long(shared_server: Server) -> None:
    long, allowed = "x" * 16_385, "y" * 16_384
    request = pb.PreprocessShoppingRequest(
        user_id=long,
        proposal_id=long,
        file_name="f" * 4097,
        record_path=long,
        id_field=long,
    )
    with pytest.raises(grpc.RpcError) as caught:
        shared_server.stub.PreprocessShopping(request)
    wanted = "must have at most 16384 characters"
    texts = ("user_id", "proposal_id", "record_path", "id_field")
    assert violation(caught.value) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        {**dict.fromkeys(texts, wanted), "file_name": "must have at most 4096 bytes"},
    )
    shared_server.put("a.json", "[]")
    request = pb.PreprocessShoppingRequest(user_id=allowed, proposal_id=allowed, file_name="a.json")
    assert not shared_server.stub.PreprocessShopping(request).data.order_lines


def test_the_limit_is_a_setting(make_server: MakeServer) -> None:
    server = make_server(MYD_MAX_FILES="2").start()
    server.put("a.json", '[{"id":1}]')
    assert server.convert("a.json", "a.json").status == pb.Job.DONE
    with pytest.raises(grpc.RpcError) as caught:
        server.submit("a.json", "a.json", "a.json")
    assert "at most 2 files (MYD_MAX_FILES), not 3" in str(caught.value.details())


def test_it_is_the_same_over_rest(rest_server: RestServer) -> None:
    rest = rest_server.start().rest
    body = {"file_names": names(MOST_FILES), "output_file_name": "out"}
    taken = rest.post("/convert_to_csv", body)  # with each character of Hangul as \uXXXX
    assert taken.status == 200, taken.body
    assert rest_server.wait(taken.json["data"]["job_id"]).reason == "FILE_NOT_FOUND"
    refused = rest.post("/convert_to_csv", {**body, "file_names": ["a"] * (MOST_FILES + 1)})
    assert refused.status == 400
    assert "at most 100000 files (MYD_MAX_FILES), not 100001" in refused.json["message"]
    refused = rest.post("/convert_to_csv", {**body, "file_names": ["a" * 4097]})
    assert refused.status == 400
    assert refused.json["message"] == "file_names[0]: must have at most 4096 bytes"


@pytest.mark.parametrize("more", [30, pytest.param(80, marks=pytest.mark.soak)])
def test_a_waiting_job_costs_no_more_than_its_request_also_after_a_restart(
    make_server: MakeServer, hold: Callable[[str], Hold], more: int
) -> None:
    started = hold("worker_started")
    server = make_server(MYD_WORKERS="1", MYD_FAILPOINTS=started.setting).start()
    server.put("a.json", '[{"id":1}]')
    many = ["./" * 10 + "a.json"] * 20_000
    size = pb.ConvertToCsvRequest(file_names=many).ByteSize()
    first = server.submit("a.json", output="first")
    with started.at_point():
        # The first ones show what checking a request takes for a moment.
        waiting = [server.submit(*many, output=str(n)) for n in range(10)]
        before = memory(server)
        waiting += [server.submit(*many, output=str(n)) for n in range(10, 10 + more)]
        assert memory(server) - before < more * size
        server.kill()
    server.start(MYD_FAILPOINTS="")
    # What is left names no file; each job's are read when it begins.
    assert memory(server) < before + more * size
    assert server.wait(first).status == pb.Job.DONE
    assert server.job(waiting[-1]).status == pb.Job.WORKING


def test_a_job_whose_file_is_no_input_after_a_restart_ends_when_it_begins(
    make_server: MakeServer, hold: Callable[[str], Hold]
) -> None:
    started = hold("worker_started")
    server = make_server(MYD_WORKERS="1", MYD_FAILPOINTS=started.setting).start()
    name = server.put("later/a.json", '[{"id":1}]')
    job_id = server.submit(name)
    with started.at_point():
        server.kill()
    server.start(MYD_FAILPOINTS="", MYD_OUTPUT_DIR=str(server.data / "later"))
    job = server.wait(job_id)
    assert (job.status, job.reason) == (pb.Job.FAILED, "INTERRUPTED")
    assert "a file is no input" in job.msg
