"""Outputs in a real object store: the same sets as on a disk, whatever happens on the way."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from tests.support.object_sets import OUTPUT, manifests, objects, published
from tests.support.object_store import ObjectStore, require_object_store, running_store
from tests.support.serving import Server, tree

require_object_store()

MakeServer = Callable[..., Server]
TEXT = json.dumps([{"id": n, "x": [{"a": n}], f"late{n // 900}": "글"} for n in range(3000)])
SLOWLY = {
    "MYD_FILE_SEP_SIZE": "10",
    "MYD_MAX_CSV_ROW": "700",
    "MYD_CHECKPOINT_SECONDS": "0.01",
    "MYD_OVERWRITE": "true",
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ObjectStore]:
    """A store that runs."""
    with running_store(tmp_path / "store") as found:
        yield found


@pytest.fixture
def prepared(make_server: MakeServer, store: ObjectStore) -> Callable[..., Server]:
    """Makes a server whose sets go to the store, with an input."""

    def make(**settings: str) -> Server:
        place = {"MYD_OUTPUT_DIR": str(store.location(OUTPUT)), **store.environ}
        server = make_server(**place, **SLOWLY, **settings)
        server.put("a.json", TEXT)
        return server

    return make


@pytest.fixture
def begun(prepared: Callable[..., Server]) -> Callable[..., Server]:
    """As `prepared`, and started."""
    return lambda **settings: prepared(**settings).start()


@pytest.fixture
def expected(make_server: MakeServer) -> dict[str, bytes]:
    """What a server makes of the input on a disk."""
    server = make_server(**SLOWLY).start()
    server.put("a.json", TEXT)
    assert server.convert("a.json").status == pb.Job.DONE
    server.stop()
    return tree(server.output)


def process(server: Server, program: str) -> psutil.Process:
    """The process of the server that runs a module."""
    (found,) = [
        one for one in server.workers() if f"myd_grpc.jobs.worker.{program}" in one.cmdline()
    ]
    return found


def test_a_set_is_the_same_as_on_a_disk(
    begun: Callable[..., Server], store: ObjectStore, expected: dict[str, bytes]
) -> None:
    server = begun()
    job = server.convert("a.json")
    assert (job.status, job.msg) == (pb.Job.DONE, "")
    assert published(store) == expected
    assert "out/_SUCCESS" in objects(store)
    assert {part.file_name: part.bytes for table in job.tables for part in table.parts} == {
        name.partition("/")[2]: len(data) for name, data in expected.items()
    }
    (manifest,) = manifests(store).values()
    assert manifest["job"] == job.job_id
    assert list((server.state / "work").iterdir()) == []
