"""gRPC over TLS: who gets in, how certificates are renewed, and what is refused at the start."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from grpc_health.v1 import health_pb2, health_pb2_grpc

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.addresses import is_loopback
from tests.support.certificates import LOCAL, Authority, Pair, old_tls
from tests.support.serving import PATIENCE_S, Server

MakeServer = Callable[..., Server]


@pytest.fixture
def ca(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def served(pair: Pair) -> dict[str, str]:
    """The settings of a server that shows this certificate."""
    return {"MYD_TLS_CERT": str(pair.certificate), "MYD_TLS_KEY": str(pair.key)}


def trusting(ca: Authority, shown: Pair | None = None) -> grpc.ChannelCredentials:
    """What a client connects with that trusts `ca`, and shows a certificate or none."""
    if shown is None:
        return grpc.ssl_channel_credentials(ca.certificate.read_bytes())
    return grpc.ssl_channel_credentials(
        ca.certificate.read_bytes(), shown.key.read_bytes(), shown.certificate.read_bytes()
    )


def gets_in(server: Server, credentials: grpc.ChannelCredentials | None) -> bool:
    """Whether a new connection is served, or else refused at once."""
    with server.connect(credentials) as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)  # its type stub lacks the methods
        call = health.Check.future(health_pb2.HealthCheckRequest(), timeout=PATIENCE_S)
        code = call.code()  # returns when the call has ended
    assert code in {grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE}
    return bool(code is grpc.StatusCode.OK)


def refused_at_start(server: Server, **settings: str) -> str:
    """What a server says that ends with status 2."""
    assert server.launch(**settings).wait(PATIENCE_S) == 2
    assert "Traceback" not in server.log
    return server.log


# --- Who gets in -----------------------------------------------------------------------------


def test_jobs_are_done_over_tls(make_server: MakeServer, ca: Authority) -> None:
    server = make_server(**served(ca.issue("server", *LOCAL)))
    server.credentials = trusting(ca)
    server.start()
    assert server.convert(server.put("a.json", '[{"id":1}]')).status == pb.Job.DONE
    assert not gets_in(server, None)
    assert "not encrypted" not in server.log


def test_a_client_has_to_know_the_authority(make_server: MakeServer, ca: Authority) -> None:
    server = make_server(**served(ca.issue("server", *LOCAL))).start()
    assert not gets_in(server, trusting(Authority(server.home, "other")))


def test_only_certificates_of_the_authority_for_clients_get_in(
    make_server: MakeServer, ca: Authority, tmp_path: Path
) -> None:
    clients, other = Authority(tmp_path, "clients"), Authority(tmp_path, "other")
    server = make_server(
        **served(ca.issue("server", *LOCAL)), MYD_TLS_CLIENT_CA=str(clients.certificate)
    ).start()
    assert gets_in(server, trusting(ca, clients.issue("client", "uri:spiffe://test/client")))
    assert not gets_in(server, trusting(ca))
    assert not gets_in(server, trusting(ca, other.issue("stranger")))
    assert not gets_in(server, trusting(ca, ca.issue("servers")))
    assert not gets_in(server, trusting(ca, clients.issue("old", expired=True)))


def test_old_versions_of_tls_are_refused(make_server: MakeServer, ca: Authority) -> None:
    server = make_server(**served(ca.issue("server", *LOCAL))).start()
    host, _, port = server.address.rpartition(":")
    with (
        socket.create_connection((host, int(port)), PATIENCE_S) as raw,
        pytest.raises(OSError, match=r"EOF|reset"),  # gRPC hangs up without a word
    ):
        old_tls().wrap_socket(raw)


def test_refused_connections_leave_nothing_on_the_log(
    make_server: MakeServer, ca: Authority
) -> None:
    """Whoever connects without being let in must not be able to fill a disk."""
    server = make_server(**served(ca.issue("server", *LOCAL))).start(MYD_LOG_FORMAT="json")
    for _ in range(3):
        assert not gets_in(server, None)
    assert all(line.startswith("{") for line in server.log.splitlines())


# --- Certificates that change ----------------------------------------------------------------


def test_a_new_certificate_is_for_new_connections(
    make_server: MakeServer, ca: Authority, tmp_path: Path
) -> None:
    pair = ca.issue("server", *LOCAL)
    server = make_server(**served(pair))
    server.credentials = trusting(ca)
    server.start()
    watch = server.health.Watch(health_pb2.HealthCheckRequest())
    next(watch)
    renewed = Authority(tmp_path, "renewed")
    pair.replace_by(renewed.issue("new", *LOCAL))
    assert gets_in(server, trusting(renewed))
    assert not gets_in(server, trusting(ca))
    assert server.job("nobody").status == pb.Job.NOTFOUND, "the old connection is still served"
    assert watch.is_active()


def test_a_new_authority_for_clients_is_for_new_connections(
    make_server: MakeServer, ca: Authority, tmp_path: Path
) -> None:
    clients, renewed = Authority(tmp_path, "clients"), Authority(tmp_path, "renewed")
    old, new = clients.issue("old"), renewed.issue("new")
    server = make_server(
        **served(ca.issue("server", *LOCAL)), MYD_TLS_CLIENT_CA=str(clients.certificate)
    ).start()
    assert gets_in(server, trusting(ca, old))
    renewed.certificate.replace(clients.certificate)
    assert gets_in(server, trusting(ca, new))
    assert not gets_in(server, trusting(ca, old))


Spoil = Callable[[Pair, Authority], None]


def half_written(pair: Pair, _: Authority) -> None:
    pair.certificate.write_bytes(pair.certificate.read_bytes()[:200])


def taken_away(pair: Pair, _: Authority) -> None:
    pair.key.unlink()


def of_another_key(pair: Pair, ca: Authority) -> None:
    ca.issue("other", *LOCAL).certificate.replace(pair.certificate)


def expired(pair: Pair, ca: Authority) -> None:
    pair.replace_by(ca.issue("expired", *LOCAL, expired=True))


@pytest.mark.parametrize("spoil", [half_written, taken_away, of_another_key, expired])
def test_files_that_cannot_be_used_leave_the_old_ones_in_force(
    make_server: MakeServer, ca: Authority, spoil: Spoil
) -> None:
    pair = ca.issue("server", *LOCAL)
    server = make_server(**served(pair)).start()
    spoil(pair, ca)
    for _ in range(3):
        assert gets_in(server, trusting(ca))
    said = "the TLS certificate stays the one from before"
    server.wait_for_log(said)
    assert server.log.count(said) == 1
    pair.replace_by(ca.issue("mended", *LOCAL))
    assert gets_in(server, trusting(ca))
    server.wait_for_log("new connections get the new TLS certificate")


def test_bad_files_are_told_without_any_call(make_server: MakeServer, ca: Authority) -> None:
    pair = ca.issue("server", *LOCAL)
    server = make_server(**served(pair)).start()
    pair.key.write_text("nothing")
    server.wait_for_log("the TLS certificate stays the one from before")


def test_a_connection_ends_when_it_is_old(make_server: MakeServer, ca: Authority) -> None:
    server = make_server(**served(ca.issue("server", *LOCAL)), MYD_CONNECTION_AGE_SECONDS="1")
    server.credentials = trusting(ca)
    server.start()
    watch = server.health.Watch(health_pb2.HealthCheckRequest(), timeout=PATIENCE_S)
    with pytest.raises(grpc.RpcError) as caught:
        list(watch)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


# --- The start -------------------------------------------------------------------------------


def test_a_start_with_bad_files_says_what_to_do(
    make_server: MakeServer, ca: Authority, tmp_path: Path
) -> None:
    pair, other = ca.issue("server", *LOCAL), ca.issue("other")
    server = make_server(**served(pair))
    mismatch = refused_at_start(server, MYD_TLS_KEY=str(other.key))
    assert f"{other.key} is not the key of the certificate in {pair.certificate}" in mismatch
    assert "nowhere cannot be read" in refused_at_start(server, MYD_TLS_CERT=f"{tmp_path}/nowhere")
    assert "holds no certificate" in refused_at_start(server, MYD_TLS_CLIENT_CA=str(pair.key))
    old = ca.issue("old", *LOCAL, expired=True)
    assert "has expired" in refused_at_start(server, **served(old))
    clients = ca.issue("client", *LOCAL, usage=ExtendedKeyUsageOID.CLIENT_AUTH)
    assert "is not for servers; take one" in refused_at_start(server, **served(clients))
    gone = str(Authority(tmp_path, "gone", expired=True).certificate)
    assert "the authority has expired" in refused_at_start(server, MYD_TLS_CLIENT_CA=gone)


def test_a_key_with_a_passphrase_is_refused_and_not_asked_for(
    make_server: MakeServer, ca: Authority, tmp_path: Path
) -> None:
    pair, locked = ca.issue("server", *LOCAL), tmp_path / "locked.key"
    command = f"openssl pkcs8 -topk8 -in {pair.key} -passout pass:secret -out {locked}"
    subprocess.run(command.split(), check=True)
    assert "without one" in refused_at_start(make_server(**served(pair)), MYD_TLS_KEY=str(locked))


@pytest.mark.parametrize(
    "settings",
    [
        {"MYD_TLS_CERT": "/x"},
        {"MYD_TLS_KEY": "/x"},
        {"MYD_TLS_CLIENT_CA": "/x"},
        {"MYD_REST_TLS_CERT": "/x"},
        {"MYD_REST_TLS_KEY": "/x"},
        {"MYD_REST_CLIENT_CERT": "/x"},
    ],
    ids=str,
)
def test_half_of_a_pair_is_refused(make_server: MakeServer, settings: dict[str, str]) -> None:
    said = refused_at_start(make_server(), **settings)
    assert all(name in said for name in settings)


def test_a_key_that_everybody_can_read_is_warned_of(make_server: MakeServer, ca: Authority) -> None:
    pair = ca.issue("server", *LOCAL)
    server = make_server(**served(pair)).start()
    assert "chmod" not in server.log
    pair.key.chmod(0o644)
    server.restart()
    assert f"everybody on this machine can read the key {pair.key}" in server.log


def test_no_key_is_on_the_log_or_in_the_environment_of_workers(
    make_server: MakeServer, ca: Authority
) -> None:
    pair = ca.issue("server", *LOCAL)
    secret = pair.key.read_text().splitlines()[1]
    server = make_server(**served(pair), MYD_LOG_LEVEL="DEBUG")
    server.credentials = trusting(ca)
    server.start()
    server.convert(server.put("a.json", '[{"id":1}]'))
    pair.key.write_text(pair.key.read_text()[:120])
    assert gets_in(server, trusting(ca))
    server.wait_for_log("stays the one from before")
    assert secret not in server.log
    for worker in server.spares():
        assert secret not in str(worker.environ()) + str(worker.cmdline())


# --- Without TLS -----------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0", "10.0.0.7:1", "example.org:0"])
def test_other_hosts_are_not_served_without_encryption(
    make_server: MakeServer, address: str
) -> None:
    said = refused_at_start(make_server(MYD_GRPC_ADDRESS=address))
    assert f"MYD_GRPC_ADDRESS={address}" in said
    for way_out in ("MYD_TLS_CERT", "MYD_TLS_KEY", "MYD_PLAINTEXT=true", "127.0.0.1:"):
        assert way_out in said


def test_other_hosts_are_served_over_tls(make_server: MakeServer, ca: Authority) -> None:
    server = make_server(**served(ca.issue("server", *LOCAL)), MYD_GRPC_ADDRESS="0.0.0.0:0").start()
    assert "not encrypted" not in server.log


def test_addresses_of_this_host_alone_are_known() -> None:
    loopback = ["127.0.0.1:1", "127.9.8.7:1", "[::1]:1", "localhost:1"]
    assert all(map(is_loopback, loopback))
    others = ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "localhost.example.org:1", "127.1:1", "unix:1"]
    assert not any(map(is_loopback, others))
    assert not is_loopback(f"{os.uname().nodename}:1")
