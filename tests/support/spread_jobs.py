"""Jobs whose files are spread over the nodes of a real Ray cluster, and what they come to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from myd.analysis.v1 import analysis_pb2 as pb
from tests.support.ray_cluster import SLOWLY, Cluster, MakeServer, Node
from tests.support.serving import Hold, Server, tree


def text(number: int, records: int) -> str:
    return json.dumps(
        [{"id": n, "x": [{"a": n}] * (number % 3), f"k{n // 90}": "글"} for n in range(records)]
    )


LONG = [text(number, 900) for number in range(8)]


def put(server: Server, texts: Sequence[str]) -> list[str]:
    return [server.put(f"f{number:03}.json", text) for number, text in enumerate(texts)]


def told(job: pb.Job) -> tuple[Any, ...]:
    """What a caller is told of a job in the end, but for its id, times and revisions."""
    shown = pb.Job()
    shown.CopyFrom(job)
    for name in ("job_id", "revision", "submit_time", "job_start_time", "job_end_time"):
        shown.ClearField(name)
    return shown.SerializeToString(deterministic=True), shown.reason, shown.msg


def alone(
    make_server: MakeServer, texts: Sequence[str], **fields: Any
) -> tuple[pb.Job, dict[str, bytes]]:
    """What a server makes of the files by itself, with one worker."""
    server = make_server(**SLOWLY).start()
    job = server.convert(*put(server, texts), merge=False, **fields)
    server.stop()
    return job, tree(server.output)


def files_as_alone(
    make_server: MakeServer, server: Server, job_id: str, texts: Sequence[str]
) -> dict[str, bytes]:
    """The files that a server makes by itself, which tells the same of it as of the job's end."""
    wanted, files = alone(make_server, texts)
    assert told(server.wait(job_id)) == told(wanted)
    return files


class Nodes:
    """Nodes with a slot each, of which every worker waits at a point until it is released.

    They have these environment variables.
    """

    def __init__(self, cluster: Cluster, home: Path, **settings: str) -> None:
        self._cluster = cluster
        self._home = home
        self._settings = settings
        self.nodes: list[Node] = []
        self.points: list[Hold] = []

    def add(self, point: str, when: str = "") -> None:
        home = self._home / f"node{len(self.nodes)}"
        home.mkdir()
        self.points.append(Hold(home, point))
        setting = f"{self.points[-1].setting}{when}"
        self.nodes.append(self._cluster.add(1, None, **self._settings, MYD_FAILPOINTS=setting))
        self.nodes[-1].wait()

    def begin(self, server: Server, texts: Sequence[str], **fields: Any) -> str:
        """The job_id of one that spreads files, when a worker of it waits on each of them."""
        server.wait_for_log(f"has slots for {len(self.nodes)} workers")
        job_id = server.submit(*put(server, texts), merge=False, **fields)
        self.reached()
        return job_id

    def reached(self) -> None:
        """Return when a worker waits on each of them."""
        for point in self.points:
            point.reached()

    def release(self) -> None:
        for point in self.points:
            point.release()

    def actors(self) -> list[list[psutil.Process]]:
        """The actors of each."""
        return [node.actors() for node in self.nodes]
