"""The container's health check: a program that answers by its exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from myd_grpc.healthcheck import reachable
from tests.support.certificates import LOCAL, Authority
from tests.support.serving import ROOT, Server


def check(address: str, **settings: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "myd_grpc.healthcheck"]
    environment = {**os.environ, **settings, "MYD_GRPC_ADDRESS": address}
    return subprocess.run(
        command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True
    )


def exit_code(address: str, **settings: str) -> int:
    return check(address, **settings).returncode


def test_it_tells_a_server_that_serves_from_none(server: Server) -> None:
    assert exit_code(server.address) == 0
    server.stop()
    assert exit_code(server.address) == 1


def test_it_speaks_tls_with_the_settings_of_the_server(
    make_server: Callable[..., Server], tmp_path: Path
) -> None:
    ca = Authority(tmp_path)
    pair, shown = ca.issue("server", "dns:*.example.org"), ca.issue("health")
    settings = {
        "MYD_TLS_CERT": str(pair.certificate),
        "MYD_TLS_KEY": str(pair.key),
        "MYD_TLS_CLIENT_CA": str(ca.certificate),
    }
    own = {
        "MYD_TLS_CLIENT_CERT": str(shown.certificate),
        "MYD_TLS_CLIENT_KEY": str(shown.key),
    }
    server = make_server(**settings).start()
    assert exit_code(server.address, **settings, **own) == 0
    assert exit_code(server.address, **settings) == 1
    gateways = {name.replace("TLS", "REST"): value for name, value in own.items()}
    assert exit_code(server.address, **settings, **gateways) == 0
    assert exit_code(server.address, MYD_TLS_CA=str(ca.certificate), **own) == 0
    other = str(Authority(tmp_path, "other").certificate)
    assert exit_code(server.address, MYD_TLS_CA=other, **own) == 1
    # Bad files leave the server as it was, and so they do its health.
    pair.certificate.write_text("half")
    assert exit_code(server.address, **settings, **own) == 0
    server.stop()
    assert exit_code(server.address, **settings, **own) == 1


def test_it_says_why_not(make_server: Callable[..., Server], tmp_path: Path) -> None:
    ca = Authority(tmp_path)
    pair = ca.issue("server", *LOCAL)
    settings = {"MYD_TLS_CERT": str(pair.certificate), "MYD_TLS_KEY": str(pair.key)}
    server = make_server(**settings, MYD_TLS_CLIENT_CA=str(ca.certificate)).start()
    outcomes = [
        (check(server.address), "speaks TLS"),
        (check(server.address, **settings), "this check needs MYD_TLS_CLIENT_CERT"),
        (check(server.address, MYD_TLS_CA="/nowhere"), "/nowhere cannot be read"),
        (check(server.address, MYD_TLS_CLIENT_CERT="/x"), "go together"),
        (check("127.0.0.1:1"), "cannot reach the server at 127.0.0.1:1"),
        (check("127.0.0.1:1", **settings), "cannot reach the server at 127.0.0.1:1"),
        (check("127.0.0.1"), "cannot reach the server"),
    ]
    for done, said in outcomes:
        assert (done.returncode, done.stdout) == (1, "")
        assert said in done.stderr
        assert "Traceback" not in done.stderr
    server.restart(MYD_TLS_CLIENT_CA="")
    assert check(server.address, **settings).stderr == ""


@pytest.mark.parametrize(
    ("listens_on", "called_at"),
    [
        ("0.0.0.0:50051", "127.0.0.1:50051"),
        ("[::]:50051", "[::1]:50051"),
        ("10.0.0.7:1", "10.0.0.7:1"),
        ("localhost:2", "localhost:2"),
    ],
)
def test_all_interfaces_are_called_at_this_machine(listens_on: str, called_at: str) -> None:
    assert reachable(listens_on) == called_at
