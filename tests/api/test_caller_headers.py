"""Headers that no library sends: they let nobody in, and what is in them is not logged."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import TrailersReceived

from tests.support.callers import UNAUTHENTICATED, caller_table, token_of, write_callers
from tests.support.serving import PATIENCE_S, Server

LIST = b"/myd.analysis.v1.AnalysisService/ListJobs"
TOKEN = token_of("a").encode()
OK, UNKNOWN_METHOD = b"0", b"12"


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("closed"))
    path = write_callers(server.home / "callers.toml", caller_table("a", ["admin"]))
    server.start(MYD_CALLERS=str(path), MYD_LOG_LEVEL="DEBUG")
    yield server
    server.kill()


def call(server: Server, *headers: tuple[bytes, bytes], path: bytes = LIST) -> tuple[bytes, bytes]:
    """The status and message that a call with these headers, as they are, ends with."""
    host, port = server.address.split(":")
    # As they are: neither checked nor put into small letters.
    config = H2Configuration(
        header_encoding=None, validate_outbound_headers=False, normalize_outbound_headers=False
    )
    connection = H2Connection(config)
    connection.initiate_connection()
    of_call = [
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", path),
        (b":authority", b"x"),
        (b"te", b"trailers"),
        (b"content-type", b"application/grpc"),
    ]
    connection.send_headers(1, [*of_call, *headers])
    connection.send_data(1, bytes(5), end_stream=True)
    with socket.create_connection((host, int(port)), PATIENCE_S) as connected:
        connected.sendall(connection.data_to_send())
        while data := connected.recv(65536):
            for event in connection.receive_data(data):
                found = dict(getattr(event, "headers", None) or ())
                if isinstance(event, TrailersReceived) or b"grpc-status" in found:
                    return found[b"grpc-status"], found.get(b"grpc-message", b"")
            connected.sendall(connection.data_to_send())
    raise AssertionError("the connection was closed")


@pytest.mark.parametrize(
    "values",
    [
        [b"Bearer " + TOKEN + b"\xff"],
        [b"\xff\xfeBearer " + TOKEN],
        [b"Bearer " + TOKEN + b"\xed\x86\xa0"],
        [b"Bearer " + TOKEN + b"\0"],
        [b"Bearer " + TOKEN + b"\n"],
        [b"Bearer\t" + TOKEN],
        [b" Bearer " + TOKEN],
        [b"Bearer x, Bearer " + TOKEN],
        [b"Bearer " + TOKEN, b"Bearer " + TOKEN],
        [b"Bearer x", b"Bearer " + TOKEN],
        [b"Bearer " + b"x" * 7900],
    ],
    ids=range(11),
)
def test_odd_headers_let_nobody_in(closed: Server, values: list[bytes]) -> None:
    message = UNAUTHENTICATED[1].encode()
    assert call(closed, *((b"authorization", value) for value in values)) == (b"16", message)
    assert TOKEN not in closed.log.encode()


def test_the_usual_one_lets_in(closed: Server) -> None:
    assert call(closed, (b"authorization", b"Bearer " + TOKEN))[0] == OK


@pytest.mark.parametrize(
    "path",
    [
        LIST + b"/",
        b"/" + LIST,
        LIST[1:],
        LIST.lower(),
        LIST.replace(b"L", b"%4c"),
        b"/grpc.health.v1.Health/.." + LIST,
    ],
)
def test_other_spellings_of_a_method_are_none(closed: Server, path: bytes) -> None:
    assert call(closed, path=path)[0] == UNKNOWN_METHOD
