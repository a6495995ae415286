"""Attacks by those who reach the port: others are served, and the memory stays."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import psutil
import pytest
from grpc_health.v1 import health_pb2
from hyperframe.frame import Frame

from myd.analysis.v1 import analysis_pb2 as pb
from tests.support.attacking import (
    HEALTH,
    LIST,
    STATUS,
    SUBMIT,
    Attacker,
    attacker,
    uploads,
)
from tests.support.callers import caller_table, token_of, write_callers
from tests.support.resting import RestServer
from tests.support.serving import PATIENCE_S, Server

MakeServer = Callable[..., Server]

MIB = 1 << 20
MOST_GROWTH = 48 * MIB
"""Twice what the server takes when all goes well: how much differs by the allocator's mood."""


def memory(server: Server) -> int:
    """Bytes that the server's own process holds."""
    return int(psutil.Process(server.process.pid).memory_info().rss)


def assert_answered(server: Server) -> None:
    """A caller with a connection of its own gets answers."""
    for _ in range(10):
        assert server.job("none").status == pb.Job.NOTFOUND


def test_streams_that_are_reset_at_once_are_in_nobodys_way(server: Server) -> None:
    assert_answered(server)
    before = memory(server)
    with attacker(server.address) as one:
        for _ in range(5):
            one.send(one.reset_calls(20_000))
            assert_answered(server)
    assert memory(server) - before < MOST_GROWTH
    # Most of them cost nothing but being refused: of those that were taken up, each has a line.
    assert server.log.count("GetJobStatus") < 100_000 // 4


def test_a_connection_has_so_many_calls_at_once(make_server: MakeServer) -> None:
    server = make_server(MYD_MAX_STREAMS="100").start()
    with attacker(server.address, window=0) as one:
        one.send(one.calls(5000))
        assert_answered(server)
        own = server.log.count("GetJobStatus OK")
        assert own <= 10 + 100


FLOODS: list[Callable[[Attacker], Iterator[Frame]]] = [
    lambda one: one.endless_headers(20_000),
    lambda one: one.long_headers(4 * MIB),
    lambda one: one.settings(100_000),
    lambda one: one.pings(100_000),
    lambda one: one.window_updates(100_000),
]


@pytest.mark.parametrize(
    "flood", FLOODS, ids=["headers", "metadata", "settings", "pings", "windows"]
)
def test_a_flood_of_frames_is_in_nobodys_way(
    shared_server: Server, flood: Callable[[Attacker], Iterator[Frame]]
) -> None:
    assert_answered(shared_server)
    before = memory(shared_server)
    with attacker(shared_server.address) as one:
        one.send(flood(one))
        assert_answered(shared_server)
    assert memory(shared_server) - before < MOST_GROWTH


