"""How the command line client is called: arguments that cannot be, help, and the address."""

from __future__ import annotations

import os
import subprocess
import sys

import grpc
import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from tests.support.commanding import client, command, environment
from tests.support.scripted import Service, answer, listening, rich
from tests.support.serving import ROOT, Server


@pytest.mark.parametrize("rest", [["status"], ["convert", "--output", "out"]])
def test_an_argument_that_is_no_text(shared_server: Server, rest: list[str]) -> None:
    refused = client(shared_server, *rest, os.fsdecode("가".encode("cp949")))
    wanted = "error: what the server is asked with has to be in UTF-8\n"
    assert (refused.returncode, refused.stderr) == (2, wanted)


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("convert", "a.json"),
        ("watch",),
        ("list", "--status", "odd"),
        ("list", "--page-size", "-1"),
        ("tables", "j", "--page-size", "4294967296"),
        ("convert", "a", "--output", "b", "--key-file", "f", "--ask-key"),
        ("convert", "a", "--output", "b", "--aes256cbckey", "0f" * 32),
    ],
)
def test_usage_errors(arguments: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "client.py", *arguments], cwd=ROOT, capture_output=True, check=False
    )
    assert done.returncode == 2


COMMANDS = "convert status watch list tables cancel forget preprocess".split()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str) -> None:
    shown = subprocess.run(
        [sys.executable, "client.py", name, "--help"], cwd=ROOT, capture_output=True, check=True
    )
    assert b"--address" in shown.stdout


def test_the_address_may_stand_anywhere(shared_server: Server) -> None:
    address = shared_server.address
    for arguments, variables in (
        (["--address", address, "list"], {}),
        (["list", "--address", address], {}),
        (["list"], {"MYD_GRPC_ADDRESS": address}),
    ):
        program = [sys.executable, str(ROOT / "client.py"), *arguments]
        subprocess.run(program, env=environment(**variables), check=True)


def test_no_server_is_told_and_no_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "client.py", "list", "--address", "127.0.0.1:1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == (
        "cannot reach the server at 127.0.0.1:1; trying again for some seconds\n"
        "error: cannot reach the server at 127.0.0.1:1; start it with make serve, or name its "
        "address with --address HOST:PORT\n"
    )


def test_it_is_told_once_that_the_job_database_is_busy() -> None:
    busy = rich(grpc.StatusCode.UNAVAILABLE, "STATE_UNAVAILABLE")
    with listening(Service(busy, busy, answer(pb.ListJobsResponse()))) as address:
        done = subprocess.run(command(address, "list"), capture_output=True, text=True, check=True)
    assert done.stderr == ("STATE_UNAVAILABLE: what the server says; trying again for up to 40 s\n")
