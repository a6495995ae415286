"""Clients over TLS: what keeps them from a server is told at once, and new files are taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.client import (
    AsyncClient,
    CallError,
    Client,
    InvalidTlsError,
    NotGrpcError,
    Tls,
    TlsError,
    UnavailableError,
)
from tests.support.certificates import LOCAL, Authority, Pair
from tests.support.serving import PATIENCE_S, Hold, Server, lasting_address

MakeServer = Callable[..., Server]

FOR_GOOD = 10.0 * PATIENCE_S
"""Patience that a test does not sit through: what is told in spite of it is told at once."""


@pytest.fixture
def ca(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def served(pair: Pair) -> dict[str, str]:
    return {"MYD_TLS_CERT": str(pair.certificate), "MYD_TLS_KEY": str(pair.key)}


def showing(ca: Authority, pair: Pair | None = None, server_name: str = "") -> Tls:
    if pair is None:
        return Tls(ca.certificate, server_name=server_name)
    return Tls(ca.certificate, pair.certificate, pair.key, server_name)


def told(address: str, tls: Tls | None) -> str:
    """What a client says that cannot connect, for a call as for a watch."""
    with Client(address, tls=tls, patience_s=FOR_GOOD) as client:
        with pytest.raises(TlsError) as of_call:
            client.status("x")
        with pytest.raises(TlsError) as of_watch:
            next(client.watch("x"))
    assert str(of_call.value) == str(of_watch.value)
    return str(of_call.value)


def test_a_client_with_the_right_files_is_served(make_server: MakeServer, ca: Authority) -> None:
    server = make_server(
        **served(ca.issue("server", *LOCAL)), MYD_TLS_CLIENT_CA=str(ca.certificate)
    ).start()
    tls = showing(ca, ca.issue("client", "uri:spiffe://test/client"))
    with Client(server.address, tls=tls) as client:
        job_id = client.convert([server.put("a.json", '[{"id":1}]')], "out")
        *_, last = client.watch(job_id)
    assert last.status == pb.Job.DONE


async def test_so_is_one_on_asyncio(make_server: MakeServer, ca: Authority) -> None:
    server = make_server(**served(ca.issue("server", *LOCAL))).start()
    async with AsyncClient(f"grpcs://{server.address}", tls=showing(ca)) as client:
        assert (await client.status("x")).status == pb.Job.NOTFOUND


def test_a_certificate_may_be_for_another_name(make_server: MakeServer, ca: Authority) -> None:
    server = make_server(**served(ca.issue("server", "dns:myd.example.org"))).start()
    assert "is not for 127.0.0.1" in told(server.address, showing(ca))
    with Client(server.address, tls=showing(ca, server_name="myd.example.org")) as client:
        assert client.status("x").status == pb.Job.NOTFOUND


def test_what_keeps_a_client_from_a_server_is_told_at_once(
    make_server: MakeServer, ca: Authority, tmp_path: Path
) -> None:
    other = Authority(tmp_path, "other")
    server = make_server(**served(ca.issue("server", *LOCAL))).start()
    assert "speaks TLS" in told(server.address, None)
    assert f"none of those in {other.certificate}" in told(server.address, showing(other))
    assert "no public authority" in told(f"grpcs://{server.address}", None)
    plain = make_server().start()
    assert "speaks no TLS" in told(plain.address, showing(ca))


def test_a_client_is_told_that_it_has_to_show_a_certificate(
    make_server: MakeServer, ca: Authority, tmp_path: Path
) -> None:
    server = make_server(
        **served(ca.issue("server", *LOCAL)), MYD_TLS_CLIENT_CA=str(ca.certificate)
    ).start()
    assert "asks for a certificate" in told(server.address, showing(ca))
    stranger = Authority(tmp_path, "other").issue("stranger")
    assert "does not accept" in told(server.address, showing(ca, stranger))


async def test_it_is_told_on_asyncio_as_well(make_server: MakeServer, ca: Authority) -> None:
    server = make_server(**served(ca.issue("server", *LOCAL))).start()
    async with AsyncClient(server.address, patience_s=FOR_GOOD) as client:
        with pytest.raises(TlsError, match="speaks TLS"):
            await client.status("x")
        with pytest.raises(TlsError, match="speaks TLS"):
            await anext(client.watch("x"))


def test_a_server_that_is_not_there_is_just_that(ca: Authority) -> None:
    with (
        Client("127.0.0.1:1", tls=showing(ca), patience_s=0) as client,
        pytest.raises(UnavailableError),
    ):
        client.status("x")


def test_files_that_cannot_be_used_are_refused(ca: Authority, tmp_path: Path) -> None:
    one, other = ca.issue("one"), ca.issue("other")
    for tls in (
        Tls(tmp_path / "nowhere"),
        Tls(one.key),
        Tls(ca.certificate, one.certificate, other.key),
    ):
        with pytest.raises(InvalidTlsError) as caught:
            Client(tls=tls)
        assert one.key.read_text().splitlines()[1] not in str(caught.value)
    with pytest.raises(InvalidTlsError, match="go together"):
        Tls(ca.certificate, one.certificate)


def test_the_environment_names_the_files() -> None:
    assert Tls.from_environment({"MYD_TLS_SERVER_NAME": "x", "MYD_TLS_CA": ""}) is None
    names = ("MYD_TLS_CA", "MYD_TLS_CLIENT_CERT", "MYD_TLS_CLIENT_KEY", "MYD_TLS_SERVER_NAME")
    assert Tls.from_environment({name: name for name in names}) == Tls(*names)


def test_a_client_goes_on_with_renewed_files(
    make_server: MakeServer, ca: Authority, tmp_path: Path
) -> None:
    pair, shown = ca.issue("server", *LOCAL), ca.issue("client")
    server = make_server(
        **served(pair),
        MYD_TLS_CLIENT_CA=str(ca.certificate),
        MYD_GRPC_ADDRESS=lasting_address(),
    ).start()
    with Client(server.address, tls=showing(ca, shown), patience_s=FOR_GOOD) as client:
        assert client.status("x").status == pb.Job.NOTFOUND
        renewed = Authority(tmp_path, "renewed")
        pair.replace_by(renewed.issue("new-server", *LOCAL))
        shown.replace_by(renewed.issue("new-client"))
        renewed.certificate.replace(ca.certificate)
        server.wait_for_log("new connections get the new TLS certificate")
        server.restart()
        assert client.status("x").status == pb.Job.NOTFOUND


def test_a_watch_goes_on_over_old_connections_without_a_word(
    make_server: MakeServer, ca: Authority, hold: Callable[[str], Hold]
) -> None:
    point = hold("converted")
    server = make_server(
        **served(ca.issue("server", *LOCAL)),
        # Time enough for a handshake, on however busy a machine.
        MYD_CONNECTION_AGE_SECONDS="3",
        MYD_FAILPOINTS=point.setting,
    ).start()
    breaks: list[CallError] = []
    with Client(server.address, tls=showing(ca)) as client:
        job_id = client.convert([server.put("a.json", '[{"id":1}]')], "out")
        point.reached()
        states = client.watch(job_id, on_break=breaks.append)
        next(states)
        server.wait_for_log("WatchJob ")  # the server has ended the first stream
        point.release()
        *_, last = states
    assert last.status == pb.Job.DONE
    assert breaks == []


@pytest.fixture
def http_address() -> Iterator[str]:
    """Where another kind of server answers, as that of REST."""
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        Thread(target=server.serve_forever).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


async def test_a_server_that_does_not_speak_grpc(http_address: str) -> None:
    wanted = rf"^what answers at {http_address} does not speak gRPC; is it the address of REST\?"
    with Client(http_address, patience_s=FOR_GOOD) as client:
        with pytest.raises(NotGrpcError, match=wanted):
            client.status("x")
        with pytest.raises(NotGrpcError, match=wanted):
            next(client.watch("x"))
    async with AsyncClient(http_address, patience_s=FOR_GOOD) as client:
        with pytest.raises(NotGrpcError, match=wanted):
            await client.status("x")
