"""What a server that does not start says of a setting: which variable it is, and what would do."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.serving import PATIENCE_S, Server

MakeServer = Callable[..., Server]


def refused(server: Server, **settings: str) -> str:
    """All that a server says that ends with status 2."""
    assert server.launch(**settings).wait(PATIENCE_S) == 2
    assert "Traceback" not in server.log
    return server.log


@pytest.mark.parametrize(
    ("variable", "told"),
    [
        ("MYD_CALLERS", "cannot be read: no such file or directory"),
        ("MYD_PRESETS", "cannot be read: it must be a directory of files NAME.toml"),
        ("MYD_ADDRESS_FILE", "cannot be written: name a file in a directory that is there"),
    ],
)
def test_what_is_not_there(make_server: MakeServer, variable: str, told: str) -> None:
    missing = make_server().home / "nowhere" / "x"
    for line in refused(make_server(), **{variable: str(missing)}).splitlines():
        assert line.startswith(variable)
        assert f"{missing} {told}" in line


def test_an_address_file_of_a_name_that_no_file_has(make_server: MakeServer) -> None:
    log = refused(make_server(), MYD_ADDRESS_FILE="n" * 300)
    assert log.startswith("MYD_ADDRESS_FILE=")
    assert f"{'n' * 300} cannot be written: name a file " in log


def test_each_line_about_a_file_names_the_variable(make_server: MakeServer, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("x = 1\ny = 2\n")
    for variable, path in (("MYD_CALLERS", tmp_path / "a.toml"), ("MYD_PRESETS", tmp_path)):
        lines = refused(make_server(), **{variable: str(path)}).splitlines()
        assert len(lines) == 2
        for line in lines:
            assert line.startswith(f"{variable}: {tmp_path / 'a.toml'}: the file: ")


def test_the_files_of_tls_are_named(make_server: MakeServer, tmp_path: Path) -> None:
    cert, key = str(tmp_path / "none.crt"), str(tmp_path / "none.key")
    log = refused(make_server(), MYD_TLS_CERT=cert, MYD_TLS_KEY=key)
    missing = "cannot be read: No such file or directory"
    assert log == (
        f"MYD_TLS_CERT and MYD_TLS_KEY cannot be used: {cert} {missing}; {key} {missing}\n"
    )


def test_a_place_that_is_none_is_told_once(make_server: MakeServer) -> None:
    log = refused(make_server(), MYD_OUTPUT_DIR="s3://")
    assert log.startswith("MYD_OUTPUT_DIR cannot be used: ")
    assert "must not be" not in log


def test_all_that_is_wrong_is_told_at_once(make_server: MakeServer, tmp_path: Path) -> None:
    missing = str(tmp_path / "none")
    log = refused(
        make_server(),
        MYD_CALLERS=missing,
        MYD_PRESETS=missing,
        MYD_TLS_CERT=missing,
        MYD_TLS_KEY=missing,
        MYD_ADDRESS_FILE=f"{missing}/address",
        MYD_WORKERS="none",
    )
    told = [line.replace("=", " ").replace(":", " ").split(" ")[0] for line in log.splitlines()]
    assert told == [
        "MYD_WORKERS",
        "MYD_TLS_CERT",
        "MYD_ADDRESS_FILE",
        "MYD_CALLERS",
        "MYD_PRESETS",
    ]


def test_a_port_that_is_taken_is_told_in_the_form_of_the_log(make_server: MakeServer) -> None:
    server = make_server(MYD_LOG_FORMAT="json")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert server.launch(MYD_GRPC_ADDRESS=address).wait(PATIENCE_S) == 1
    lines = [json.loads(line) for line in server.log.splitlines()]
    assert lines[-1]["message"].startswith(f"cannot listen on {address}: the port is in use")
