"""The page on operating: the store that is shown there, for whoever has none at hand."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.documents import Page
from tests.support.object_store import require_object_store
from tests.support.serving import PATIENCE_S, lasting_address

obstore = require_object_store()

SHOWN_ADDRESS = "127.0.0.1:7070"
POLL_S = 0.05


def shown() -> str:
    """The commands, and what the server is to be given after them."""
    page = Page("docs/operating.md")
    (block,) = [one for one in page.blocks if "versitygw" in one.text]
    after = page.text[block.end : block.end + 300]
    assert f"`AWS_ENDPOINT_URL=http://{SHOWN_ADDRESS}`" in after
    assert "`AWS_REGION=us-east-1`" in after
    return block.text


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Of a store begun by the commands that are shown, but where nothing else listens."""
    programs = tmp_path / ".venv/bin"
    programs.mkdir(parents=True)
    (programs / "versitygw").symlink_to(Path(sys.executable).parent / "versitygw")
    address = lasting_address()
    script = shown().replace(SHOWN_ADDRESS, address)
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=tmp_path,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield address
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE_S)


def test_the_store_that_is_shown_takes_objects(address: str) -> None:
    store = obstore.store.S3Store(
        "partners",
        endpoint=f"http://{address}",
        region="us-east-1",
        access_key_id="trial",
        secret_access_key="only-for-trying",
        client_options={"allow_http": True},
    )
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            obstore.put(store, "set.csv", b"a,b\n")
            break
        except obstore.exceptions.BaseError:
            assert time.monotonic() < deadline
            time.sleep(POLL_S)
    assert bytes(obstore.get(store, "set.csv").bytes()) == b"a,b\n"
