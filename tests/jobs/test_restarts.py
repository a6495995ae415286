"""Crashes and restarts around a job that was complete, or in its middle."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from myd_grpc.convert.model import Conversion
from myd_grpc.jobs.worker.protocol import Task, encode_places, encode_task
from tests.support.keys import KEYS, encrypted
from tests.support.serving import PATIENCE_S, ROOT, Hold, Server, outcome

MakeServer = Callable[..., Server]
MakeHold = Callable[[str], Hold]
SMALL = '[{"id":1}]'


def test_a_killed_server_takes_its_workers_along_and_the_next_one_goes_on(
    working: tuple[Server, Hold, str],
) -> None:
    server, _, job_id = working
    queued = server.submit("a.json", output="o2")
    workers = server.workers()
    assert workers
    server.kill()
    psutil.wait_procs(workers, timeout=PATIENCE_S)
    assert not any(worker.is_running() for worker in workers)
    assert server.left_in_output() == {f".myd-{job_id}"}
    server.start(MYD_FAILPOINTS="")
    for one in (job_id, queued):
        assert outcome(server.wait(one)) == ("DONE", "")
    server.stop()
    assert server.left_in_output() == {"out", "o2"}


def test_a_worker_ends_with_its_stdin_even_if_its_server_lives(
    tmp_path: Path, hold: MakeHold
) -> None:
    started = hold("worker_started")
    task = Task("j1", Conversion(str(tmp_path), ("a.json",), "out"), str(tmp_path / "staging"))
    worker = subprocess.Popen(
        [sys.executable, "-m", "myd_grpc.jobs.worker.program"],
        stdin=subprocess.PIPE,
        env={"PYTHONPATH": str(ROOT), "MYD_FAILPOINTS": started.setting},
    )
    assert worker.stdin
    worker.stdin.write(encode_places(None) + encode_task(task))
    worker.stdin.flush()
    with started.at_point():  # in the middle of its work
        worker.stdin.close()
        assert worker.wait(PATIENCE_S) == 1


@pytest.mark.one_in(5)
@pytest.mark.parametrize("replaces", [False, True])
@pytest.mark.parametrize("settings", ["", ";rename=error:EINVAL;exchange=error:EINVAL"])
@pytest.mark.parametrize("point", ["before_publish", "rename", "after_rename"])
def test_a_set_that_was_complete_at_a_crash_is_published_without_its_key(
    make_server: MakeServer, point: str, settings: str, replaces: bool
) -> None:
    server = make_server().start()
    server.put("a.json", '[{"x":1}]')
    server.put("b.enc", encrypted('[{"y":1},{"y":2}]'))
    if replaces:
        server.convert("a.json")
    server.restart(MYD_FAILPOINTS=f"{point}=kill{settings}")
    job_id = server.submit("b.enc", **KEYS)
    assert server.process.wait(PATIENCE_S) == -signal.SIGKILL
    server.kill()
    server.start(MYD_FAILPOINTS="")
    job = server.job(job_id)
    assert outcome(job) == ("DONE", "")
    assert [table.rows for table in job.tables] == [2]
    assert server.left_in_output() == {"out"}
    assert b"y" in (server.output / "out/out_1.csv").read_bytes()


def test_a_complete_set_that_must_not_replace_another_fails_after_a_crash_too(
    make_server: MakeServer,
) -> None:
    server = make_server(MYD_FAILPOINTS="before_publish=kill").start()
    server.put("a.json", SMALL)
    job_id = server.submit("a.json", overwrite=False)
    server.process.wait(PATIENCE_S)
    (server.output / "out").mkdir()
    server.kill()
    server.start(MYD_FAILPOINTS="")
    assert outcome(server.job(job_id)) == ("FAILED", "OUTPUT_UNAVAILABLE")
    assert server.left_in_output() == {"out"}


def test_a_crash_while_a_set_is_put_aside_brings_it_back(make_server: MakeServer) -> None:
    server = make_server().start()
    server.put("a.json", SMALL)
    server.convert("a.json")
    server.restart(MYD_FAILPOINTS="exchange=error:EINVAL;put_aside=kill")
    job_id = server.submit("a.json")
    assert server.process.wait(PATIENCE_S) == -signal.SIGKILL
    server.kill()
    assert "out" not in server.left_in_output()
    old = (server.output / f".myd-{job_id}-old").stat().st_ino
    server.start(MYD_FAILPOINTS="before_publish=error:EIO")
    assert outcome(server.job(job_id)) == ("FAILED", "OUTPUT_UNAVAILABLE")
    assert server.left_in_output() == {"out"}
    assert (server.output / "out").stat().st_ino == old


def test_staging_that_somebody_owns_is_left(make_server: MakeServer) -> None:
    server = make_server()
    owned, ownerless = server.output / ".myd-owned", server.output / ".myd-ownerless"
    for path in (owned, ownerless):
        path.mkdir(parents=True)
    owner = os.open(owned, os.O_RDONLY)
    fcntl.flock(owner, fcntl.LOCK_EX)
    server.start()
    assert server.left_in_output() == {owned.name}
    os.close(owner)
    server.restart()
    assert server.left_in_output() == set()
