"""The README: what it shows is run, what it lists is complete."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from serving import ROOT, Server

from myd_grpc.convert.errors import Reason

README = (ROOT / "README.md").read_text(encoding="utf-8")
# These take a whole suite, a terminal or a daemon; the commands inside have tests of their own.
NOT_RUN = ("make ", "docker ")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


@pytest.fixture
def checkout(server: Server, tmp_path: Path) -> Path:
    """A directory that looks like a checkout whose server is running."""
    place = tmp_path / "checkout"
    place.mkdir()
    (place / "client.py").symlink_to(ROOT / "client.py")
    (place / "data").symlink_to(server.data)
    return place


def run(program: list[str], server: Server, place: Path) -> None:
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "MYD_GRPC_ADDRESS": server.address,
    }
    done = subprocess.run(
        program, cwd=place, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_shell_commands_work_in_their_order(server: Server, checkout: Path) -> None:
    shell = "".join(block for block in blocks("sh") if not block.startswith(NOT_RUN))
    assert shell.count("client.py") >= 8
    run(["bash", "-euo", "pipefail", "-c", shell.replace("20MB", "200KB")], server, checkout)
    assert (server.output / "sample" / "sample_1.csv").exists()


def test_the_python_example_works(server: Server, checkout: Path) -> None:
    sample = ["-m", "myd_grpc.sample", "--out", "data", "--size", "200KB", "--encrypt"]
    run([sys.executable, *sample], server, checkout)
    (example,) = blocks("python")
    run(
        [sys.executable, "-c", example.replace("127.0.0.1:50051", server.address)], server, checkout
    )
    assert (server.output / "from_python" / "from_python_1.csv").exists()


def test_the_example_of_tables_is_what_comes_out(server: Server) -> None:
    (document,) = blocks("json")
    server.put("example.json", document)
    server.convert("example.json", csv_profile="CSV_PROFILE_DATABASE")
    shown = dict(re.findall(r"^`(\S+\.csv)`\n```csv\n(.*?)^```$", README, re.MULTILINE | re.DOTALL))
    written = {path.name: path.read_text("utf-8") for path in (server.output / "out").iterdir()}
    assert shown == written


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"(?:^|`)make ([a-z]+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_every_setting_is_listed() -> None:
    listed = set(re.findall(r"^\| `(MYD_\w+)` \|", README, re.MULTILINE))
    read = set(re.findall(r'"(MYD_\w+)"', (ROOT / "myd_grpc" / "config.py").read_text()))
    assert listed == read


def test_every_reason_has_a_remedy() -> None:
    listed = set(re.findall(r"^\| `([A-Z_]+)` \|", README, re.MULTILINE))
    assert {str(reason) for reason in Reason} <= listed
