"""Workers that say what a conversion's would say, at the same pace, and convert nothing.

What they stage is a small set, so that publication is real.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from myd_grpc.convert.errors import Reason
from myd_grpc.convert.model import PartFile, Progress
from myd_grpc.jobs.worker.executor import WorkerDiedError
from myd_grpc.jobs.worker.protocol import (
    AnyTask,
    CheckpointSaved,
    Done,
    Message,
    PartsWritten,
    ProgressReported,
    Task,
)
from myd_grpc.options import Layout

_TICK_S = 0.2
"""As in a worker's program: between two reports of progress."""

_TABLES = 58
_STATE_BYTES = 46_000
"""Of a checkpoint: so much was that of sample data, with as many tables."""

_ROWS = 40
_LOOP_LOOK_S = 0.02


@dataclass
class Figures:
    """What is seen from inside the server: (monotonic time, seconds) of each event.

    How late a report of progress or a checkpoint was committed, how long a checkpoint's commit
    took, and how much longer than asked for the event loop slept.
    """

    late: list[tuple[float, float]] = field(default_factory=list)
    committed: list[tuple[float, float]] = field(default_factory=list)
    loop: list[tuple[float, float]] = field(default_factory=list)


class SimulatedWorker:
    """Works for about so many seconds on each task."""

    def __init__(self, seconds: float, figures: Figures) -> None:
        self._seconds = seconds
        self._figures = figures
        self._asked = asyncio.Event()
        self._ended = False

    async def work(self, task: AnyTask) -> AsyncIterator[Message]:
        """See `Worker.work`."""
        assert isinstance(task, Task)
        await asyncio.to_thread(Path(task.staging).mkdir, exist_ok=True)
        # From half to one and a half of it: jobs are not to end all at once.
        seconds = self._seconds * (0.5 + int(task.job_id[:4], 16) / 0xFFFF)
        begun = time.monotonic()
        tick, save = begun, begun + task.checkpoint_s
        while (due := min(tick, save)) < begun + seconds:
            await self._sleep_until(due)
            if self._ended:
                raise WorkerDiedError(Reason.WORKER_DIED, "a worker died")
            if self._asked.is_set() or due == save:
                self._asked.clear()
                before = time.monotonic()
                yield CheckpointSaved("s" * _STATE_BYTES, _parts(), supersedes=False)
                after = time.monotonic()
                self._figures.committed.append((after, after - before))
                # As a worker does that saves less often where that takes long.
                save = max(save, after) + task.checkpoint_s
            else:
                yield ProgressReported(_progress(begun, seconds))
                tick += _TICK_S
            self._figures.late.append((now := time.monotonic(), now - due))
        await asyncio.to_thread(_fill, Path(task.staging))
        yield PartsWritten(_parts())
        yield Done(_progress(begun, seconds), (), (), 0)

    async def _sleep_until(self, due: float) -> None:
        try:
            async with asyncio.timeout(max(due - time.monotonic(), 0)):
                await self._asked.wait()
        except TimeoutError:
            pass

    async def acknowledge(self) -> None:
        """See `Worker.acknowledge`."""

    async def save_now(self) -> None:
        """See `Worker.save_now`."""
        self._asked.set()

    def forget_staged(self) -> None:
        """See `Worker.forget_staged`."""

    async def end(self) -> None:
        """See `Worker.end`."""
        self._ended = True
        self._asked.set()


class SimulatedExecutor:
    """Any number of such workers. What was seen is written into a file at the end."""

    may_linger = True
    without_slots = ""
    spreads = False

    def __init__(self, slots: int, seconds: float, report: Path) -> None:
        self.slots = slots
        self._seconds = seconds
        self._report = report
        self._figures = Figures()
        self._looking: asyncio.Task[None] | None = None

    def start(self, slots_changed: Callable[[], None]) -> None:  # noqa: ARG002 - they never do
        """See `Executor.start`."""
        self._looking = asyncio.create_task(self._look_at_loop())

    @asynccontextmanager
    async def lend(self, caller: str) -> AsyncIterator[SimulatedWorker]:  # noqa: ARG002
        """See `Executor.lend`."""
        yield SimulatedWorker(self._seconds, self._figures)

    async def close(self) -> None:
        """See `Executor.close`."""
        if self._looking:
            self._looking.cancel()
        self._report.write_text(json.dumps(asdict(self._figures)))

    async def _look_at_loop(self) -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(_LOOP_LOOK_S)
            now = time.monotonic()
            self._figures.loop.append((now, now - before - _LOOP_LOOK_S))


def _progress(begun: float, seconds: float) -> Progress:
    """Progress by the time; as `records`, when it was reported: microseconds, monotonic."""
    now = time.monotonic()
    done = min((now - begun) / seconds, 1)
    total = 50_000_000_000
    return Progress(
        total, int(total * done), int(now * 1e6), int(now * 1e6), 1, 0, Layout.ARRAY, "native"
    )


def _parts() -> tuple[PartFile, ...]:
    text = len(_content())
    return tuple(PartFile(f"t{n}", f"t{n}_part_1.csv", _ROWS, text) for n in range(_TABLES))


def _content() -> bytes:
    return b"id\n" + b"1\n" * _ROWS


def _fill(staging: Path) -> None:
    for part in _parts():
        (staging / part.file_name).write_bytes(_content())
