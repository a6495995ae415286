"""Calls of callers over the wire: who is let in, to what, and for how long."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.token import digest
from tests.support.callers import (
    UNAUTHENTICATED,
    bearing,
    caller_table,
    stub_of,
    token_of,
    write_callers,
)
from tests.support.serving import PATIENCE_S, ROOT, Hold, Server, details_of

METHODS = list(pb.DESCRIPTOR.services_by_name["AnalysisService"].methods)
ROLES = ["read", "convert", "preprocess", "admin"]
REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"


def start(server: Server, *tables: str, **settings: str) -> Server:
    path = write_callers(server.home / "callers.toml", *tables)
    return server.start(MYD_CALLERS=str(path), **settings)


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that lets in one caller of each role, and one with none."""
    server = Server(tmp_path_factory.mktemp("closed"))
    tables = [caller_table(role, [role]) for role in ROLES]
    server = start(
        server, *tables, caller_table("none", []), MYD_REFLECTION="true", MYD_LOG_LEVEL="DEBUG"
    )
    yield server
    server.kill()


def call(server: Server, method: Any, metadata: Any, data: bytes = b"") -> None:
    """One call, whose answer does not matter if there is one."""
    channel: Any = server.channel  # whose annotations know no calls of bytes
    path = f"/{method.containing_service.full_name}/{method.name}"
    if method.server_streaming:
        next(channel.unary_stream(path)(data, metadata=metadata, timeout=PATIENCE_S), None)
    else:
        channel.unary_unary(path)(data, metadata=metadata, timeout=PATIENCE_S)


def outcome(server: Server, method: Any, metadata: Any, data: bytes = b"") -> tuple[Any, str]:
    try:
        call(server, method, metadata, data)
    except grpc.RpcError as error:
        return error.code(), error.details() or ""
    return grpc.StatusCode.OK, ""


WRONG: dict[str, list[Any]] = {
    "none": [],
    "empty": [("authorization", "")],
    "scheme alone": [("authorization", "Bearer")],
    "no scheme": [("authorization", token_of("admin"))],
    "another scheme": [("authorization", f"Basic {token_of('admin')}")],
    "unknown": bearing("myd_nobody-has-this"),
    "long": bearing("x" * 7000),
    "digest": bearing(digest(token_of("admin"))),
    "two": [*bearing(token_of("admin")), *bearing(token_of("admin"))],
    "in bytes": [("authorization-bin", f"Bearer {token_of('admin')}".encode())],
    "elsewhere": [("x-authorization", f"Bearer {token_of('admin')}"), ("token", token_of("admin"))],
}


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
@pytest.mark.parametrize("kind", WRONG)
def test_every_wrong_credential_is_answered_alike(closed: Server, method: Any, kind: str) -> None:
    # A request that cannot be read makes no difference: it is not looked at.
    for data in (b"", b"\xff"):
        assert outcome(closed, method, WRONG[kind], data) == UNAUTHENTICATED


def test_the_answer_is_for_programs_too(closed: Server) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        closed.stub.ListJobs(pb.ListJobsRequest())
    info, _ = details_of(caught.value)
    assert (info.domain, info.reason, dict(info.metadata)) == (
        "myd.analysis.v1",
        "UNAUTHENTICATED",
        {},
    )


ALLOWED = {
    "read": {"GetJobStatus", "WatchJob", "WatchJobs", "ListJobs", "ListTables"},
    "preprocess": {"PreprocessShopping"},
    "none": set(),
}
ALLOWED["convert"] = ALLOWED["read"] | {"ConvertToCsv", "CancelJob", "ResumeJob", "DeleteJob"}
ALLOWED["admin"] = ALLOWED["convert"] | ALLOWED["preprocess"]


