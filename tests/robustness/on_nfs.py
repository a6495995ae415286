"""What is tested on a real NFS: `test_nfs.py` runs these in a machine that has one."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.jobs.publish.output_directory import OutputDirectory, staging_name
from myd_grpc.jobs.worker.staging import owned, take_over
from myd_grpc.locks import LOCK_FILE
from tests.robustness.crash_plans import FINISHED, FINISHING, JUST_CSV, Kill, Plan
from tests.robustness.crash_world import World
from tests.robustness.crashing import Round, Tally
from tests.support.nfs_machine import EXPORT, NODES
from tests.support.serving import PATIENCE_S, Hold, Server, tree

pytestmark = pytest.mark.timeout(600)

MakeServer = Callable[..., Server]
JOB = "0" * 32
SOME = json.dumps([{"id": n, "x": [{"a": n}]} for n in range(30)])
OTHER = json.dumps([{"id": n} for n in range(40)])


@pytest.fixture
def place(request: pytest.FixtureRequest) -> str:
    """The name of a new directory on the server, which both nodes see."""
    name = str(request.node.name)
    (EXPORT / name).mkdir()
    return name


def on_nfs(server: Server, home: Path) -> Server:
    """Let a server have its data and its output there; its state stays with it."""
    server.data, server.output = home / "data", home / "output"
    server.data.mkdir(exist_ok=True)
    return server


def opened(path: Path) -> OutputDirectory:
    return OutputDirectory(path, os.open(path, os.O_RDONLY | os.O_DIRECTORY))


@pytest.mark.parametrize(
    ("victim", "point", "replaces"),
    [
        ("worker", "after_sync", False),
        ("server", "put_aside", True),
        ("server", "rename", False),
        *[("worker", point, False) for point in FINISHING],
    ],
)
def test_a_job_survives_a_crash(
    tmp_path: Path, place: str, victim: str, point: str, replaces: bool
) -> None:
    world, tally = World(tmp_path), Tally()
    before = world.server.data
    on_nfs(world.server, NODES[0] / place)
    for path in before.rglob("*.json"):
        world.server.put(str(path.relative_to(before)), path.read_bytes())
    kills = (Kill(victim, 0.0, point),)
    one = Plan(
        "long",
        "",
        marked=True,
        replaces=replaces,
        kills=kills,
        engines=("python",) * 2,
        formats=FINISHED[-1] if point in FINISHING else JUST_CSV,
    )
    try:
        Round(world, one, tally).run()
    finally:
        world.server.kill()
    assert tally.points == {point: 1}
    assert tally.outcomes == {"DONE": 1}


def test_two_servers_on_two_nodes_are_kept_apart(make_server: MakeServer, place: str) -> None:
    first, second = make_server(), make_server()
    on_nfs(first, NODES[0] / place).start()
    on_nfs(second, NODES[1] / place)
    second.begin()
    assert second.process.wait(PATIENCE_S) == 1
    assert "another server is working in" in second.log
    first.kill()
    second.start()
    assert second.left_in_output() == {LOCK_FILE}


def test_a_directory_that_cannot_be_locked_is_not_served(
    make_server: MakeServer, place: str
) -> None:
    server = on_nfs(make_server(), NODES[0] / place)
    (server.output / LOCK_FILE).mkdir(parents=True)
    server.begin()
    assert server.process.wait(PATIENCE_S) == 1
    assert f"{LOCK_FILE} cannot be locked: is a directory" in server.log


def test_what_one_node_has_staged_another_takes_over_and_a_third_publishes(place: str) -> None:
    here, there = (node / place for node in NODES)
    output = opened(here)
    assert not output.holds(staging_name(JOB, "1"))  # which the node may believe for a while
    with owned(there / staging_name(JOB, "1")):
        (there / staging_name(JOB, "1") / "table").mkdir()
        (there / staging_name(JOB, "1") / "table" / "table_part_1.csv").write_text(SOME)
    with owned(here / staging_name(JOB, "2")):
        take_over(here / staging_name(JOB, "1"), here / staging_name(JOB, "2"))
    staged = opened(there).stage(JOB, "2", "")
    assert opened(there).publish(staged, "out", replace=False) is False
    opened(there).discard(JOB, attempts=True)
    assert {path.name for path in here.iterdir()} == {"out"}
    assert tree(here) == {"out/table/table_part_1.csv": SOME.encode()}


def test_a_replaced_set_that_is_still_read_is_removed_by_the_next_server(
    make_server: MakeServer, place: str
) -> None:
    server = on_nfs(make_server(MYD_OVERWRITE="true"), NODES[0] / place).start()
    server.put("some.json", SOME)
    server.put("other.json", OTHER)
    assert server.convert("some.json").status == pb.Job.DONE
    part = next((server.output / "out").rglob("*.csv"))
    with part.open("rb") as reader:
        job = server.convert("other.json")
        assert job.status == pb.Job.DONE
        server.wait_for_log("cannot be removed")
        assert reader.read()
        (left,) = server.left_in_output() - {"out", LOCK_FILE}
        (file,) = (server.output / left).iterdir()
        assert file.name.startswith(".nfs")
    server.restart()
    assert server.left_in_output() == {"out", LOCK_FILE}


@contextmanager
def answers_lost() -> Iterator[None]:
    """The server does what the first node asks for, and forgets that it did: no answer arrives."""
    losing = ["dev", "node1", "root", "netem", "loss", "100%"]
    subprocess.run(["tc", "qdisc", "add", *losing], check=True)
    yield
    # What it did is in a memory for repeated requests, which this clears.
    for threads in ("0", "4"):
        Path("/proc/fs/nfsd/threads").write_text(threads)
    subprocess.run(["tc", "qdisc", "delete", *losing], check=True)


def seen(path: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("point", ["rename", "exchange"])
def test_a_set_whose_rename_was_not_answered_is_published(
    make_server: MakeServer, hold: Callable[[str], Hold], place: str, point: str
) -> None:
    held = hold(point)
    server = on_nfs(make_server(), NODES[0] / place).start()
    server.put("some.json", SOME)
    if point == "exchange":  # for which NFS has two renames
        assert server.convert("some.json").status == pb.Job.DONE
    server.restart(MYD_FAILPOINTS=held.setting)
    server.put("other.json", OTHER)
    job_id = server.submit("other.json", merge=True, overwrite=True)
    held.reached()
    with answers_lost():
        held.release()
        seen(
            EXPORT
            / place
            / "output"
            / ("out" if point == "rename" else staging_name(job_id) + "-old")
        )
    assert server.wait(job_id).status == pb.Job.DONE
    assert b"39" in b"".join(tree(server.output).values())
    server.restart(MYD_FAILPOINTS="")
    assert server.left_in_output() == {"out", LOCK_FILE}
