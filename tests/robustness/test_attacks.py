"""Attacks by those who reach the port: others are served, and the memory stays."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import psutil
import pytest
from hyperframe.frame import Frame

from myd.analysis.v1 import analysis_pb2 as pb
from tests.support.attacking import LIST, Attacker, attacker
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
        assert sum(one.closed.wait(1) for one in many) >= 30
