"""A real Ray cluster on this machine: a head that does no work, and nodes with a slot each.

Each is a tree of processes of its own, and nothing of it is in the process of the tests.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import psutil
import pytest

from tests.support.serving import PATIENCE_S, Hold, Server

MakeServer = Callable[..., Server]


def require_ray() -> Any:
    """Ray itself. Where that is missing, the tests of a module are left out; never in CI."""
    if os.environ.get("CI") != "true":
        pytest.importorskip("ray", reason="left out: workers on a cluster, as there is no Ray")
    return importlib.import_module("ray")


TEXT = json.dumps([{"id": n, "x": [{"a": n}], f"late{n // 900}": "글"} for n in range(3000)])
SLOWLY = {
    "MYD_FILE_SEP_SIZE": "10",
    "MYD_MAX_CSV_ROW": "700",
    "MYD_CHECKPOINT_SECONDS": "0.000001",
    "MYD_ENGINE": "python",
}
"""Settings with which there are many batches and parts of the text, and checkpoints at once.

However fast a machine is, one of the first batches has a checkpoint.
"""

# A node that is lost is given up within seconds, not within a minute.
_IMPATIENT = {
    "RAY_health_check_initial_delay_ms": "2000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "2000",
    "RAY_health_check_failure_threshold": "3",
}
_FEW_OBJECTS = "--object-store-memory=80000000"
HOST = "127.0.0.2"
"""An address of this machine alone; Ray takes what is called 127.0.0.1 for another one of it."""

_RAY = (sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--disable-usage-stats")

# What a cluster has noted of itself is what Ray compares who joins it with.
_CLAIM = """
import json, sys
from ray._common.usage.usage_constants import CLUSTER_METADATA_KEY
from ray._private.ray_constants import KV_NAMESPACE_CLUSTER
from ray._raylet import GcsClient
store = GcsClient(address=sys.argv[1])
noted = json.loads(store.internal_kv_get(CLUSTER_METADATA_KEY, namespace=KV_NAMESPACE_CLUSTER))
noted |= json.loads(sys.argv[2])
store.internal_kv_put(
    CLUSTER_METADATA_KEY, json.dumps(noted).encode(), True, namespace=KV_NAMESPACE_CLUSTER
)
"""


class Node:
    """A machine of the cluster: what was started for it is gone with it."""

    def __init__(self, command: list[str], log: Path, settings: dict[str, str]) -> None:
        with log.open("wb") as output:
            self._process = psutil.Popen(
                command,
                stdout=output,
                stderr=output,
                env={**os.environ, **settings},
                start_new_session=True,
            )
        self._log = log

    def wait(self) -> None:
        """Return when it runs, or has run."""
        deadline = time.monotonic() + PATIENCE_S
        while "Ray runtime started" not in (log := self._log.read_text("utf-8")):
            assert time.monotonic() < deadline, log
            time.sleep(0.05)

    def lives(self) -> bool:
        """Whether it was not lost."""
        return self._process.poll() is None

    def tree(self) -> list[psutil.Process]:
        """All its processes."""
        with suppress(psutil.NoSuchProcess):
            return [self._process, *self._process.children(recursive=True)]
        return []

    def actors(self) -> list[psutil.Process]:
        """The processes of its actors; their workers are their children."""
        return [one for one in self.tree() if "WorkerActor" in _name(one)]

    def worker(self) -> psutil.Process:
        """The process that works there, and not the spare: that was started after it."""
        (actor,) = self.actors()
        return min(actor.children(), key=lambda one: (one.create_time(), one.pid))

    def lose(self) -> None:
        """End it as a machine ends that fails."""
        for one in self.tree():
            with suppress(psutil.NoSuchProcess):
                one.kill()
        self._process.wait(PATIENCE_S)


class Cluster:
    """A head and its nodes; `address` is what a server is told."""

    def __init__(self, home: Path, port: int, settings: dict[str, str], *, impatient: bool) -> None:
        self.address = f"{HOST}:{port}"
        self.home = home
        self._settings = settings
        self._health = _IMPATIENT if impatient else {}
        self._port = port
        self._nodes: list[Node] = []
        self._head: Node | None = None

    def start(self) -> None:
        """Start the head, which listens where the one before did."""
        arguments = ["--head", f"--node-ip-address={HOST}", f"--port={self._port}"]
        arguments += ["--num-cpus=0", "--include-dashboard=false", f"--temp-dir={self.home}"]
        self._head = self._started(arguments, self._health)
        deadline = time.monotonic() + PATIENCE_S
        while True:
            with suppress(OSError), closing(socket.create_connection((HOST, self._port))):
                return
            assert time.monotonic() < deadline, "the head does not listen"
            time.sleep(0.05)

    def add(self, slots: int = 1, hiding: Path | None = None, **settings: str) -> Node:
        """One more node, whose workers have these environment variables.

        It is begun when those before it run: of several at the same time, some may never do.
        It has a directory of its own, and an empty one, in the place of the one that is hidden.
        """
        for before in self._nodes:
            if before.lives():
                before.wait()
        offered = json.dumps({"myd": slots})
        arguments = [f"--address={self.address}", f"--node-ip-address={HOST}"]
        arguments += ["--num-cpus=1", f"--resources={offered}"]
        return self._started(arguments, settings, _hiding(hiding) if hiding else [])

    def _started(
        self, arguments: list[str], settings: dict[str, str], through: Sequence[str] = ()
    ) -> Node:
        log = self.home / f"node{len(self._nodes)}.log"
        command = [*through, *_RAY, *arguments, _FEW_OBJECTS]
        node = Node(command, log, self._settings | settings)
        self._nodes.append(node)
        return node

    def claim_versions(self, **versions: str) -> None:
        """Have the cluster say that it has these versions, as one of another machine would."""
        done = subprocess.run(
            [sys.executable, "-c", _CLAIM, self.address, json.dumps(versions)],
            cwd="/",
            env={**os.environ, **self._settings},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

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

    def control_store(self) -> Iterator[bytes]:
        """The memory of the process that is the control store."""
        assert self._head
        (process,) = [one for one in self._head.tree() if _name(one) == "gcs_server"]
        return memory_of(process)

    def shared_memory(self) -> Iterator[bytes]:
        """What is in the memory in which processes of a node share objects."""
        for node in self._nodes:
            for process in node.tree():
                if _name(process) == "raylet":
                    yield from _shared_memory(process)


@contextmanager
def cluster_of_none(
    settings: Mapping[str, str] = MappingProxyType({}), *, impatient: bool = True
) -> Iterator[Cluster]:
    """A cluster with a head alone; all that is started of it has these environment variables.

    An impatient one gives up a node that says nothing for some seconds: for tests that lose some.
    """
    # Not pytest's own directory: paths of sockets are short.
    home = Path(tempfile.mkdtemp(prefix="ray", dir="/tmp"))
    with socket.create_server((HOST, 0)) as free:
        port = free.getsockname()[1]
    cluster = Cluster(home, port, dict(settings), impatient=impatient)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.lose()
        shutil.rmtree(home, ignore_errors=True)


def _hiding(directory: Path) -> list[str]:
    """The beginning of a command that is not to see what is in the directory."""
    directory.mkdir(parents=True, exist_ok=True)
    script = 'mount -t tmpfs tmpfs "$0" && exec "$@"'
    return ["unshare", "--mount", "sh", "-c", script, str(directory)]


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


def memory_of(process: psutil.Process) -> Iterator[bytes]:
    """All that a process can write to, a mapping at a time; nothing of one that has ended."""
    with (
        suppress(FileNotFoundError),
        Path(f"/proc/{process.pid}/mem").open("rb", buffering=0) as memory,
    ):
        for line in Path(f"/proc/{process.pid}/maps").read_text().splitlines():
            place, modes, *_ = line.split()
            first, end = (int(one, 16) for one in place.split("-"))
            if modes.startswith("rw"):
                with suppress(OSError):  # what the kernel keeps there
                    memory.seek(first)
                    yield memory.read(end - first)


def _shared_memory(process: psutil.Process) -> Iterator[bytes]:
    """What has been written to the files of memory alone that the process has open."""
    for link in Path(f"/proc/{process.pid}/fd").iterdir():
        with suppress(OSError):
            if "plasma" in str(link.readlink()):
                yield from _written(link)


def _written(path: Path) -> Iterator[bytes]:
    """The parts of a file that are no holes."""
    with path.open("rb", buffering=0) as file:
        end = 0
        with suppress(OSError):  # there is no more
            while True:
                first = os.lseek(file.fileno(), end, os.SEEK_DATA)
                end = os.lseek(file.fileno(), first, os.SEEK_HOLE)
                yield os.pread(file.fileno(), end - first, first)


# Servers of a cluster


def start(make_server: MakeServer, cluster: Cluster, **settings: str) -> Server:
    """A server whose workers run there."""
    server = make_server(MYD_EXECUTOR="ray", MYD_RAY_ADDRESS=cluster.address, **settings)
    return server.start()


def saved(server: Server, job_id: str) -> None:
    """Return when a checkpoint of the job is committed, which no call tells."""
    wanted = "SELECT 1 FROM job_checkpoint WHERE job_id = ?"
    deadline = time.monotonic() + PATIENCE_S
    with closing(sqlite3.connect(server.state / "csv_status.db")) as database:
        while not database.execute(wanted, (job_id,)).fetchall():
            assert time.monotonic() < deadline, server.log
            time.sleep(0.01)


@dataclass(frozen=True)
class HeldJob:
    """A job that has begun on a node, and is held there after a checkpoint."""

    server: Server
    node: Node
    point: Hold
    job_id: str


def held_job(make_server: MakeServer, cluster: Cluster, point: Hold, **settings: str) -> HeldJob:
    """A job of the text on a new node of a cluster, of whose points this is "batch_written"."""
    node = cluster.add(MYD_FAILPOINTS=f"{point.setting}@200")
    server = start(make_server, cluster, **SLOWLY, **settings)
    server.put("a.json", TEXT)
    job_id = server.submit("a.json", overwrite=True)
    point.reached()
    saved(server, job_id)
    return HeldJob(server, node, point, job_id)


def waits_for(server: Server, job_id: str, what: str) -> str:
    """What a job says that waits for that, once it does; on a busy machine it may say more."""
    said: str = next(one.data.msg for one in server.watch(job_id) if what in one.data.msg)
    assert said.startswith("waits, and tries again: "), said
    return said
