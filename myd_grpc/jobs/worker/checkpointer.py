"""A worker's checkpoints: synced in the background, good once the server has committed them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from myd_grpc import failpoints
from myd_grpc.convert.checkpoint import Checkpoint
from myd_grpc.convert.model import PartFile
from myd_grpc.convert.output import disk
from myd_grpc.convert.output.file_system import FileSystem
from myd_grpc.jobs.worker.protocol import CheckpointRejected, CheckpointSaved, Message, Task
from myd_grpc.threads import Threads

_PAUSE_FACTOR = 50
"""Checkpoints take at most one part in so many of a processor's time."""

_LONGEST = 16 << 20
"""Bytes of a checkpoint that is sent: of parts and columns there may be any number."""


@dataclass(frozen=True, slots=True)
class ServerSignals:
    """What the server tells a worker at work.

    `committed` is set when the worker's last message is committed, `save_now` when the server wants
    a checkpoint.
    """

    committed: threading.Event = field(default_factory=threading.Event)
    save_now: threading.Event = field(default_factory=threading.Event)


class Checkpointer:
    """Syncs the checkpoints of one task and hands them to the server; see `Checkpoints`.

    At most one checkpoint is under way. A sync that failed is not tried again, as the next one
    would succeed with the data lost: the error is raised by whichever method comes next.
    """

    def __init__(
        self,
        task: Task,
        send: Callable[[Message], None],
        signals: ServerSignals,
    ) -> None:
        self._staging = Path(task.staging)
        self._file_system = FileSystem(self._staging)
        self._send = send
        self._signals = signals
        self._every_s = task.checkpoint_s
        # One of another directory goes on to fit that, whatever happens in this one.
        self._has_older = task.checkpoint is not None and task.taken_over is None
        self._thread = Threads(1, thread_name_prefix="checkpointer")
        self._under_way: Future[None] | None = None
        self._due = time.monotonic() + self._every_s

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Wait for the thread: what is said of this task must not be taken for the next one's."""
        self._thread.shutdown()
        self._file_system.close()

    def due(self) -> bool:
        """Whether it is time for a checkpoint, and the one before is committed."""
        if self._under_way:
            if not self._under_way.done():
                return False
            self.wait()
        return time.monotonic() >= self._due or self._signals.save_now.is_set()

    def save(
        self, checkpoint: Checkpoint, files: Sequence[Path], parts: Sequence[PartFile]
    ) -> None:
        """Save a checkpoint soon, without waiting for that."""
        self._signals.save_now.clear()
        self._under_way = self._thread.submit(self._keep, checkpoint, files, parts)

    def has_older(self) -> bool:
        """Whether the server has one that may not fit what follows, when none is under way."""
        self.wait()
        return self._has_older

    def supersede(
        self, checkpoint: Checkpoint, files: Sequence[Path], parts: Sequence[PartFile]
    ) -> None:
        """Save a checkpoint before this returns, in the place of an older one."""
        self.wait()
        self._keep(checkpoint, files, parts, supersedes=True)

    def restart(self) -> None:
        """Have the server forget the checkpoint that it has."""
        self._tell(CheckpointRejected())
        self._has_older = False

    def wait(self) -> None:
        """Return when no checkpoint is being saved."""
        if under_way := self._under_way:
            self._under_way = None
            under_way.result()

    def _keep(
        self,
        checkpoint: Checkpoint,
        files: Sequence[Path],
        parts: Sequence[PartFile],
        *,
        supersedes: bool = False,
    ) -> None:
        began = time.thread_time()
        failpoints.reach("before_sync")
        # The staging directory itself, where it holds the directories of several sets.
        self._file_system.sync([*dict.fromkeys([*files, self._staging])])
        if not self._has_older:
            disk.sync(self._staging.parent)
        failpoints.reach("after_sync")
        state = checkpoint.to_json()
        if len(state) <= _LONGEST:
            self._tell(CheckpointSaved(state, tuple(parts), supersedes))
            self._has_older = True
        elif supersedes:
            self.restart()
        took_s = time.thread_time() - began
        self._due = time.monotonic() + max(self._every_s, _PAUSE_FACTOR * took_s)

    def _tell(self, message: Message) -> None:
        """Send a message and wait for the answer, which a dead server gives by ending this."""
        self._signals.committed.clear()
        self._send(message)
        self._signals.committed.wait()
