"""A real Ray cluster on this machine: a head that does no work, and nodes with a slot each.

Each is a tree of processes of its own, and nothing of it is in the process of the tests.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psutil

from tests.support.serving import PATIENCE_S

_RAY = (sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--disable-usage-stats")


class Node:
    """A machine of the cluster: what was started for it is gone with it."""

    def __init__(self, arguments: list[str], log: Path, settings: dict[str, str]) -> None:
        with log.open("wb") as output:
            self._process = psutil.Popen(
                [*_RAY, *arguments],
                stdout=output,
                stderr=output,
                env={**os.environ, **settings},
                start_new_session=True,
            )

    def tree(self) -> list[psutil.Process]:
        """All its processes."""
        with suppress(psutil.NoSuchProcess):
            return [self._process, *self._process.children(recursive=True)]
        return []

    def actors(self) -> list[psutil.Process]:
        """The processes of its actors; their workers are their children."""
        return [one for one in self.tree() if "WorkerActor" in _name(one)]

    def lose(self) -> None:
        """End it as a machine ends that fails."""
        for one in self.tree():
            with suppress(psutil.NoSuchProcess):
                one.kill()
        self._process.wait(PATIENCE_S)


class Cluster:
    """A head and its nodes; `address` is what a server is told."""

    def __init__(self, home: Path, port: int) -> None:
        self.address = f"127.0.0.1:{port}"
        self.home = home
        self._port = port
        self._nodes: list[Node] = []
        self._head: Node | None = None

    def start(self) -> None:
        """Start the head, which listens where the one before did."""
        arguments = ["--head", "--node-ip-address=127.0.0.1", f"--port={self._port}"]
        arguments += ["--num-cpus=0", "--include-dashboard=false", f"--temp-dir={self.home}"]
        self._head = self._started(arguments, {})
        deadline = time.monotonic() + PATIENCE_S
        while True:
            with suppress(OSError), closing(socket.create_connection(("127.0.0.1", self._port))):
                return
            assert time.monotonic() < deadline, "the head does not listen"
            time.sleep(0.05)

    def add(self, **settings: str) -> Node:
        """One more node with a slot, whose workers have these environment variables."""
        slots = json.dumps({"myd": 1})
        arguments = [f"--address={self.address}", "--node-ip-address=127.0.0.1"]
        return self._started([*arguments, "--num-cpus=1", f"--resources={slots}"], settings)

    def _started(self, arguments: list[str], settings: dict[str, str]) -> Node:
        node = Node(arguments, self.home / f"node{len(self._nodes)}.log", settings)
        self._nodes.append(node)
        return node

    def lose(self) -> None:
        """End it all."""
        for node in self._nodes:
            node.lose()
        self._nodes.clear()

    def files(self) -> Iterator[bytes]:
        """All that is written down of it: logs, and whatever else there is."""
        for path in self.home.rglob("*"):
            with suppress(OSError):
                if path.is_file():
                    yield path.read_bytes()


@contextmanager
def cluster_of_none() -> Iterator[Cluster]:
    """A cluster with a head alone."""
    # Not pytest's own directory: paths of sockets are short.
    home = Path(tempfile.mkdtemp(prefix="ray", dir="/tmp"))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    cluster = Cluster(home, port)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.lose()
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def stopped(*processes: psutil.Process) -> Iterator[None]:
    """Let these do nothing meanwhile, as on a machine that is cut off."""
    for one in processes:
        one.suspend()
    try:
        yield
    finally:
        for one in processes:
            with suppress(psutil.NoSuchProcess):
                one.resume()


def _name(process: psutil.Process) -> str:
    with suppress(psutil.NoSuchProcess):
        return process.name()
    return ""
