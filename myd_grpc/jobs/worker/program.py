"""The worker process: takes a task from stdin, does it, reports on stdout, waits for the next.

It imports neither gRPC nor SQLite, so it starts fast, and what a file does to it cannot reach the
server: it shuts itself up in a sandbox before it is given anything. It never outlives its server:
the kernel kills it (parent-death signal), and should that not be, the end of stdin does.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import BinaryIO, NoReturn, TypeAlias

from myd_grpc import dictionary, failpoints, mask_profiles
from myd_grpc.convert.checkpoint import Checkpoint
from myd_grpc.convert.checkpoint_form import StaleCheckpointError
from myd_grpc.convert.engines import available, processors
from myd_grpc.convert.errors import ConversionError, Reason, ShortageError, refused
from myd_grpc.convert.input.cipher import CbcDecryptor
from myd_grpc.convert.model import NO_KEYS, CipherKey, Keys, Progress
from myd_grpc.convert.output import file_system
from myd_grpc.convert.pipeline import Converted, convert, look
from myd_grpc.convert.remedies import OUTPUT_DIRECTORY, WORK_DIRECTORY
from myd_grpc.convert.wiping import wipe
from myd_grpc.jobs.worker import sandbox
from myd_grpc.jobs.worker.checkpointer import Checkpointer, ServerSignals
from myd_grpc.jobs.worker.hardening import (
    die_with_parent,
    forbid_core_dumps,
    give_memory_back,
    process_status,
    umask,
)
from myd_grpc.jobs.worker.intake import Intake
from myd_grpc.jobs.worker.protocol import (
    COMMITTED,
    KEYS,
    PARTS_IN_A_LINE,
    SAVE_NOW,
    AnyTask,
    Done,
    Failed,
    Looked,
    LookTask,
    Message,
    PartsWritten,
    ProgressReported,
    SummaryReady,
    SummaryTask,
    Task,
    UserNotFound,
    decode_places,
    decode_task,
    encode_message,
)
from myd_grpc.jobs.worker.staging import (
    empty,
    output_errors,
    owned,
    publish_modes,
    set_modes,
    take_over,
)
from myd_grpc.jobs.worker.uploading import Uploader
from myd_grpc.objectstore import reach
from myd_grpc.objectstore.access import Uploaded
from myd_grpc.objectstore.frames import Connection
from myd_grpc.objectstore.remote import RemoteAccess
from myd_grpc.shopping import UserNotFoundError
from myd_grpc.shopping.summary import summarise
from myd_grpc.threads import start
from myd_grpc.tracebacks import describe, new_error_id

_TICK_S = 0.2

_MOMENT_S = 0.1
_LITTLE_BYTES = 16 << 20
"""Memory that a task may have taken without its being given back at once."""

_CIPHERS = 8
"""More than one task's own cipher and those of its look at the file."""

_NO_THREADS = "a worker process can begin no thread"

_Tasks: TypeAlias = SimpleQueue[tuple[bytes, Keys]]
"""Tasks as lines, with their keys."""


def main() -> None:
    """Do one task after the other; end with the server."""
    # A Ctrl-C in the server's terminal is the server's business.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent()
    _offer_to_be_killed_first()
    forget_peak = _peak_forgetter()
    forbid_core_dumps()  # after which not even this process may write such files of its own
    channel = _Channel(_private_stdout())
    intake = Intake(sys.stdin.fileno())
    signals, tasks = ServerSignals(), _Tasks()
    try:
        _confine(intake.line())
        start(threading.Thread(target=_listen, args=(intake, signals, tasks), daemon=True))
    except BlockingIOError as error:
        _give_up(intake, channel, refused(Reason.WORKER_DIED, _NO_THREADS, error))
    gc.freeze()  # nothing of what is loaded by now will ever be garbage
    while True:
        task = decode_task(*_next(tasks))
        signals.save_now.clear()
        forget_peak()
        held = _peak_bytes()
        _work(task, channel.send, signals)
        keys = task.keys
        del task
        gc.collect()
        if keys != NO_KEYS:
            _forget(keys)
        if _peak_bytes() - held > _LITTLE_BYTES:
            give_memory_back()


