"""Callers that are known by their certificates: by alternative names, and by nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from myd.analysis.v1 import analysis_pb2_grpc as pb_grpc
from myd_grpc.api.alternative_names import alternative_names
from tests.support.callers import UNAUTHENTICATED, bearing, caller_table, token_of, write_callers
from tests.support.certificates import LOCAL, Authority
from tests.support.serving import PATIENCE_S, Server

NAME = "uri:spiffe://example.com/a"


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory, ca: Authority) -> Iterator[Server]:
    """A server that knows callers by certificates, and one by a token."""
    server = started(Server(tmp_path_factory.mktemp("secured")), ca)
    yield server
    server.kill()


def started(server: Server, ca: Authority) -> Server:
    shown = ca.issue("server", *LOCAL)
    path = write_callers(
        server.home / "callers.toml",
        caller_table("a", ["read"], certificates=[NAME, "dns:A.example.com"], tokens=[]),
        caller_table("b", ["read"], certificates=["dns:b.example.com"], tokens=[]),
        caller_table("c", ["read"]),
    )
    return server.start(
        MYD_TLS_CERT=str(shown.certificate),
        MYD_TLS_KEY=str(shown.key),
        MYD_TLS_CLIENT_CA=str(ca.certificate),
        MYD_CALLERS=str(path),
    )


def connected(server: Server, ca: Authority, *names: str, common_name: str = "") -> grpc.Channel:
    pair = ca.issue("client", *names, common_name=common_name)
    credentials = grpc.ssl_channel_credentials(
        ca.certificate.read_bytes(), pair.key.read_bytes(), pair.certificate.read_bytes()
    )
    return server.connect(credentials)


def outcome(channel: grpc.Channel, metadata: Any = None) -> tuple[Any, str]:
    stub: Any = pb_grpc.AnalysisServiceStub(channel)
    try:
        stub.ListJobs(pb.ListJobsRequest(), metadata=metadata, timeout=PATIENCE_S)
    except grpc.RpcError as error:
        return error.code(), error.details() or ""
    return grpc.StatusCode.OK, ""


def test_what_is_no_certificate_has_no_names(ca: Authority) -> None:
    own = ca.certificate.read_bytes()
    for odd in (b"", b"junk", b"\xff", own, own[:200], own.replace(b"\nM", b"\nN", 1)):
        assert alternative_names(odd) == ()


@pytest.mark.parametrize(
    "names",
    [[NAME], ["dns:a.example.com"], ["dns:A.EXAMPLE.com", "dns:other", "ip:10.0.0.1", NAME]],
)
def test_an_alternative_name_lets_in(secured: Server, ca: Authority, names: list[str]) -> None:
    with connected(secured, ca, *names) as channel:
        assert outcome(channel) == (grpc.StatusCode.OK, "")


@pytest.mark.parametrize(
    ("names", "common_name"),
    [
        ([], "a.example.com"),
        ([], "spiffe://example.com/a"),
        (["dns:other"], "a.example.com"),
        (["dns:*.example.com"], ""),
        (["dns:a.example.com.evil"], ""),
        (["dns:a.example.com\0.evil"], ""),
        (["uri:a.example.com"], ""),
        (["dns:spiffe://example.com/a"], ""),
        (["uri:spiffe://example.com/A"], ""),
        (["uri:spiffe://example.com/a\0/b"], ""),
        (["dns:a.example.com", "dns:b.example.com"], ""),
    ],
    ids=range(11),
)
def test_nothing_else_does(
    secured: Server, ca: Authority, names: list[str], common_name: str
) -> None:
    with connected(secured, ca, *names, common_name=common_name) as channel:
        assert outcome(channel) == UNAUTHENTICATED


def test_a_token_decides_alone(secured: Server, ca: Authority) -> None:
    with connected(secured, ca, NAME) as channel:
        assert outcome(channel, bearing("wrong")) == UNAUTHENTICATED
        assert outcome(channel, [("authorization", "Basic YTpi")]) == UNAUTHENTICATED
    with connected(secured, ca, "dns:other") as channel:
        assert outcome(channel, bearing(token_of("c"))) == (grpc.StatusCode.OK, "")


def test_a_stream_ends_when_its_certificate_is_taken_out(
    make_server: Callable[..., Server], ca: Authority
) -> None:
    server = started(make_server(), ca)
    with connected(server, ca, NAME) as channel:
        stub: Any = pb_grpc.AnalysisServiceStub(channel)
        stream = stub.WatchJobs(pb.WatchJobsRequest(), timeout=PATIENCE_S)
        stream.initial_metadata()
        table = caller_table("a", ["read"], certificates=["dns:a.example.com"], tokens=[])
        write_callers(server.home / "callers.toml", table)
        with pytest.raises(grpc.RpcError) as caught:
            next(stream)
        assert (caught.value.code(), caught.value.details()) == UNAUTHENTICATED
