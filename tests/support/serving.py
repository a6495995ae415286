"""A real server process for tests: started, stopped, killed and restarted on its directories."""

from __future__ import annotations

import errno
import os
import random
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self, cast

import grpc
import psutil
import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from grpc_health.v1 import health_pb2_grpc
from grpc_status import rpc_status

from myd.analysis.v1 import analysis_pb2 as pb
from myd.analysis.v1 import analysis_pb2_grpc as pb_grpc

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 120
ENDED = frozenset({pb.Job.DONE, pb.Job.FAILED, pb.Job.NOTFOUND})


def lasting_address() -> str:
    """A free address that will be free again after a restart.

    Its port is none of those that the system hands out to whoever asks for any.
    """
    first_handed_out = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        # Not the module's own generator, which may be seeded alike in several processes.
        port = random.SystemRandom().randrange(first_handed_out // 2, first_handed_out)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return f"127.0.0.1:{port}"


def details_of(error: grpc.RpcError) -> tuple[ErrorInfo, BadRequest]:
    """The google.rpc details of a failed call; empty messages for those it has not."""
    status = rpc_status.from_call(cast("grpc.Call", error))
    assert status, error
    info, bad = ErrorInfo(), BadRequest()
    for detail in status.details:
        detail.Unpack(info)
        detail.Unpack(bad)
    return info, bad


def refusal(call: Callable[[], object]) -> tuple[grpc.StatusCode, str, dict[str, str]]:
    """What a refused call says: the code, the reason, and each field at fault."""
    with pytest.raises(grpc.RpcError) as caught:
        call()
    info, bad = details_of(caught.value)
    assert info.domain == "myd.analysis.v1"
    fields = {one.field: one.description for one in bad.field_violations}
    code: grpc.StatusCode = caught.value.code()
    return code, info.reason, fields


class Server:
    """`server.py` on directories of its own; settings are environment variables."""

    arguments: tuple[str, ...] = ()
    program: tuple[str, ...] = (sys.executable, str(ROOT / "server.py"))

    def __init__(self, home: Path, **settings: str) -> None:
        self.home = home
        self.data, self.output, self.state = home / "data", home / "output", home / "state"
        self.log_file = home / "log"
        self.settings = settings
        self.address = ""
        self.credentials: grpc.ChannelCredentials | None = None
        self.interceptors: tuple[Any, ...] = ()  # gRPC has a type for each kind of call
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: grpc.Channel | None = None
        self.data.mkdir(parents=True, exist_ok=True)

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process, "the server has not been started"
        return self._process

    @property
    def stub(self) -> Any:
        """The service; each call goes through the interceptors, if there are any."""
        return pb_grpc.AnalysisServiceStub(grpc.intercept_channel(self.channel, *self.interceptors))

    @property
    def channel(self) -> grpc.Channel:
        """One channel that lasts until the server is stopped; over TLS if there are credentials."""
        if self._channel is None:
            self._channel = self.connect(self.credentials)
        return self._channel

    def connect(self, credentials: grpc.ChannelCredentials | None = None) -> grpc.Channel:
        """A channel of its own, whose connection is none that another has."""
        options = [("grpc.use_local_subchannel_pool", 1)]
        if credentials is None:
            return grpc.insecure_channel(self.address, options)
        return grpc.secure_channel(self.address, credentials, options)

    @property
    def health(self) -> Any:
        """The standard health service, over the same channel."""
        return health_pb2_grpc.HealthStub(self.channel)

    @property
    def log(self) -> str:
        return self.log_file.read_text("utf-8")

    def start(self, **settings: str) -> Self:
        """Start, and return when calls are served."""
        self.begin(**settings)
        self.wait_until_ready()
        return self

    def wait_until_ready(self) -> None:
        """Return when calls are served by a server that was started."""
        deadline = time.monotonic() + PATIENCE_S
        while not self.is_ready():
            assert self.process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.01)

    def begin(self, **settings: str) -> None:
        """Start, and do not wait."""
        self.settings |= settings
        ready = self.home / "address"
        ready.unlink(missing_ok=True)
        self._process = self.launch(MYD_ADDRESS_FILE=str(ready))

    @property
    def runs(self) -> bool:
        """Whether there is a process."""
        return self._process is not None and self._process.poll() is None

    def is_ready(self) -> bool:
        """Whether a server that was started serves calls by now."""
        ready = self.home / "address"
        if not ready.exists():
            return False
        self.address = ready.read_text().strip()
        return True

    def launch(self, **settings: str) -> subprocess.Popen[bytes]:
        """Start a process and do not wait for anything."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        environ = {
            **kept,
            "MYD_DATA_DIR": str(self.data),
            "MYD_OUTPUT_DIR": str(self.output),
            "MYD_STATE_DIR": str(self.state),
            "MYD_GRPC_ADDRESS": "127.0.0.1:0",
            "MYD_FAILPOINTS": "",  # has it answer to `last_words`
            **self.settings,
            **settings,
        }
        with self.log_file.open("ab") as log:
            return subprocess.Popen(
                [*self.program, *self.arguments],
                env=environ,
                cwd=self.home,  # not the repository: nothing may depend on that
                stderr=log,
            )

    def stop(self) -> int:
        """End it as an operator does; the exit status."""
        return self._end(signal.SIGTERM)

    def kill(self) -> int:
        """End it as a crash does."""
        return self._end(signal.SIGKILL)

    def restart(self, **settings: str) -> Self:
        """Stop and start again on the same directories."""
        self.stop()
        return self.start(**settings)

    def put(self, name: str, content: str | bytes) -> str:
        """Write an input file; its name."""
        path = self.data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return name

    def submit(self, *file_names: str, output: str = "out", **fields: Any) -> str:
        """The job_id of a new conversion."""
        request = pb.ConvertToCsvRequest(
            file_names=file_names, output_file_name=output, **{"merge": True, **fields}
        )
        job_id: str = self.stub.ConvertToCsv(request, timeout=PATIENCE_S).data.job_id
        return job_id

    def refusal(self, *file_names: str, **fields: Any) -> tuple[grpc.StatusCode, str]:
        """The code and reason for which a conversion is refused."""
        with pytest.raises(grpc.RpcError) as caught:
            self.submit(*file_names, **fields)
        info, _ = details_of(caught.value)
        return caught.value.code(), info.reason

    def job(self, job_id: str) -> pb.Job:
        job: pb.Job = self.stub.GetJobStatus(
            pb.GetJobStatusRequest(job_id=job_id), timeout=PATIENCE_S
        ).data
        return job

    def watch(self, job_id: str, from_revision: int = 0) -> Any:
        """The call: an iterator of responses."""
        request = pb.WatchJobRequest(job_id=job_id, from_revision=from_revision)
        return self.stub.WatchJob(request, timeout=PATIENCE_S)

    def wait(self, job_id: str) -> pb.Job:
        """The job's final state."""
        try:
            *_, last = self.watch(job_id)
        except grpc.RpcError as error:
            raise AssertionError(f"{error.code()}: {self.job(job_id)}\n{self.log}") from error
        job: pb.Job = last.data
        return job

    def convert(self, *file_names: str, output: str = "out", **fields: Any) -> pb.Job:
        """Submit and wait; the job's final state."""
        return self.wait(self.submit(*file_names, output=output, **fields))

    def cancel(self, job_id: str) -> pb.Job:
        job: pb.Job = self.stub.CancelJob(
            pb.CancelJobRequest(job_id=job_id), timeout=PATIENCE_S
        ).data
        return job

    def wait_for_log(self, text: str) -> None:
        """Return when the log holds the text."""
        deadline = time.monotonic() + PATIENCE_S
        while text not in self.log:
            assert time.monotonic() < deadline, f"no {text!r} in the log:\n{self.log}"
            time.sleep(0.01)

    def wait_for_lines(self, level: str, text: str, count: int) -> None:
        """Return when the log has so many lines of that level with the text."""
        deadline = time.monotonic() + PATIENCE_S
        while sum(level in line and text in line for line in self.log.splitlines()) < count:
            assert time.monotonic() < deadline, f"not {count} of {text!r} in the log:\n{self.log}"
            time.sleep(0.01)

    def workers(self) -> list[psutil.Process]:
        """The worker processes, the spare included."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def spares(self) -> list[psutil.Process]:
        """As `workers`, once there is one: the spare is started a moment after the server."""
        deadline = time.monotonic() + PATIENCE_S
        while not (found := self.workers()):
            assert time.monotonic() < deadline, self.log
            time.sleep(0.01)
        return found

    def last_words(self) -> str:
        """The end of the log, where each process that is there says what its threads are about.

        It ends by that.
        """
        there = [*self.workers(), psutil.Process(self.process.pid)] if self.runs else []
        for one in there:
            with suppress(psutil.Error):
                one.send_signal(signal.SIGABRT)
                one.resume()  # should a test have stopped it
                one.wait(10)
        return self.log[-20_000:]

    def left_in_output(self) -> set[str]:
        """Names in the output directory, hidden ones included."""
        return {path.name for path in self.output.iterdir()}

    def _end(self, number: signal.Signals) -> int:
        if self._channel:
            self._channel.close()
            self._channel = None
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)


def outcome(job: pb.Job) -> tuple[str, str]:
    """How a job stands, and for what reason if it failed."""
    return pb.Job.Status.Name(job.status), job.reason


def is_left_in(directory: Path, wanted: set[str]) -> bool:
    """Whether no more than that is left there in the end: what was staged goes after the job."""
    deadline = time.monotonic() + PATIENCE_S
    while {path.name for path in directory.iterdir()} != wanted:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def process_of(server: Server, program: str) -> psutil.Process:
    """The one of that program ("program", or its "broker") that is at the one job that is run.

    The spare's were started after it, where there are any: that takes some seconds to be wanted.
    """
    module = {"program": "program", "broker": "broker_program"}[program]
    found = []
    for one in server.workers():
        with suppress(psutil.NoSuchProcess):
            if f"myd_grpc.jobs.worker.{module}" in one.cmdline():
                found.append(one)
    return min(found, key=lambda one: (one.create_time(), one.pid))


def worker_of(server: Server) -> psutil.Process:
    """The process that works on the one job that is run: the spare was started after it."""
    return min(server.workers(), key=lambda worker: (worker.create_time(), worker.pid))


def kill_worker(server: Server, number: signal.Signals = signal.SIGKILL) -> None:
    """Return when the worker of the one job that is run is no more."""
    worker = worker_of(server)
    worker.send_signal(number)
    worker.wait(PATIENCE_S)


def kill_with_workers(server: Server) -> None:
    """As `Server.kill`, and return when its workers are no more.

    One that was just being started hears of that a moment later, with its task before it.
    """
    process = psutil.Process(server.process.pid)
    process.suspend()
    while process.status() != psutil.STATUS_STOPPED:
        time.sleep(0.001)
    workers = server.workers()  # it starts no more of them
    server.kill()
    for one in workers:
        one.wait(PATIENCE_S)


def tree(directory: Path) -> dict[str, bytes]:
    """All files below a directory by their relative paths, but for hidden ones at its top."""
    shown = [path for path in directory.glob("*") if not path.name.startswith(".")]
    files = [*shown, *(path for one in shown for path in one.rglob("*"))]
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in sorted(files)
        if path.is_file()
    }


class Hold:
    """A failpoint at which a process waits: `reached` returns when it is there, `release` frees it.

    `setting` goes into MYD_FAILPOINTS.
    """

    def __init__(self, home: Path, point: str) -> None:
        self._fifo = home / f"hold-{point}"
        os.mkfifo(self._fifo)
        self.setting = f"{point}=hold:{self._fifo}"
        self._writer = -1

    def reached(self) -> None:
        """Return when a process waits at the point."""
        deadline = time.monotonic() + PATIENCE_S
        while not self._is_reached():
            assert time.monotonic() < deadline, f"no process came to {self._fifo.name}"
            time.sleep(0.001)

    def _is_reached(self) -> bool:
        """Whether a process waits at the point: a FIFO without a reader is not opened."""
        try:
            writer = os.open(self._fifo, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            return False
        before, self._writer = self._writer, writer
        if before >= 0:
            os.close(before)
        return True

    def release(self, *, for_good: bool = True) -> None:
        """Let it go on, this time or whenever it comes by."""
        if for_good:
            self._fifo.unlink()
        os.close(self._writer)
        self._writer = -1

    def abandoned(self) -> bool:
        """Return when the process that waits at the point is no more; False if it stays."""
        poll = select.poll()
        poll.register(self._writer, 0)  # a FIFO without a reader is an error, always reported
        return bool(poll.poll(PATIENCE_S * 1000))

    def left(self) -> bool:
        """Return when no process waits at the point any more, or none did; False if one stays."""
        return not self._is_reached() or self.abandoned()

    @contextmanager
    def at_point(self) -> Iterator[None]:
        """Do something while a process waits there."""
        self.reached()
        try:
            yield
        finally:
            self.release()