def test_connections_that_say_nothing_are_in_nobodys_way(shared_server: Server) -> None:
    host, _, port = shared_server.address.rpartition(":")
    before = memory(shared_server)
    with ExitStack() as open_ones:
        for n in range(500):
            one = socket.create_connection((host, int(port)), PATIENCE_S)
            open_ones.callback(one.close)
            # Some stop in the middle of their first words.
            one.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[: n % 25])
        assert_answered(shared_server)
        assert memory(shared_server) - before < MOST_GROWTH


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running server that lets in one caller."""
    server = Server(tmp_path_factory.mktemp("closed"))
    callers = write_callers(server.home / "callers.toml", caller_table("a", ["read"]))
    yield server.start(MYD_CALLERS=str(callers))
    server.kill()


@pytest.mark.parametrize("path", [STATUS, SUBMIT])
def test_of_strangers_no_request_is_read(closed: Server, path: str) -> None:
    with uploads(closed.address, path, 20, 4 * MIB) as sent:
        sent.send()
        assert list(sent.ended.values()) == ["16"] * 20
        # A few bytes of each come unread before the refusal does.
        assert sent.taken < 10 * MIB


def test_requests_of_strangers_that_never_arrive_do_not_pile_up(closed: Server) -> None:
    with uploads(closed.address, HEALTH, 20, 4 * MIB) as sent:
        sent.send()
        sent.wait_for_refusals(12)
        assert set(sent.ended.values()) == {"3"}
        # Nor are they in the way of those that arrive.
        for _ in range(10):
            closed.health.Check(health_pb2.HealthCheckRequest(), timeout=PATIENCE_S)


def test_answers_that_nobody_takes_are_in_nobodys_way(shared_server: Server) -> None:
    assert_answered(shared_server)
    before = memory(shared_server)
    with attacker(shared_server.address, window=0) as one:
        one.send(one.calls(1000, LIST))
        assert_answered(shared_server)
        assert memory(shared_server) - before < MOST_GROWTH


def test_there_are_so_many_connections(make_server: MakeServer) -> None:
    server = make_server(MYD_MAX_CONNECTIONS="20").start()
    assert_answered(server)
    with ExitStack() as attackers:
        many = [attackers.enter_context(attacker(server.address)) for _ in range(50)]
        assert_answered(server)
        deadline = time.monotonic() + PATIENCE_S
        while sum(one.closed.is_set() for one in many) < 30:
            assert time.monotonic() < deadline, server.log
            time.sleep(0.01)


def gateway_of(server: Server) -> psutil.Process:
    """The process of the gateway beside a server."""
    [found] = [one for one in server.workers() if one.name() == "myd-gateway"]
    return found


def pushed(waiting: dict[socket.socket, memoryview]) -> int:
    """How much of what waits to be sent could be sent at once.

    What waits too long, as it may on a busy machine, is given up by the gateway.
    """
    moved = 0
    for one, rest in list(waiting.items()):
        try:
            sent = one.send(rest)
        except BlockingIOError:
            continue
        except (BrokenPipeError, ConnectionResetError):
            del waiting[one]
            continue
        moved, waiting[one] = moved + sent, rest[sent:]
        if not waiting[one]:
            del waiting[one]
    return moved


def test_bodies_that_never_arrive_do_not_pile_up_in_the_gateway(shared_rest: RestServer) -> None:
    host, _, port = shared_rest.rest.address.rpartition(":")
    head = (
        f"POST /convert_to_csv HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {MIB + 1}\r\n\r\n"
    )
    body = memoryview(head.encode() + bytes(MIB))
    gateway = gateway_of(shared_rest)
    before = gateway.memory_info().rss
    with ExitStack() as open_ones:
        waiting = {}
        for _ in range(600):
            one = socket.create_connection((host, int(port)), PATIENCE_S)
            open_ones.callback(one.close)
            one.setblocking(False)
            waiting[one] = body
        quiet = 0
        while waiting and quiet < 5:
            quiet = 0 if pushed(waiting) else quiet + 1
            # Nor are they in the way of others.
            assert shared_rest.rest.get("/jobs").status == 200
        assert shared_rest.rest.post("/jobs/none:cancel", {}).status == 200
        assert gateway.memory_info().rss - before < 400 * MIB


def test_the_gateway_has_so_many_connections(rest_server: RestServer) -> None:
    rest_server.start(MYD_MAX_CONNECTIONS="20")
    host, _, port = rest_server.rest.address.rpartition(":")
    # What it answers by itself: the server behind it may take its time on a busy machine.
    question = f"GET /openapi.json HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    with ExitStack() as open_ones:
        many = []
        for _ in range(40):
            one = socket.create_connection((host, int(port)), PATIENCE_S)
            open_ones.callback(one.close)
            one.sendall(question)
            many.append(one)
        for one in many[:20]:
            assert one.recv(1000).startswith(b"HTTP/1.1 200")
        connected = gateway_of(rest_server).net_connections("tcp")
        listened = [one for one in connected if one.laddr.port == int(port) and one.raddr]
        assert len(listened) == 20
        # They wait until others go.
        for one in many[:20]:
            one.close()
        assert many[-1].recv(1000).startswith(b"HTTP/1.1 200")


def test_strangers_who_wait_at_the_gateway_are_in_nobodys_way(rest_server: RestServer) -> None:
    callers = write_callers(rest_server.home / "callers.toml", caller_table("a", ["read"]))
    rest_server.start(MYD_CALLERS=str(callers), MYD_CALLER_CALLS="1")
    host, _, port = rest_server.rest.address.rpartition(":")
    wrong = f"GET /jobs HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer wrong\r\n\r\n".encode()
    with ExitStack() as open_ones, selectors.DefaultSelector() as answered:
        for _ in range(600):
            one = socket.create_connection((host, int(port)), PATIENCE_S)
            open_ones.callback(one.close)
            one.sendall(wrong)
            answered.register(one, selectors.EVENT_READ)
        token = {"Authorization": f"Bearer {token_of('a')}"}
        for _ in range(3):
            assert rest_server.rest.call("GET", "/jobs", headers=token).status == 200
        # And that was not because all of them had been given up.
        assert len(answered.select(0)) < 500