@pytest.mark.parametrize("name", ALLOWED)
def test_roles_say_which_calls_are_let_in(closed: Server, name: str) -> None:
    bad_request = b"\xff"
    denied = set()
    for method in METHODS:
        code, _ = outcome(closed, method, bearing(token_of(name)), bad_request)
        assert code in {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.PERMISSION_DENIED}
        if code is grpc.StatusCode.PERMISSION_DENIED:
            denied.add(method.name)
    assert denied == {method.name for method in METHODS} - ALLOWED[name]


def test_a_missing_role_is_named(closed: Server) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        stub_of(closed, "read").CancelJob(pb.CancelJobRequest(job_id="x"))
    info, _ = details_of(caught.value)
    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert (info.reason, dict(info.metadata)) == ("ROLE_MISSING", {"role": "convert"})
    assert caught.value.details() == "this call needs the role convert"


def test_health_takes_no_credential(closed: Server) -> None:
    request = health_pb2.HealthCheckRequest()
    serving = health_pb2.HealthCheckResponse.SERVING
    assert closed.health.Check(request, timeout=PATIENCE_S).status == serving
    assert next(closed.health.Watch(request, timeout=PATIENCE_S)).status == serving
    command = [sys.executable, "-m", "myd_grpc.healthcheck"]
    environment = {"MYD_GRPC_ADDRESS": closed.address}
    assert subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode == 0


def services(server: Server, metadata: Any) -> int:
    """How many services reflection tells of."""
    ask: Any = server.channel.stream_stream(
        REFLECTION, response_deserializer=reflection_pb2.ServerReflectionResponse.FromString
    )
    request = reflection_pb2.ServerReflectionRequest(list_services="").SerializeToString()
    answer = next(ask(iter([request]), metadata=metadata, timeout=PATIENCE_S))
    return len(answer.list_services_response.service)


def test_reflection_takes_any_credential(closed: Server) -> None:
    assert services(closed, bearing(token_of("none"))) == 4
    with pytest.raises(grpc.RpcError) as caught:
        services(closed, WRONG["unknown"])
    assert (caught.value.code(), caught.value.details()) == UNAUTHENTICATED


def test_a_method_that_is_not_there_tells_nothing(closed: Server) -> None:
    nope: Any = closed.channel.unary_unary("/myd.analysis.v1.AnalysisService/Nope")
    for metadata in ([], bearing(token_of("admin"))):
        with pytest.raises(grpc.RpcError) as caught:
            nope(b"", metadata=metadata, timeout=PATIENCE_S)
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_no_credential_is_logged(closed: Server) -> None:
    for name in ("admin", "none", "nobody"):
        for scheme in ("Bearer", "Basic"):
            metadata = [("authorization", f"{scheme} {token_of(name)}")]
            for method in METHODS:
                outcome(closed, method, metadata, b"\xff")
    assert "UNAUTHENTICATED" in closed.log
    assert token_of("").partition("_0")[2] not in closed.log


def test_without_a_file_everybody_may_do_everything(shared_server: Server) -> None:
    for metadata in WRONG.values():
        for method in METHODS:
            code, _ = outcome(shared_server, method, metadata, b"\xff")
            assert code is grpc.StatusCode.INVALID_ARGUMENT


# How long a stream lasts


def standing(server: Server, name: str, job_id: str) -> list[Any]:
    """Both kinds of streams of a caller, each with its first message."""
    stub = stub_of(server, name)
    streams = [
        stub.WatchJobs(pb.WatchJobsRequest(), timeout=PATIENCE_S),
        stub.WatchJob(pb.WatchJobRequest(job_id=job_id), timeout=PATIENCE_S),
    ]
    for stream in streams:
        next(stream)
    return streams


def end_of(stream: Any) -> tuple[Any, str]:
    with pytest.raises(grpc.RpcError) as caught:
        for _ in stream:
            pass
    return caught.value.code(), caught.value.details() or ""


