"""REST: the gateway beside the server: its log, what it passes on, its health, and its end."""

from __future__ import annotations

import json
import signal
import socket
import struct
import subprocess
import sys
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from tests.support.resting import UNREACHABLE, RestServer, build_gateway, gateway_to, refused
from tests.support.serving import PATIENCE_S, Server, lasting_address


def test_the_log_shows_routes_and_not_urls(shared_rest: RestServer) -> None:
    headers = {"X-Request-Id": "request-4711"}
    shared_rest.rest.call("GET", "/convert_to_csv/status?job_id=very-own-id", headers=headers)
    shared_rest.rest.call("GET", "/very-own-path", headers=headers)
    calls = [line for line in shared_rest.log.splitlines() if "route=" in line]
    (first, second) = (line for line in calls if "request-4711" in line)
    assert "route=/convert_to_csv/status status=200" in first
    assert "route=- status=404" in second
    assert "very-own" not in shared_rest.log


def test_a_request_id_and_a_trace_reach_the_servers_log(shared_rest: RestServer) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    sent = {"X-Request-Id": "r-17", "Traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    answer = shared_rest.rest.call("GET", "/jobs", headers=sent)
    assert answer.headers["X-Request-Id"] == "r-17"
    shared_rest.wait_for_log(f" request_id=r-17 trace_id={trace}")
    assert shared_rest.rest.call("GET", "/nowhere", headers=sent).headers["X-Request-Id"] == "r-17"
    assert "X-Request-Id" not in shared_rest.rest.get("/jobs").headers


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("x" * 40_000, "x" * 128),
        ("a b=1\tc\x80\xff", "a_b=1_c__"),
        ("\x80" * 40_000, "_" * 128),
        ("", None),
    ],
)
def test_a_request_id_is_one_word_of_bounded_length(
    shared_rest: RestServer, sent: str, kept: str | None
) -> None:
    answer = shared_rest.rest.call("GET", "/jobs", headers={"X-Request-Id": sent})
    assert (answer.status, answer.headers.get("X-Request-Id")) == (200, kept)


@pytest.mark.parametrize("header", ["Traceparent", "Tracestate"])
@pytest.mark.parametrize("value", ["x" * 40_000, "\x80", "a b"])
def test_a_trace_that_is_none_does_no_harm(
    shared_rest: RestServer, header: str, value: str
) -> None:
    valid = {"Traceparent": f"00-{'1' * 32}-{'2' * 16}-01"}
    answer = shared_rest.rest.call("GET", "/jobs", headers=valid | {header: value})
    assert answer.status == 200


def test_health_is_told_also_of_a_server_that_hangs(server: Server, tmp_path: Path) -> None:
    with gateway_to(server.address, tmp_path) as rest:
        assert rest.get("/healthz").status == 200
        server.process.send_signal(signal.SIGSTOP)
        try:
            refused(rest.get("/healthz"), 503, grpc.StatusCode.UNAVAILABLE)
        finally:
            server.process.send_signal(signal.SIGCONT)


def test_why_the_server_is_not_reached_is_for_the_log_alone(tmp_path: Path) -> None:
    address = lasting_address()
    with gateway_to(address, tmp_path) as rest:
        for path in ("/jobs", "/jobs/watch", "/healthz", "/jobs"):
            answer = rest.get(path)
            refused(answer, 503, grpc.StatusCode.UNAVAILABLE)
            assert answer.json["message"] == UNREACHABLE
    log = (tmp_path / "gateway-log").read_text()
    assert log.count("no connection to the server") == 1
    assert f"address={address}" in log
    assert "connection refused" in log


