"""The worker process: takes one task from stdin, does it, reports on stdout, ends.

It imports neither gRPC nor SQLite, so it starts fast, and what a file does to it cannot reach the
server. It never outlives its server: the kernel kills it (parent-death signal), and should that
not be, the end of stdin does.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from myd_grpc import failpoints
from myd_grpc.convert.errors import ConversionError, Reason
from myd_grpc.convert.model import PartFile, Progress
from myd_grpc.convert.pipeline import convert
from myd_grpc.frames import describe, new_error_id
from myd_grpc.jobs.hardening import die_with_parent, forbid_core_dumps
from myd_grpc.jobs.protocol import (
    PARTS_IN_A_LINE,
    Done,
    Failed,
    Message,
    Parts,
    Reached,
    SummaryTask,
    Summed,
    Task,
    decode_task,
    encode_message,
)
from myd_grpc.shopping import Summary, UserNotFoundError, summarise

_TICK_S = 0.2
_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def main() -> None:
    """Do one task and end; also ends when the server does."""
    # A Ctrl-C in the server's terminal is the server's business.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent()
    _offer_to_be_killed_first()
    forbid_core_dumps()  # after which not even this process may write its oom_score_adj
    channel = _private_stdout()
    gc.freeze()  # nothing of what is loaded by now will ever be garbage
    line = sys.stdin.buffer.readline()
    if not line:
        return
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    _work(decode_task(line), lambda message: _send(channel, message))
    # The watching thread sits in a read of stdin that would keep an orderly exit waiting.
    os._exit(0)


def _work(task: Task | SummaryTask, send: Callable[[Message], None]) -> None:
    try:
        if isinstance(task, SummaryTask):
            send(Summed(_summarise(task), _peak_bytes()))
            return
        parts = _convert(task, send)
    except ConversionError as error:
        send(Failed(error.reason, error.message, "", _peak_bytes()))
    except BaseException as error:  # noqa: BLE001 - whatever it is, the server must hear of it
        error_id = new_error_id()
        trace = f"{error_id}: {describe(error)}"
        send(Failed(Reason.INTERNAL, f"internal error {error_id}", trace, _peak_bytes()))
    else:
        for first in range(0, len(parts), PARTS_IN_A_LINE):
            send(Parts(tuple(parts[first : first + PARTS_IN_A_LINE])))
        send(Done(_peak_bytes()))


def _convert(task: Task, send: Callable[[Message], None]) -> list[PartFile]:
    failpoints.reach("worker_started")
    staging = Path(task.staging)
    _own(staging)
    ticker = Ticker(send, time.monotonic)
    parts = convert(task.conversion, task.key, staging, ticker.report)
    ticker.flush()
    staging.chmod(0o777 & ~_umask())
    failpoints.reach("converted")
    return parts


def _summarise(task: SummaryTask) -> Summary | None:
    failpoints.reach("summary_started")
    try:
        return summarise(task.query, task.key)
    except UserNotFoundError:
        return None


class Ticker:
    """Passes progress on a few times a second, however often it is reported."""

    def __init__(self, send: Callable[[Message], None], clock: Callable[[], float]) -> None:
        self._send = send
        self._clock = clock
        self._due = clock()
        self._progress: Progress | None = None
        self._parts: dict[str, PartFile] = {}

    def report(self, progress: Progress, parts: list[PartFile]) -> None:
        """Take a report; parts are those whose rows changed."""
        self._progress = progress
        for part in parts:
            self._parts[part.file_name] = part
        now = self._clock()
        if now >= self._due:
            self.flush()
            self._due = now + _TICK_S

    def flush(self) -> None:
        """Send what has not been sent yet."""
        if self._progress:
            self._send(Reached(self._progress, tuple(self._parts.values())))
        self._progress = None
        self._parts.clear()


def _own(staging: Path) -> None:
    """Make the staging directory and lock it for as long as this process lives."""
    try:
        staging.mkdir(mode=0o700)
        fd = os.open(staging, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        full = error.errno in _DISK_FULL
        reason = Reason.DISK_FULL if full else Reason.OUTPUT_UNAVAILABLE
        why = os.strerror(error.errno or 0).lower()
        raise ConversionError(reason, f"the output directory cannot be written: {why}") from None
    fcntl.flock(fd, fcntl.LOCK_EX)


def _private_stdout() -> BinaryIO:
    """The real stdout for messages alone; whatever else prints goes to stderr."""
    channel = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return channel


def _send(channel: BinaryIO, message: Message) -> None:
    try:
        channel.write(encode_message(message))
        channel.flush()
    except BrokenPipeError:
        os._exit(1)  # nobody listens any more


def _end_with_stdin() -> None:
    os.read(0, 1)
    os._exit(1)


def _offer_to_be_killed_first() -> None:
    """Should memory run out, a worker is to go rather than the server."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")


def _peak_bytes() -> int:
    return _status("VmHWM", 10) * 1024


def _umask() -> int:
    return _status("Umask", 8)


def _status(field: str, base: int) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0], base)
    return 0


if __name__ == "__main__":
    main()