CHANGES = {
    "gone": "",
    "token": caller_table("a", ["admin"], tokens=[digest("another")]),
    "roles": caller_table("a", ["admin", "read"]),
    "data": caller_table("a", ["admin"], data="a"),
    "output": caller_table("a", ["admin"], output="a"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_streams_end_when_their_caller_is_another(
    make_server: Callable[..., Server], hold: Callable[[str], Any], change: str
) -> None:
    waits = hold("worker_started")
    other = caller_table("b", ["admin"])
    server = start(
        make_server(MYD_FAILPOINTS=waits.setting, MYD_HEARTBEAT_SECONDS="0.1"),
        caller_table("a", ["admin"]),
        other,
    )
    server.put("a.json", "[]")
    request = pb.ConvertToCsvRequest(file_names=["a.json"], output_file_name="out", merge=True)
    job_id = stub_of(server, "a").ConvertToCsv(request, timeout=PATIENCE_S).data.job_id
    with waits.at_point():
        streams, others = standing(server, "a", job_id), standing(server, "b", job_id)
        write_callers(server.home / "callers.toml", CHANGES[change], other)
        for stream in streams:
            assert end_of(stream) == UNAUTHENTICATED
        # That of another caller goes on, and so does the job.
        next(others[1])
    (*_, last) = others[1]
    assert last.data.status == pb.Job.DONE


def test_a_summary_ends_when_its_caller_is_no_more(
    make_server: Callable[..., Server], hold: Callable[[str], Hold], tmp_path: Path
) -> None:
    waits, audit = hold("summary_started"), tmp_path / "audit"
    server = start(
        make_server(MYD_FAILPOINTS=waits.setting, MYD_AUDIT_FILE=str(audit)),
        caller_table("a", ["preprocess"]),
    )
    server.put("a.json", "[]")
    request = pb.PreprocessShoppingRequest(user_id="u", proposal_id="p", file_name="a.json")
    call = stub_of(server, "a").PreprocessShopping.future(request, timeout=PATIENCE_S)
    waits.reached()
    write_callers(server.home / "callers.toml", caller_table("b", ["preprocess"]))
    assert (call.code(), call.details()) == UNAUTHENTICATED
    assert waits.abandoned()
    assert json.loads(audit.read_text())["outcome"] == "UNAUTHENTICATED"


# The start


def test_a_bad_file_is_refused_at_the_start(make_server: Callable[..., Server]) -> None:
    server = make_server()
    path = write_callers(server.home / "callers.toml", "[callers.a]\ntoken = 'myd_secret'\n")
    process = server.launch(MYD_CALLERS=str(path))
    assert process.wait(PATIENCE_S) == 2
    assert f"{path}: [callers.a]: 'token' is none of tokens, certificates" in server.log
    assert "myd_secret" not in server.log
    assert "Traceback" not in server.log


def test_a_token_and_its_line_are_made(make_server: Callable[..., Server]) -> None:
    command = [sys.executable, "-m", "myd_grpc.token"]
    made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    token, line = made.splitlines()
    assert re.fullmatch(r"myd_[\w-]{43}", token)
    server = start(make_server(), f"[callers.a]\n{line}\nroles = ['read']\n")
    assert not server.stub.ListJobs(pb.ListJobsRequest(), metadata=bearing(token)).data


def test_with_callers_a_set_is_not_replaced_by_default(make_server: Callable[..., Server]) -> None:
    server = start(make_server(), caller_table("a", ["admin"]))
    stub, name = stub_of(server, "a"), server.put("a.json", "[]")
    request = pb.ConvertToCsvRequest(file_names=[name], output_file_name="out", merge=True)
    job_id = stub.ConvertToCsv(request).data.job_id
    *_, last = stub.WatchJob(pb.WatchJobRequest(job_id=job_id))
    assert last.data.status == pb.Job.DONE
    with pytest.raises(grpc.RpcError) as caught:
        stub.ConvertToCsv(request)
    assert details_of(caught.value)[0].reason == "OUTPUT_EXISTS"
