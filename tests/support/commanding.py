"""The command line client as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from tests.support.serving import PATIENCE_S, ROOT, Server

RECORDS = '[{"id":"u1","name":"홍길동","acc":[{"no":"001"},{"no":"002"}]},{"id":"u2"}]'
"""A file that gives two tables, of two rows each."""


def command(address: str, *arguments: str) -> list[str]:
    return [sys.executable, str(ROOT / "client.py"), "--address", address, *arguments]


def environment(**variables: str) -> dict[str, str]:
    """The tests' own environment without settings, and with these variables."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("MYD_")}
    return {**kept, **variables}


def started(address: str, *arguments: str, **variables: str) -> subprocess.Popen[str]:
    """The client at work, what it prints going to pipes."""
    return subprocess.Popen(
        command(address, *arguments),
        env=environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def client(server: Server, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs the client to its end, its output going to a pipe."""
    return subprocess.run(
        command(server.address, *arguments),
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def json_lines(text: str) -> list[dict[str, Any]]:
    """What the client has printed for a program."""
    return [json.loads(line) for line in text.splitlines()]
