"""The command line over TLS."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from myd_grpc.cli.arguments import follow_up_command, parse
from tests.support.certificates import LOCAL, Authority
from tests.support.commanding import client
from tests.support.serving import Server


def test_files_are_options_or_variables(make_server: Callable[..., Server], tmp_path: Path) -> None:
    ca = Authority(tmp_path)
    pair, shown = ca.issue("server", *LOCAL), ca.issue("client")
    server = make_server(
        MYD_TLS_CERT=str(pair.certificate),
        MYD_TLS_KEY=str(pair.key),
        MYD_TLS_CLIENT_CA=str(ca.certificate),
    ).start()
    files = [str(one) for one in (ca.certificate, shown.certificate, shown.key)]
    options = [text for pair in zip(OPTIONS, files, strict=True) for text in pair]
    assert client(server, "list", *options).returncode == 0
    assert client(server, "list", **dict(zip(VARIABLES, files, strict=True))).returncode == 0
    without = client(server, "list")
    assert (without.returncode, "--tls-ca" in without.stderr) == (1, True)
    wrong = client(server, "list", "--tls-ca", files[2])
    assert (wrong.returncode, "holds no certificate" in wrong.stderr) == (2, True)


OPTIONS = ("--tls-ca", "--tls-cert", "--tls-key")
VARIABLES = ("MYD_TLS_CA", "MYD_TLS_CLIENT_CERT", "MYD_TLS_CLIENT_KEY")


def test_what_to_type_next_has_the_files(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in (*VARIABLES, "MYD_GRPC_ADDRESS"):
        monkeypatch.delenv(variable, raising=False)
    given = parse(["list", "--tls-ca", "my ca.pem"])
    assert follow_up_command(given, "watch x") == "python client.py --tls-ca 'my ca.pem' watch x"
    monkeypatch.setenv("MYD_TLS_CA", "my ca.pem")
    assert follow_up_command(given, "watch x") == "python client.py watch x"