SETTINGS = bytes.fromhex("000000040000000000")
"""The first frame of a server that has nothing to say (RFC 9113, 6.5)."""

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER for a connection that is reset when it is closed."""


def test_a_connection_that_breaks_off_is_told_in_plain_words(tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        futures.ThreadPoolExecutor(1) as other,
    ):
        breaking = other.submit(break_off, listening)
        with gateway_to(f"127.0.0.1:{listening.getsockname()[1]}", tmp_path) as rest:
            answers = [rest.get(path) for path in ("/jobs", "/jobs/watch") for _ in range(20)]
        listening.shutdown(socket.SHUT_RDWR)
        breaking.result(PATIENCE_S)
    assert {answer.status for answer in answers} == {503}
    assert {answer.json["message"] for answer in answers} == {UNREACHABLE}


def break_off(listening: socket.socket) -> None:
    """Reset each connection as soon as it stands."""
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        with connection:
            connection.sendall(SETTINGS)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


def test_an_address_that_others_reach_is_warned_of(rest_server: RestServer) -> None:
    rest_server.start(MYD_REST_ADDRESS="0.0.0.0:0", MYD_PLAINTEXT="true")
    rest_server.wait_for_log(
        f"{rest_server.rest.address} is reachable from other hosts, and is not encrypted"
    )


# --- Headers ---------------------------------------------------------------------------------


def test_traces_and_request_ids_go_on_and_nothing_else(tmp_path: Path) -> None:
    seen: dict[str, str] = {}

    def answer(_request: bytes, context: grpc.ServicerContext) -> bytes:
        seen.update((str(name), str(value)) for name, value in context.invocation_metadata())
        return pb.GetJobStatusResponse().SerializeToString()

    class Anything(grpc.GenericRpcHandler):
        def service(self, _details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any]:
            return grpc.unary_unary_rpc_method_handler(answer)

    server = grpc.server(futures.ThreadPoolExecutor(1), handlers=[Anything()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sent = {
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "tracestate": "a=1",
        "X-Request-ID": "request-1",
        "Cookie": "secret",
        "Grpc-Metadata-Injected": "x",
    }
    with gateway_to(f"127.0.0.1:{port}", tmp_path) as rest:
        rest.call("GET", "/convert_to_csv/status?job_id=1", headers=sent)
    server.stop(None)
    wanted = {name.lower(): sent[name] for name in ("traceparent", "tracestate", "X-Request-ID")}
    assert wanted.items() <= seen.items()
    assert not {"injected", "grpcgateway-cookie", "cookie"} & seen.keys()


# --- Beside the server -----------------------------------------------------------------------


def gateway_of(server: RestServer) -> psutil.Process:
    (process,) = (
        one for one in psutil.Process(server.process.pid).children() if one.name() == "myd-gateway"
    )
    return process


def test_health_is_the_servers(shared_rest: RestServer) -> None:
    answer = shared_rest.rest.get("/healthz")
    assert (answer.status, answer.json) == (200, {"status": "SERVING"})


def test_the_server_ends_with_its_gateway(rest_server: RestServer) -> None:
    rest_server.start()
    gateway_of(rest_server).kill()
    assert rest_server.process.wait(PATIENCE_S) == 1
    assert "the REST gateway has ended, with status -9" in rest_server.log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_gateway_ends_with_its_server(rest_server: RestServer, number: int) -> None:
    process = gateway_of(rest_server.start())
    rest_server.process.send_signal(number)
    rest_server.process.wait(PATIENCE_S)
    gone, _ = psutil.wait_procs([process], PATIENCE_S)
    assert gone
    with pytest.raises(ConnectionRefusedError):
        rest_server.rest.get("/healthz")


def test_an_address_that_is_taken_is_named(rest_server: RestServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        process = rest_server.launch(MYD_REST_ADDRESS=address)
        assert process.wait(PATIENCE_S) == 1
    assert f"the REST gateway cannot listen on {address}" in rest_server.log
    assert "with MYD_REST_ADDRESS" in rest_server.log


def test_without_a_gateway_rest_says_what_to_do(tmp_path: Path) -> None:
    script = tmp_path / "server.py"
    script.write_text((Path(__file__).parents[2] / "server.py").read_text("utf-8"), "utf-8")
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, script, "--rest"],
        env={"PATH": "", "PYTHONPATH": root},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "make gateway" in done.stderr


def test_the_log_has_levels_and_members_as_the_servers(rest_server: RestServer) -> None:
    rest_server.start(MYD_LOG_FORMAT="JSON", MYD_LOG_LEVEL="info")
    rest_server.rest.get("/jobs")
    lines = [json.loads(line) for line in rest_server.log.splitlines()]
    assert {"gateway", "myd_grpc.rest"} <= {line["logger"] for line in lines}
    for line in lines:
        assert {"time", "level", "logger", "message"} <= line.keys()
        assert isinstance(line["time"], float)
    rest_server.log_file.unlink()
    rest_server.restart(MYD_LOG_LEVEL="WARNING")
    rest_server.rest.get("/jobs")
    rest_server.stop()
    assert "gateway" not in rest_server.log


def test_a_gateway_alone_refuses_a_level_that_there_is_not() -> None:
    environ = {"MYD_LOG_LEVEL": "loud", "MYD_LOG_FORMAT": "json"}
    done = subprocess.run(
        [build_gateway()], env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    line = json.loads(done.stderr)
    assert (line["level"], line["message"]) == (
        "ERROR",
        'MYD_LOG_LEVEL="loud" cannot be used: it must be one of INFO, DEBUG, WARNING, ERROR',
    )