def _give_up(intake: Intake, channel: _Channel, failure: ConversionError) -> NoReturn:
    """Say of whatever task comes why this process cannot do it, and end."""
    if intake.line() == KEYS:
        _forget(intake.keys())
        intake.line()
    passing = isinstance(failure, ShortageError)
    channel.send(Failed(failure.reason, failure.message, "", _peak_bytes(), passing))
    os._exit(1)


def _next(tasks: _Tasks) -> tuple[bytes, Keys]:
    """The next task. The little that one takes is kept for a moment, as the next takes it again."""
    try:
        return tasks.get(timeout=_MOMENT_S)
    except Empty:
        give_memory_back()
        return tasks.get()


def _forget(keys: Keys) -> None:
    """Overwrite keys that are not needed any more."""
    wipe(keys)
    # The library gives its ciphers' memory back as it is. Others of their kind get it next.
    _zero_ciphers(_CIPHERS)


def _zero_ciphers(count: int) -> list[CbcDecryptor]:
    return [CbcDecryptor(CipherKey(bytes(32), bytes(16))) for _ in range(count)]


def _work(task: AnyTask, send: Callable[[Message], None], signals: ServerSignals) -> None:
    try:
        if isinstance(task, SummaryTask):
            send(_summarise(task))
            return
        if isinstance(task, LookTask):
            send(Looked(*look(task.conversion, task.keys), _peak_bytes()))
            return
        converted, progress, uploaded = _convert(task, send, signals)
    except ConversionError as error:
        passing = isinstance(error, ShortageError)
        send(Failed(error.reason, error.message, "", _peak_bytes(), passing))
    except BaseException as error:  # noqa: BLE001 - whatever it is, the server must hear of it
        error_id = new_error_id()
        trace = f"{error_id}: {describe(error)}"
        send(Failed(Reason.INTERNAL, f"internal error {error_id}", trace, _peak_bytes()))
    else:
        parts = converted.parts
        for first in range(0, len(parts), PARTS_IN_A_LINE):
            send(PartsWritten(tuple(parts[first : first + PARTS_IN_A_LINE])))
        notes, unmatched = tuple(converted.notes), converted.unmatched
        send(Done(progress, notes, unmatched, _peak_bytes(), uploaded))


def _convert(
    task: Task, send: Callable[[Message], None], signals: ServerSignals
) -> tuple[Converted, Progress, str]:
    """Convert, and say how far that came: the last report comes with the end, not before it.

    Also answers the digest of what was uploaded, if it was.
    """
    failpoints.reach("worker_started")
    staging = Path(task.staging)
    ticker = Ticker(send, time.monotonic)
    with (
        output_errors(_place(task)),
        owned(staging),
        Checkpointer(task, send, signals) as checkpointer,
    ):
        try:
            converted = _convert_from(task, staging, ticker, checkpointer)
            checkpointer.wait()
        except BaseException:
            ticker.flush()
            raise
        uploaded = _upload(task, converted, ticker)
    failpoints.reach("converted")
    return converted, ticker.progress, uploaded


def _place(task: Task) -> str:
    """What the set is made in, in words."""
    return WORK_DIRECTORY if task.destination else OUTPUT_DIRECTORY


def _upload(task: Task, converted: Converted, ticker: Ticker) -> str:
    """Upload what is written, if it is to be, after which nobody needs it here; its digest."""
    if task.destination is None:
        return ""
    staging = Path(task.staging)

    def upload(path: str, file: Path) -> Future[Uploaded]:
        return reach.upload(path, str(file.relative_to(staging.parent)))

    uploader = Uploader(upload, staging, ticker.alive)
    uploaded = uploader.run(task.job_id, task.destination, converted.parts, converted.beside)
    empty(staging)
    return uploaded


