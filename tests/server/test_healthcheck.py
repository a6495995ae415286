"""The container's health check: a program that answers by its exit code."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from myd_grpc.healthcheck import reachable
from tests.support.serving import ROOT, Server


def exit_code(address: str) -> int:
    command = [sys.executable, "-m", "myd_grpc.healthcheck"]
    environment = {**os.environ, "MYD_GRPC_ADDRESS": address}
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def test_it_tells_a_server_that_serves_from_none(server: Server) -> None:
    assert exit_code(server.address) == 0
    server.stop()
    assert exit_code(server.address) == 1


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
