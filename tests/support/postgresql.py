"""A real PostgreSQL, which is gone again after the tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest


@contextmanager
def running() -> Iterator[Mapping[str, str]]:
    """A server of its own; the variables by which its clients find it."""
    if not shutil.which("psql") or not shutil.which("initdb"):
        pytest.skip("PostgreSQL is not installed: nothing can be loaded into it")
    # PostgreSQL refuses to run as root, and no other user can enter pytest's directories.
    user = "nobody" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="myd-postgresql-") as home:
        if user:
            shutil.chown(home, user)
        cluster = ("-D", f"{home}/cluster")
        encoding = ("-E", "UTF8", "--no-locale")
        _run_as(user, home, "initdb", *cluster, "-U", "myd", "-A", "trust", "--no-sync", *encoding)
        flags = f"-c listen_addresses='' -c fsync=off -k {home}"
        _run_as(
            user,
            home,
            "pg_ctl",
            *cluster,
            "-w",
            "-t",
            "300",
            "-l",
            f"{home}/log",
            "-o",
            flags,
            "start",
        )
        try:
            yield {"PGHOST": home, "PGUSER": "myd"}
        finally:
            _run_as(user, home, "pg_ctl", *cluster, "-m", "immediate", "stop")


def _run_as(user: str | None, home: str, *words: str) -> None:
    subprocess.run(words, cwd=home, check=True, stdout=subprocess.DEVNULL, user=user)