def _convert_from(
    task: Task, staging: Path, ticker: Ticker, checkpointer: Checkpointer
) -> Converted:
    """Go on from the task's checkpoint, or begin from the start where there is none that fits."""

    def written() -> None:
        if task.destination is None:  # else what is staged stays between the worker and its broker
            publish_modes(staging)

    begun = partial(
        convert,
        task.conversion,
        task.keys,
        staging,
        ticker.report,
        checkpointer,
        inputs=task.inputs,
        written=written,
    )
    if task.checkpoint is not None:
        try:
            resume = Checkpoint.from_json(task.checkpoint)
            if task.taken_over is not None:
                take_over(Path(task.taken_over), staging)
            set_modes(staging)
            return begun(resume=resume)
        except StaleCheckpointError:
            checkpointer.restart()
    empty(staging)
    return begun()


def _summarise(task: SummaryTask) -> SummaryReady | UserNotFound:
    failpoints.reach("summary_started")
    try:
        return SummaryReady(summarise(task.query, task.keys.cipher), _peak_bytes())
    except UserNotFoundError as error:
        return UserNotFound(error.message, _peak_bytes())


class Ticker:
    """Passes progress on a few times a second, however often it is reported."""

    def __init__(self, send: Callable[[Message], None], clock: Callable[[], float]) -> None:
        self._send = send
        self._clock = clock
        self._due = clock()
        self._sent = True
        self.progress = Progress()

    def report(self, progress: Progress) -> None:
        """Take a report, and send it if it is time."""
        self.progress, self._sent = progress, False
        now = self._clock()
        if now >= self._due:
            self.flush()
            self._due = now + _TICK_S

    def alive(self) -> None:
        """Say that work goes on which makes no progress."""
        self._sent = False
        self.flush()

    def flush(self) -> None:
        """Send what has not been sent yet."""
        if not self._sent:
            self._send(ProgressReported(self.progress))
        self._sent = True


def _confine(line: bytes) -> None:
    """Enter the sandbox, with all at hand that will not be to be had any more in there."""
    if not line:
        os._exit(1)  # the server has ended
    available.load()
    dictionary.load()
    processors.usable()
    umask()
    file_system.unwritten_bytes()
    time.tzset()
    _zero_ciphers(1)  # the library imports its modes when asked for
    if places := decode_places(line):
        sandbox.enter(places, (*failpoints.files, *map(str, mask_profiles.TABLES.values())))
        for fd in map(int, sys.argv[1:]):
            broker = RemoteAccess(Connection(fd), lambda: os._exit(1))
            reach.through(broker, broker.upload)


def _private_stdout() -> BinaryIO:
    """The real stdout for messages alone; whatever else prints goes to stderr."""
    channel = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return channel


class _Channel:
    """The way to the server, for several threads."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def send(self, message: Message) -> None:
        line = encode_message(message)
        try:
            with self._lock:
                self._stream.write(line)
                self._stream.flush()
        except BrokenPipeError:
            os._exit(1)  # nobody listens any more


def _listen(intake: Intake, signals: ServerSignals, tasks: _Tasks) -> None:
    """Take the server's signals and tasks; end with it."""
    while line := intake.line():
        if line == COMMITTED:
            signals.committed.set()
        elif line == SAVE_NOW:
            signals.save_now.set()
        elif line == KEYS:
            keys = intake.keys()
            tasks.put((intake.line(), keys))
            del keys
        else:
            tasks.put((line, NO_KEYS))
    os._exit(1)


def _offer_to_be_killed_first() -> None:
    """Have the kernel end a worker rather than the server, should memory run out."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")


def _peak_forgetter() -> Callable[[], None]:
    """A function that makes `_peak_bytes` count anew, where the kernel allows it."""
    try:
        fd = os.open("/proc/self/clear_refs", os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        return lambda: None

    def forget() -> None:
        with suppress(OSError):
            os.write(fd, b"5")

    return forget


def _peak_bytes() -> int:
    """The most memory held, in bytes; 0 where that cannot be read, which must not fail a task."""
    with suppress(OSError):
        return process_status("VmHWM", 10) * 1024
    return 0


if __name__ == "__main__":
    main()
