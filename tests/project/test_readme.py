"""The README: what it shows is run. What it lists is looked at in test_docs.py."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import plot
from myd_grpc.client import Client
from tests.support.converting import native
from tests.support.documents import SHOWN_ADDRESS, Checkout, Page
from tests.support.object_sets import published
from tests.support.object_store import require_object_store, running_store
from tests.support.resting import read_when_there
from tests.support.serving import PATIENCE_S, ROOT, Server
from tests.support.set_files import table_files_below, tables_in

README = Page("README.md")
SAMPLE = ["-m", "myd_grpc.sample", "--out", "data", "--size", "200KB", "--encrypt"]
# These take a whole suite, a terminal or a daemon; the commands inside have tests of their own.
NOT_RUN = ("make ", "docker ")
# These take a store, and have a test of their own.
OF_OBJECT_STORAGE = [
    block for block in README.of("sh") if README.heading_of(block) == "Object storage"
]
# This takes the native engine's module.
OF_WORKBOOKS = [block for block in README.of("sh") if "--format xlsx" in block.text]
SERVING = [
    line
    for page in (README, Page("docs/operating.md"), Page("docs/masking.md"))
    for line in re.findall(r"^(?:.* )?make serve$|(?<=`)make serve(?=`)", page.text, re.MULTILINE)
]


@pytest.fixture
def checkout(server: Server, tmp_path: Path) -> Checkout:
    """A directory that looks like a checkout whose server is running."""
    return Checkout(server, tmp_path / "checkout")


def test_the_shell_commands_work_in_their_order(server: Server, checkout: Checkout) -> None:
    left_out = OF_OBJECT_STORAGE + OF_WORKBOOKS
    blocks = [block.text for block in README.of("sh") if block not in left_out]
    shell = "".join(block for block in blocks if not block.startswith(NOT_RUN))
    assert shell.count("client.py") >= 8
    checkout.run(["bash", "-euo", "pipefail", "-c", shell.replace("20MB", "200KB")])
    assert (server.output / "sample" / "sample_1.csv").exists()
    ignored = (ROOT / ".gitignore").read_text("utf-8").splitlines()
    for name in ("masking.key", "token"):
        assert (checkout.place / name).stat().st_mode & 0o077 == 0, name
        assert f"/{name}" in ignored


@native
def test_the_example_of_formats_works(server: Server, checkout: Checkout) -> None:
    checkout.run([sys.executable, *SAMPLE])
    checkout.run_shell(README, OF_WORKBOOKS)
    names = {path.name for path in (server.output / "book").iterdir()}
    assert names >= {"book.xlsx", "book_1.csv", "datapackage.json"}


def test_the_python_example_works(server: Server, checkout: Checkout) -> None:
    checkout.run([sys.executable, *SAMPLE])
    (example,) = README.of("python")
    checkout.run([sys.executable, "-c", example.text.replace(SHOWN_ADDRESS, server.address)])
    assert (server.output / "from_python" / "from_python_1.csv").exists()


def test_the_example_of_object_storage_works(tmp_path: Path) -> None:
    require_object_store()
    serving, calling = (block.text for block in OF_OBJECT_STORAGE)
    ready = tmp_path / "address"
    environ = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "MYD_GRPC_ADDRESS": "127.0.0.1:0",
        "MYD_STATE_DIR": str(tmp_path / "state"),
        "MYD_ADDRESS_FILE": str(ready),
    }
    (document,) = README.of("json")
    with running_store(tmp_path / "store") as store:
        store.put("incoming/users.json", document.text.encode())
        install, *lines = serving.splitlines()
        assert install.startswith("pip install ")
        begun = re.sub(
            r"(AWS_\w+)=\S+",
            lambda match: f"{match[1]}={store.environ[match[1]]}",
            "\n".join(lines),
        )
        process = subprocess.Popen(
            ["bash", "-euc", begun], cwd=ROOT, env=environ, start_new_session=True
        )
        try:
            environ["MYD_GRPC_ADDRESS"] = read_when_there(ready, process)
            subprocess.run(["bash", "-euc", calling], cwd=ROOT, env=environ, check=True)
            wanted = {f"users/{block.label}" for block in README.of("csv")}
            assert tables_in(published(store, "tables")).keys() == wanted
        finally:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(PATIENCE_S)


def test_the_example_of_tables_is_what_comes_out(server: Server) -> None:
    (document,) = README.of("json")
    server.put("example.json", document.text)
    server.convert("example.json", output="users", csv_profile="CSV_PROFILE_DATABASE")
    written = table_files_below(server.output / "users")
    assert {block.label: block.text.encode() for block in README.of("csv")} == written


@pytest.mark.parametrize("command", sorted(set(SERVING)))
def test_make_serve_serves_until_ctrl_c(command: str, tmp_path: Path) -> None:
    if not (ROOT / ".venv" / "runtime.stamp").exists():
        pytest.skip("left out: make serve, as it would first make .venv")
    ready = tmp_path / "address"
    environ = {
        "PATH": os.environ["PATH"],
        "MYD_DATA_DIR": str(tmp_path / "data"),
        "MYD_GRPC_ADDRESS": "127.0.0.1:0",
        "MYD_REST_ADDRESS": "127.0.0.1:0",
        "MYD_ADDRESS_FILE": str(ready),
    }
    for name, shown in (("data", "/srv/mydata"), ("presets", "presets")):
        (tmp_path / name).mkdir()
        command = command.replace(shown, str(tmp_path / name))
    program = ["bash", "-c", command]
    process = subprocess.Popen(program, cwd=ROOT, env=environ, start_new_session=True)
    try:
        with Client(read_when_there(ready, process)) as client:
            assert list(client.list_jobs()) == []
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(PATIENCE_S)


@pytest.mark.parametrize("name", ["README.md", "README.ko.md"])
def test_the_picture_shows_what_was_measured(name: str) -> None:
    (picture,) = re.findall(r"!\[.+\]\((.*\.svg)\)", Page(name).text)
    measured = (ROOT / "docs" / "benchmarks.md").read_text("utf-8")
    assert (ROOT / picture).read_text("utf-8") == plot.drawn(measured)
    assert not re.search(r"\d MB/s", Page(name).text), "figures belong to the measurements"


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"(?:^|`)make ([a-z]+)", README.text, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
