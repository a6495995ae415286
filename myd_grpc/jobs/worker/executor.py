"""Where attempts at jobs find their workers: beside the server, or on the nodes of a cluster.

An executor hands out workers; whatever runs a task is a worker. Which is used is a setting
(docs/spec.md 10.1), and nothing else knows of it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from myd_grpc.convert.errors import ConversionError, Reason
from myd_grpc.jobs.worker.protocol import AnyTask, Message

NEW_WORKERS = 2
"""How often a worker that died is replaced: a file may kill every one that there is."""

_MAY_BE_SHORT = (
    "send the request again; if it is so again, memory may be short: lower MYD_FILE_SEP_SIZE or "
    "MYD_WORKERS"
)


class WorkerDiedError(ConversionError):
    """A worker ended in the middle of its work, or was ended as it did none.

    `advice` is what to do where no other is to go on in its place.
    """

    def __init__(self, reason: Reason, message: str, advice: str = _MAY_BE_SHORT) -> None:
        super().__init__(reason, message)
        self._advice = advice

    def last(self) -> ConversionError:
        """What the work fails with if no other worker goes on."""
        return ConversionError(self.reason, f"{self.message}; {self._advice}")


class Worker(Protocol):
    """What does a task at a time."""

    def work(self, task: AnyTask) -> AsyncIterator[Message]:
        """Yields the worker's messages, of which the last is a FinalMessage.

        Raises WorkerDiedError when the worker ends before it has said so, or does nothing.
        """
        ...

    async def acknowledge(self) -> None:
        """Tell the worker that its last message is committed."""
        ...

    async def save_now(self) -> None:
        """Ask the worker for a checkpoint as soon as it can."""
        ...

    def forget_staged(self) -> None:
        """Take it that what the worker has staged is of no use once it has ended."""
        ...

    async def end(self) -> object:
        """End the worker whatever it does."""
        ...


class Executor(Protocol):
    """Hands out workers.

    `slots` is how many tasks can be done at once; it may change. `without_slots` says why there are
    none, where that is known and lasts, and is "" else. Where workers `may_linger`, one
    that is given up may go on writing for a while: nothing it writes in is used again. Where it
    `spreads`, several workers do the files of one job sooner than one would.
    """

    may_linger: bool
    spreads: bool

    @property
    def slots(self) -> int:
        """How many workers there can be at once."""
        ...

    @property
    def without_slots(self) -> str:
        """Why there can be no worker."""
        ...

    def start(self, slots_changed: Callable[[], None]) -> None:
        """Get ready for the first task; from now on, changes of `slots` are told."""
        ...

    def lend(self, caller: str) -> AbstractAsyncContextManager[Worker]:
        """Hand out a worker for a task of the caller's; after the block, it has let go of it.

        Or it is no more.

        Raises ConversionError (WORKER_DIED), or a ShortageError, when none can be had.
        """
        ...

    async def close(self) -> None:
        """End the workers that have no task, and from now on every one that comes back."""
        ...
