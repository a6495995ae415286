"""What the tests of jobs share: one whose worker waits, and a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from tests.support.ray_cluster import SLOWLY, TEXT, Cluster, cluster_of_none
from tests.support.serving import Hold, Server, tree


@pytest.fixture
def working(
    make_server: Callable[..., Server], hold: Callable[[str], Hold]
) -> tuple[Server, Hold, str]:
    """A server with a job whose worker has written all and waits."""
    converted = hold("converted")
    server = make_server(MYD_WORKERS="1", MYD_FAILPOINTS=converted.setting).start()
    server.put("a.json", '[{"id":1}]')
    job_id = server.submit("a.json")
    converted.reached()
    return server, converted, job_id


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
