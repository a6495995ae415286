"""What the machine lacks for a moment makes a job wait, not fail."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import grpc
import psutil
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.convert.errors import ConversionError, Reason, ShortageError, refused
from tests.support.serving import PATIENCE_S, Hold, Server

MakeServer = Callable[..., Server]

# What a client of HTTP/2 says first: its preface, and settings of which there are none.
HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
PUBLISHED = "waits, and tries again: the output directory cannot be read: too many open files"
STARTED = "waits, and tries again: no worker process could be started: too many open files"


@contextmanager
def no_more_open_files(server: Server) -> Iterator[None]:
    """Let the server's process have no further open files meanwhile."""
    process = psutil.Process(server.process.pid)
    before = process.rlimit(psutil.RLIMIT_NOFILE)
    try:
        process.rlimit(psutil.RLIMIT_NOFILE, (0, before[1]))
    except PermissionError:
        pytest.skip("this takes root")
    try:
        yield
    finally:
        process.rlimit(psutil.RLIMIT_NOFILE, before)


def wait_for_message(server: Server, job_id: str) -> str:
    """What the job says as soon as it says anything."""
    return next(str(answer.data.msg) for answer in server.watch(job_id) if answer.data.msg)


def test_a_job_waits_with_its_set_for_open_files(
    make_server: MakeServer, hold: Callable[[str], Hold]
) -> None:
    point = hold("converted")
    server = make_server(MYD_FAILPOINTS=point.setting).start()
    server.put("a.json", "[1]")
    job_id = server.submit("a.json")
    point.reached()
    # The server has looked at the output directory, which it does at the first progress.
    next(one for one in server.watch(job_id) if one.data.progress.bytes_total)
    with no_more_open_files(server):
        point.release()
        assert wait_for_message(server, job_id) == PUBLISHED
        assert server.job(job_id).status == pb.Job.WORKING
        assert not (server.output / "out").exists()
    job = server.wait(job_id)
    assert (job.status, job.msg) == (pb.Job.DONE, "")
    server.wait_for_log(f"job {job_id}: DONE")


def test_a_job_waits_for_a_worker(make_server: MakeServer) -> None:
    server = make_server().start()
    server.put("a.json", "[1]")
    server.convert("a.json")
    for spare in server.spares():
        spare.kill()
        spare.wait(PATIENCE_S)
    with no_more_open_files(server):
        job_id = server.submit("a.json")
        assert wait_for_message(server, job_id) == STARTED
        request = pb.PreprocessShoppingRequest(user_id="1", proposal_id="1", file_name="a.json")
        with pytest.raises(grpc.RpcError) as caught:
            server.stub.PreprocessShopping(request, timeout=PATIENCE_S)
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        other = server.submit("a.json", output="other")
        assert "too many open files" in wait_for_message(server, other)
        assert server.cancel(other).reason == "CANCELLED"
    job = server.wait(job_id)
    assert (job.status, job.msg) == (pb.Job.DONE, "")


@pytest.mark.parametrize("point", ["write", "sync"])
def test_a_worker_that_lacks_something_is_asked_again(make_server: MakeServer, point: str) -> None:
    server = make_server(MYD_FAILPOINTS=f"{point}=error:EMFILE@1", MYD_ENGINE="python").start()
    server.put("a.json", '[{"id":1,"l":[{"a":1}]}]')
    job = server.convert("a.json")
    assert (job.status, job.msg) == (pb.Job.DONE, "")
    assert "too many open files" in server.log


def connect(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    connection = socket.create_connection((host, int(port)))
    connection.sendall(HELLO)
    return connection


def is_served(connection: socket.socket) -> bool:
    """Whether the server answers, rather than to close the connection."""
    connection.settimeout(PATIENCE_S)
    try:
        return bool(connection.recv(1))
    except ConnectionError:
        return False


def test_idle_connections_leave_the_jobs_what_they_need(make_server: MakeServer) -> None:
    server = make_server()
    server.program = ("prlimit", "--nofile=200:300", *server.program)
    server.start()
    server.put("a.json", "[1]")
    server.convert("a.json")  # so that this client is connected
    with ExitStack() as stack:
        connections = [stack.enter_context(connect(server.address)) for _ in range(400)]
        served = sum(map(is_served, connections))
        assert 100 <= served < 300
        for number in range(5):
            job = server.convert("a.json", output=f"set{number}")
            assert (job.status, job.msg) == (pb.Job.DONE, "")
        # A further caller is turned away, until others have left.
        apart = [("grpc.use_local_subchannel_pool", 1)]
        with grpc.insecure_channel(server.address, options=apart) as channel:
            health: Any = health_pb2_grpc.HealthStub(channel)
            with pytest.raises(grpc.RpcError) as caught:
                health.Check(health_pb2.HealthCheckRequest(), timeout=PATIENCE_S)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
            stack.close()
            health.Check(health_pb2.HealthCheckRequest(), timeout=PATIENCE_S, wait_for_ready=True)
    assert "too many open files" not in server.log


def test_the_soft_limit_is_raised_to_the_hard_one() -> None:
    program = (
        "import resource; from myd_grpc.jobs.worker.hardening import raise_open_files; "
        "print(raise_open_files(), *resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    said = subprocess.run(
        ["prlimit", "--nofile=64:128", sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.split() == ["128", "128", "128"]


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        *[(number, ShortageError) for number in (errno.EMFILE, errno.ENFILE, errno.ENOMEM)],
        (errno.EAGAIN, ShortageError),
        *[(number, ConversionError) for number in (errno.EACCES, errno.EIO, errno.EROFS)],
    ],
)
def test_only_what_passes_is_a_shortage(number: int, kind: type[ConversionError]) -> None:
    failure = refused(Reason.OUTPUT_UNAVAILABLE, "out", OSError(number, ""))
    assert type(failure) is kind
    assert failure.message == f"out: {os.strerror(number).lower()}"
