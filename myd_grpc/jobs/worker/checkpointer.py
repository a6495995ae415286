"""A worker's checkpoints: synced in the background, good once the server has committed them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from myd_grpc import failpoints
from myd_grpc.convert.checkpoint import Checkpoint
from myd_grpc.convert.model import PartFile
from myd_grpc.convert.output import disk
from myd_grpc.jobs.worker.protocol import Message, Restarted, Saved, Task

_PAUSE_FACTOR = 50
"""At most one part in so many of a processor's time goes into checkpoints."""

_LONGEST = 16 << 20
"""What goes to the server is bounded; of parts and columns there may be any number."""


@dataclass(frozen=True, slots=True)
class Orders:
    """What the server has said: that the last message is committed, that it wants a checkpoint."""

    kept: threading.Event = field(default_factory=threading.Event)
    hasten: threading.Event = field(default_factory=threading.Event)


class Checkpointer:
    """Syncs the checkpoints of one task and hands them to the server; see `Checkpoints`.

    At most one checkpoint is under way. A sync that failed is not tried again, as the next one
    would succeed with the data lost: the error is raised by whichever method comes next.
    """

    def __init__(
        self,
        task: Task,
        send: Callable[[Message], None],
        orders: Orders,
    ) -> None:
        self._staging = Path(task.staging)
        self._send = send
        self._orders = orders
        self._every_s = task.checkpoint_s
        self._has_older = task.checkpoint is not None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="checkpointer")
        self._under_way: Future[None] | None = None
        self._due = time.monotonic() + self._every_s

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Whatever came of the task: what is said of it must not be taken for the next one's."""
        self._thread.shutdown()

    def due(self) -> bool:
        """Whether it is time for one, and the one before is kept."""
        if self._under_way:
            if not self._under_way.done():
                return False
            self.wait()
        return time.monotonic() >= self._due or self._orders.hasten.is_set()

    def save(
        self, checkpoint: Checkpoint, files: Sequence[Path], parts: Sequence[PartFile]
    ) -> None:
        """Keep it soon, without waiting."""
        self._orders.hasten.clear()
        self._under_way = self._thread.submit(self._keep, checkpoint, files, parts)

    def settle(
        self, checkpoint: Checkpoint, files: Sequence[Path], parts: Sequence[PartFile]
    ) -> None:
        """Keep it before this returns, unless there is no older one that would not fit then."""
        self.wait()
        if self._has_older:
            self._keep(checkpoint, files, parts, settles=True)

    def restart(self) -> None:
        """No checkpoint counts any more."""
        self._tell(Restarted())
        self._has_older = False

    def wait(self) -> None:
        """Return when no checkpoint is under way."""
        if under_way := self._under_way:
            self._under_way = None
            under_way.result()

    def _keep(
        self,
        checkpoint: Checkpoint,
        files: Sequence[Path],
        parts: Sequence[PartFile],
        *,
        settles: bool = False,
    ) -> None:
        began = time.thread_time()
        failpoints.reach("before_sync")
        # The staging directory itself, where it holds the directories of several sets.
        for path in dict.fromkeys([*files, self._staging]):
            disk.sync(path)
        if not self._has_older:
            disk.sync(self._staging.parent)
        failpoints.reach("after_sync")
        state = checkpoint.to_json()
        if len(state) <= _LONGEST:
            self._tell(Saved(state, tuple(parts), settles))
            self._has_older = True
        elif settles:
            self.restart()
        took_s = time.thread_time() - began
        self._due = time.monotonic() + max(self._every_s, _PAUSE_FACTOR * took_s)

    def _tell(self, message: Message) -> None:
        """Send a message and wait for the answer, which a dead server gives by ending this."""
        self._orders.kept.clear()
        self._send(message)
        self._orders.kept.wait()
