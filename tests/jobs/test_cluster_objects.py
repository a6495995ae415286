"""Jobs on the nodes of a real Ray cluster, with inputs and sets in a real object store."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from tests.support.object_sets import OUTPUT, published
from tests.support.object_store import ObjectStore, require_object_store, running_store
from tests.support.serving import Server, tree

if os.environ.get("CI") != "true":
    pytest.importorskip("ray", reason="left out: workers on a cluster, as there is no Ray")
from tests.support.ray_cluster import cluster_of_none

require_object_store()

pytestmark = pytest.mark.timeout(300)

TEXT = json.dumps([{"id": n, "x": [{"a": n}], f"late{n // 900}": "글"} for n in range(3000)])


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ObjectStore]:
    """A store that runs."""
    with running_store(tmp_path / "store") as found:
        found.put("in/a.json", TEXT.encode())
        yield found


def test_a_node_reads_with_the_credentials_of_its_own(
    make_server: Callable[..., Server], store: ObjectStore
) -> None:
    with cluster_of_none() as cluster:
        cluster.add(1, None, **store.environ)
        place = {"MYD_DATA_DIR": str(store.location("in")), "MYD_RAY_ADDRESS": cluster.address}
        server = make_server(MYD_EXECUTOR="ray", **place).start()
        assert server.convert("a.json").status == pb.Job.DONE
        seen = b"".join(cluster.files())
        server.stop()
    local = make_server().start()
    local.put("a.json", TEXT)
    assert local.convert("a.json").status == pb.Job.DONE
    assert tree(server.output) == tree(local.output)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        assert store.environ[name].encode() not in seen


def test_a_node_uploads_what_it_has_made_on_a_disk_of_its_own(
    make_server: Callable[..., Server], store: ObjectStore, tmp_path: Path
) -> None:
    with cluster_of_none() as cluster:
        cluster.add(1, None, **store.environ)
        place = {"MYD_OUTPUT_DIR": str(store.location(OUTPUT)), **store.environ}
        work = tmp_path / "node"
        settings = {"MYD_RAY_ADDRESS": cluster.address, "MYD_WORK_DIR": str(work)}
        server = make_server(MYD_EXECUTOR="ray", **place, **settings).start()
        server.put("a.json", TEXT)
        assert server.convert("a.json").status == pb.Job.DONE
        assert not any(path.is_file() for path in work.rglob("*.csv"))
        server.stop()
    local = make_server().start()
    local.put("a.json", TEXT)
    assert local.convert("a.json").status == pb.Job.DONE
    assert published(store) == tree(local.output)
