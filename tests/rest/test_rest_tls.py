"""The gateway over TLS: towards those who call it, and towards the server."""

from __future__ import annotations

import http.client
import socket
import ssl
import struct
import subprocess
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from threading import Thread

import pytest

from myd_grpc.client import Client, Tls
from tests.support.certificates import LOCAL, Authority, Pair, old_tls
from tests.support.resting import UNREACHABLE, Rest, RestServer, build_gateway, gateway_to
from tests.support.serving import PATIENCE_S, Server, lasting_address

MakeServer = Callable[..., Server]

SPIFFE = "uri:spiffe://test/gateway"


@pytest.fixture
def ca(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def settings(prefix: str, pair: Pair) -> dict[str, str]:
    return {f"{prefix}_CERT": str(pair.certificate), f"{prefix}_KEY": str(pair.key)}


def trusting(ca: Authority) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca.certificate)


def health(rest: Rest) -> int:
    return rest.get("/healthz").status


def wait_for_new_connection(rest: Rest) -> None:
    """Return when the server has ended a connection of the gateway for its age."""
    with rest.stream("/jobs/watch") as broken, pytest.raises(http.client.IncompleteRead):
        broken.read()


def refused_gateway(home: Path, **variables: str) -> str:
    """What a gateway by itself says that ends with status 2."""
    done = subprocess.run(
        [build_gateway()],
        env={"MYD_REST_ADDRESS": "127.0.0.1:0", **variables},
        cwd=home,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    return done.stderr


# --- Beside the server -----------------------------------------------------------------------


def test_both_sides_speak_tls(rest_server: RestServer, ca: Authority) -> None:
    """The server's certificate has a public name, and the gateway calls it on this machine."""
    rest_server.tls = trusting(ca)
    rest_server.start(
        **settings("MYD_TLS", ca.issue("server", "dns:myd.example.org")),
        **settings("MYD_REST_TLS", ca.issue("rest", *LOCAL)),
        **settings("MYD_REST_CLIENT", ca.issue("gateway", SPIFFE)),
        MYD_TLS_CLIENT_CA=str(ca.certificate),
    )
    rest_server.put("a.json", '[{"id":1}]')
    request = {"file_names": ["a.json"], "output_file_name": "out", "merge": True}
    job_id = rest_server.rest.post("/convert_to_csv", request).json["data"]["job_id"]
    watched = rest_server.rest.get("/convert_to_csv/watch", job_id=job_id).body
    assert b'"DONE"' in watched.splitlines()[-1]
    assert health(rest_server.rest) == 200
    assert Rest(rest_server.rest.address).get("/healthz").status == 400, "plain HTTP"
    assert "not encrypted" not in rest_server.log


def test_the_certificate_of_the_gateway_is_nobodys(
    rest_server: RestServer, ca: Authority, tmp_path: Path
) -> None:
    """Not even where the callers file gives it to somebody: who calls by REST may be anybody."""
    shown = ca.issue("gateway", SPIFFE)
    callers = tmp_path / "callers.toml"
    callers.write_text(f'[callers.mistake]\ncertificates = ["{SPIFFE}"]\nroles = ["admin"]\n')
    rest_server.start(
        **settings("MYD_TLS", ca.issue("server", *LOCAL)),
        **settings("MYD_REST_CLIENT", shown),
        MYD_TLS_CLIENT_CA=str(ca.certificate),
        MYD_CALLERS=str(callers),
    )
    assert rest_server.rest.get("/jobs").status == 401
    tls = Tls(ca.certificate, shown.certificate, shown.key)
    with Client(rest_server.address, tls=tls) as client:
        assert list(client.list_jobs()) == []


def test_browsers_are_told_to_stay_with_tls(rest_server: RestServer, ca: Authority) -> None:
    rest_server.tls = trusting(ca)
    rest = rest_server.start(**settings("MYD_REST_TLS", ca.issue("rest", *LOCAL))).rest
    for path in ("/jobs", "/", "/nowhere"):
        assert rest.get(path).headers["Strict-Transport-Security"] == "max-age=31536000"
    # Whoever is on the network can make a page of that name without TLS.
    for origin, status in ((rest.url, 200), (f"http://{rest.address}", 403)):
        headers = {"Content-Type": "application/json", "Origin": origin}
        assert rest.call("POST", "/jobs/none:cancel", {}, headers).status == status


def test_without_a_certificate_the_gateway_is_not_let_in(
    rest_server: RestServer, ca: Authority
) -> None:
    rest_server.start(
        **settings("MYD_TLS", ca.issue("server", *LOCAL)), MYD_TLS_CLIENT_CA=str(ca.certificate)
    )
    assert "set MYD_REST_CLIENT_CERT and MYD_REST_CLIENT_KEY" in rest_server.log
    assert rest_server.rest.get("/jobs").json["message"] == UNREACHABLE
    rest_server.wait_for_log("does it ask for a certificate (MYD_REST_CLIENT_CERT)")
    assert health(rest_server.rest) == 503


def test_the_gateway_follows_the_servers_certificate(
    rest_server: RestServer, ca: Authority, tmp_path: Path
) -> None:
    pair = ca.issue("server", "dns:myd.example.org")
    rest_server.start(**settings("MYD_TLS", pair), MYD_CONNECTION_AGE_SECONDS="1")
    assert health(rest_server.rest) == 200
    pair.replace_by(Authority(tmp_path, "renewed").issue("new", "dns:other.example.org"))
    rest_server.wait_for_log("new connections get the new TLS certificate")
    wait_for_new_connection(rest_server.rest)
    assert health(rest_server.rest) == 200
    # Only half of the next pair is there: the server goes on with the old one.
    ca.issue("half", *LOCAL).certificate.replace(pair.certificate)
    rest_server.wait_for_log("the TLS certificate stays the one from before")
    wait_for_new_connection(rest_server.rest)
    assert health(rest_server.rest) == 200


def test_a_start_with_bad_files_of_the_gateway_is_refused(
    rest_server: RestServer, ca: Authority
) -> None:
    own = settings("MYD_REST_TLS", ca.issue("rest", *LOCAL, expired=True))
    shown = settings("MYD_REST_CLIENT", ca.issue("gateway", SPIFFE))
    mixed = settings("MYD_TLS", ca.issue("server", *LOCAL)) | shown
    mixed["MYD_REST_CLIENT_KEY"] = own["MYD_REST_TLS_KEY"]
    for files, said in (
        (own, "has expired"),
        (shown, "MYD_REST_CLIENT_CERT needs MYD_TLS_CERT"),
        (mixed, "is not the key of the certificate"),
    ):
        assert rest_server.launch(**files).wait(PATIENCE_S) == 2
        assert said in rest_server.log


def test_rest_for_other_hosts_is_refused_without_encryption(
    rest_server: RestServer, ca: Authority
) -> None:
    assert rest_server.launch(MYD_REST_ADDRESS="0.0.0.0:0").wait(PATIENCE_S) == 2
    assert "MYD_REST_ADDRESS=0.0.0.0:0 is reachable from other hosts" in rest_server.log
    assert "MYD_REST_TLS_CERT" in rest_server.log
    rest_server.tls = trusting(ca)
    rest_server.start(
        **settings("MYD_REST_TLS", ca.issue("rest", *LOCAL)), MYD_REST_ADDRESS="0.0.0.0:0"
    )
    port = rest_server.rest.address.rpartition(":")[2]
    assert health(Rest(f"127.0.0.1:{port}", rest_server.tls)) == 200


# --- By itself -------------------------------------------------------------------------------


def test_a_gateway_by_itself_knows_the_server_by_authority_and_name(
    make_server: MakeServer, ca: Authority, tmp_path: Path
) -> None:
    pair = ca.issue("server", "dns:myd.example.org")
    server = make_server(**settings("MYD_TLS", pair)).start()
    known = {"MYD_TLS_CA": str(ca.certificate), "MYD_TLS_SERVER_NAME": "myd.example.org"}
    other = str(Authority(tmp_path, "other").certificate)
    outcomes = [
        (known, 200),
        ({**known, "MYD_TLS_CA": other}, 503),
        ({**known, "MYD_TLS_SERVER_NAME": "other.example.org"}, 503),
        ({"MYD_TLS_CA": str(ca.certificate)}, 503),
        ({}, 503),
    ]
    for variables, status in outcomes:
        with gateway_to(server.address, tmp_path, **variables) as rest:
            assert health(rest) == status, variables
    assert "does it speak TLS (MYD_TLS_CA)?" in (tmp_path / "gateway-log").read_text()


def test_a_server_that_cuts_off_at_once_is_asked_about_tls_too(tmp_path: Path) -> None:
    """Whether the gateway is writing or reading by then is chance: often enough, it writes."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        resetting = Thread(target=reset_all, args=[listener])
        resetting.start()
        try:
            for _ in range(20):
                with gateway_to(f"127.0.0.1:{listener.getsockname()[1]}", tmp_path) as rest:
                    assert health(rest) == 503
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            resetting.join(PATIENCE_S)
    said = (tmp_path / "gateway-log").read_text().splitlines()
    lost = [line for line in said if "no connection" in line and "while dialing" not in line]
    assert lost
    assert [line for line in lost if "does it speak TLS (MYD_TLS_CA)?" not in line] == []


def reset_all(listener: socket.socket) -> None:
    with suppress(OSError):  # it is shut down
        while True:
            taken, _ = listener.accept()
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            taken.close()


def test_a_gateway_by_itself_takes_new_files(
    make_server: MakeServer, ca: Authority, tmp_path: Path
) -> None:
    renewed = Authority(tmp_path, "renewed")
    pair, shown = ca.issue("server", *LOCAL), ca.issue("gateway", SPIFFE)
    server = make_server(
        **settings("MYD_TLS", pair),
        MYD_TLS_CLIENT_CA=str(ca.certificate),
        MYD_GRPC_ADDRESS=lasting_address(),
    ).start()
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes(ca.certificate.read_bytes())
    with gateway_to(
        server.address,
        tmp_path,
        MYD_TLS_CA=str(trusted),
        **settings("MYD_REST_CLIENT", shown),
    ) as rest:
        assert health(rest) == 200
        pair.replace_by(renewed.issue("new", *LOCAL))
        trusted.write_bytes(renewed.certificate.read_bytes())
        shown.replace_by(renewed.issue("new-gateway", SPIFFE))
        renewed.certificate.replace(ca.certificate)
        server.restart()
        deadline = time.monotonic() + PATIENCE_S
        while health(rest) != 200:  # the gateway comes back at its own pace
            assert time.monotonic() < deadline, server.log


def test_new_files_of_the_gateway_are_for_new_connections(
    make_server: MakeServer, ca: Authority, tmp_path: Path
) -> None:
    server = make_server().start()
    pair, renewed = ca.issue("rest", *LOCAL), Authority(tmp_path, "renewed")
    with gateway_to(server.address, tmp_path, **settings("MYD_REST_TLS", pair)) as plain:
        assert health(Rest(plain.address, trusting(ca))) == 200
        pair.key.write_text("half")
        for _ in range(3):
            assert health(Rest(plain.address, trusting(ca))) == 200
        pair.replace_by(renewed.issue("new", *LOCAL))
        assert health(Rest(plain.address, trusting(renewed))) == 200
        with pytest.raises(ssl.SSLCertVerificationError):
            health(Rest(plain.address, trusting(ca)))
    log = (tmp_path / "gateway-log").read_text()
    assert log.count("certificates stay those from before") == 1
    assert pair.key.read_text().splitlines()[1] not in log
    assert "handshake" not in log, "whoever connects must not be able to fill a disk"


def test_old_versions_of_tls_are_refused_and_http_2_is_spoken(
    make_server: MakeServer, ca: Authority, tmp_path: Path
) -> None:
    server = make_server().start()
    files = settings("MYD_REST_TLS", ca.issue("rest", *LOCAL))
    with gateway_to(server.address, tmp_path, **files) as rest:
        spoken = trusting(ca)
        spoken.set_alpn_protocols(["h2", "http/1.1"])
        connection = http.client.HTTPSConnection(rest.address, context=spoken)
        connection.connect()
        assert isinstance(connection.sock, ssl.SSLSocket)
        assert connection.sock.selected_alpn_protocol() == "h2"
        connection.close()
        with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
            health(Rest(rest.address, old_tls()))


def test_a_gateway_by_itself_refuses_what_cannot_be(ca: Authority, tmp_path: Path) -> None:
    pair, other = ca.issue("rest", *LOCAL), ca.issue("other")
    assert "MYD_PLAINTEXT=true" in refused_gateway(tmp_path, MYD_REST_ADDRESS="0.0.0.0:0")
    assert "MYD_PLAINTEXT=true" in refused_gateway(tmp_path, MYD_REST_ADDRESS=":0")
    assert "not encrypted" in refused_gateway(tmp_path, MYD_REST_ADDRESS="example.org:0")
    assert "or neither" in refused_gateway(tmp_path, MYD_REST_TLS_KEY="/x")
    assert "MYD_TLS_CA" in refused_gateway(tmp_path, **settings("MYD_REST_CLIENT", other))
    assert "cannot be used" in refused_gateway(tmp_path, MYD_TLS_CA=str(pair.key))
    assert "open /nowhere: no such file" in refused_gateway(tmp_path, MYD_TLS_CA="/nowhere")
    for address in ("127.0.0.1", "127.0.0.1:0", "host:70000", "http://host:1", ":50051"):
        said = refused_gateway(tmp_path, MYD_GRPC_ADDRESS=address)
        assert "it must be host:port" in said, address
    mixed = {"MYD_REST_TLS_CERT": str(pair.certificate), "MYD_REST_TLS_KEY": str(other.key)}
    said = refused_gateway(tmp_path, **mixed)
    assert str(other.key) in said
    assert other.key.read_text().splitlines()[1] not in said
