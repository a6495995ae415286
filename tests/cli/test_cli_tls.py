"""The command line over TLS."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from myd_grpc.cli.arguments import follow_up_command, parse
from myd_grpc.cli.main import main
from tests.support.certificates import LOCAL, Authority
from tests.support.commanding import client
from tests.support.resting import RestServer
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


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:9090", "https://a:1", "localhost", "a:", "a:0", "a:65536", ":1"]
)
def test_an_address_that_is_none_is_a_wrong_usage(
    address: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for words in (["--address", address, "list"], ["list"]):
        with pytest.raises(SystemExit) as caught:
            main(words)
        assert caught.value.code == 2
        said = capsys.readouterr().err
        assert (
            f"must be HOST:PORT, the address of gRPC and not that of REST, and not {address!r}"
            in said
        )
        monkeypatch.setenv("MYD_GRPC_ADDRESS", address)


def test_what_is_no_server_of_grpc_is_told(
    rest_server: RestServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ca = Authority(tmp_path)
    pair = ca.issue("rest", *LOCAL)
    rest_server.start(MYD_REST_TLS_CERT=str(pair.certificate), MYD_REST_TLS_KEY=str(pair.key))
    words = ["--address", rest_server.rest.address, "--tls-ca", str(ca.certificate), "list"]
    assert main(words) == 1
    assert "does not speak gRPC; is it the address of REST?" in capsys.readouterr().err


def test_the_address_of_rest_is_told_without_tls(
    rest_server: RestServer, capsys: pytest.CaptureFixture[str]
) -> None:
    rest_server.start()
    assert main(["--address", rest_server.rest.address, "list"]) == 1
    said = capsys.readouterr().err
    address = rest_server.rest.address
    assert said.startswith(f"error: what answers at {address} does not speak gRPC; is it the")
    assert "make serve" not in said
