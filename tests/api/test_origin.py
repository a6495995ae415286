"""What comes with a call: ids that join logs, and bytes that are no request."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from tests.support.serving import PATIENCE_S, Server, details_of

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


def call(server: Server, *metadata: tuple[str, str], job_id: str = "nope") -> None:
    request = pb.GetJobStatusRequest(job_id=job_id)
    server.stub.GetJobStatus(request, metadata=metadata, timeout=PATIENCE_S)


def lines(server: Server, text: str) -> list[str]:
    server.wait_for_log(text)
    return [line for line in server.log.splitlines() if text in line]


def test_the_lines_of_a_call_end_with_its_origin(server: Server) -> None:
    request = pb.ConvertToCsvRequest(file_names=[server.put("a.json", "[]")], output_file_name="o")
    metadata = (("x-request-id", "r-1"), ("traceparent", TRACEPARENT))
    job_id = server.stub.ConvertToCsv(request, metadata=metadata).data.job_id
    server.wait(job_id)
    submitted, ended = lines(server, "request_id=r-1")
    assert f"job {job_id}: submitted" in submitted
    assert "ConvertToCsv OK" in ended
    assert submitted.endswith(f" request_id=r-1 trace_id={TRACE}")
    assert ended.endswith(f" request_id=r-1 trace_id={TRACE}")


def test_an_error_id_is_joined_to_the_request(server: Server) -> None:
    job_id = server.convert(server.put("a.json", "[]")).job_id
    # A state that there is not is nothing the server expects.
    with sqlite3.connect(server.state / "csv_status.db") as connection:
        connection.execute("""UPDATE job_status SET options = '{"csv_profile":"odd"}'""")
    connection.close()
    with pytest.raises(grpc.RpcError) as caught:
        call(server, ("x-request-id", "r-2"), job_id=job_id)
    info, _ = details_of(caught.value)
    (line,) = lines(server, f"internal error {info.metadata['error_id']}")
    assert line.endswith(" request_id=r-2")


def test_json_lines_have_members_for_it(make_server: Callable[..., Server]) -> None:
    server = make_server(MYD_LOG_FORMAT="json").start()
    call(server, ("x-request-id", "r-3"), ("traceparent", TRACEPARENT))
    line: dict[str, Any] = json.loads(lines(server, "r-3")[0])
    assert (line["request_id"], line["trace_id"]) == ("r-3", TRACE)
    assert "r-3" not in line["message"]


def test_an_id_is_one_word_of_bounded_length(server: Server) -> None:
    call(server, ("x-request-id", "odd id=1 " + "x" * 4000))
    (line,) = lines(server, "request_id=")
    assert line.endswith(" request_id=odd_id=1_" + "x" * 119)


@pytest.mark.parametrize("given", ["00-1234-00f067aa0ba902b7-01", "x" * 4000, TRACEPARENT.upper()])
def test_a_traceparent_that_is_none_is_left_out(shared_server: Server, given: str) -> None:
    call(shared_server, ("x-request-id", given[:20]), ("traceparent", given))
    assert "trace_id" not in "".join(lines(shared_server, f"request_id={given[:20]}"))


@pytest.mark.parametrize("rpc", ["ConvertToCsv", "WatchJob", "WatchJobs", "PreprocessShopping"])
def test_bytes_that_are_no_request_are_the_callers_fault(shared_server: Server, rpc: str) -> None:
    path = f"/myd.analysis.v1.AnalysisService/{rpc}"
    # How many messages the answer has makes no difference to a call that is refused.
    method: Any = shared_server.channel.unary_stream(path)
    with pytest.raises(grpc.RpcError) as caught:
        next(method(b"\xff\xff\xff\xff", timeout=PATIENCE_S))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    wanted = f"the request cannot be read: its bytes are no {rpc}Request"
    assert caught.value.details() == wanted
    assert details_of(caught.value)[0].reason == "INVALID_REQUEST"
    lines(shared_server, f" {rpc} INVALID_ARGUMENT")
    assert "Traceback" not in shared_server.log
    assert "DecodeError" not in shared_server.log


@pytest.mark.parametrize("rpc", ["Check", "Watch"])
def test_bytes_that_are_no_question_about_health(shared_server: Server, rpc: str) -> None:
    method: Any = shared_server.channel.unary_stream(f"/grpc.health.v1.Health/{rpc}")
    with pytest.raises(grpc.RpcError) as caught:
        next(method(b"\xff\xff\xff\xff", timeout=PATIENCE_S))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    wanted = "the request cannot be read: its bytes are no HealthCheckRequest"
    assert caught.value.details() == wanted
    assert "DecodeError" not in shared_server.log
