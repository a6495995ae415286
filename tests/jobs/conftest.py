"""What the tests of jobs on a cluster share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from tests.support.ray_cluster import SLOWLY, TEXT, Cluster, cluster_of_none
from tests.support.serving import Server, tree


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A cluster of no node as yet."""
    with cluster_of_none() as found:
        yield found


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What a server makes of the text by itself."""
    server = Server(tmp_path_factory.mktemp("alone"), **SLOWLY).start()
    server.put("a.json", TEXT)
    job = server.convert("a.json")
    server.kill()
    assert job.status == pb.Job.DONE
    return tree(server.output)
