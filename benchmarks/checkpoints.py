"""What it costs to be able to go on after a crash."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.data import DATA, Input, encrypted
from benchmarks.report import Section, middle, spread
from benchmarks.service import running
from myd_grpc.convert.checkpoint import Checkpoint
from myd_grpc.convert.engines.available import ENGINES
from myd_grpc.convert.model import CipherKey, Conversion, Keys, PartFile
from myd_grpc.convert.pipeline import convert
from myd_grpc.jobs.worker.checkpointer import Checkpointer, ServerSignals
from myd_grpc.jobs.worker.protocol import Message, Task
from myd_grpc.options import ConvertOptions

WITHOUT_S = 3600
EVERY_S = (WITHOUT_S, 1, 0.1)


@dataclass
class Costs:
    """Seconds of each run: as they pass, and of processors."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


def measure(size: int, native_size: int, runs: int) -> Section:
    """Alternating runs with a checkpoint so often, and with none."""
    given = {engine: encrypted(native_size if engine == "native" else size) for engine in ENGINES}
    costs = {(engine, every_s): Costs() for engine in ENGINES for every_s in EVERY_S}
    for _ in range(runs):
        for (engine, every_s), found in costs.items():
            _run(found, engine, every_s, given[engine])
    return Section(
        "Checkpoints",
        f"An encrypted file, {runs} alternating runs: seconds from submission to DONE, and of "
        "processor time in the server and its workers. The last column is the share of a "
        "conversion's time that its two threads spend on checkpoints, waiting for the disk left "
        "out.",
        ["engine", "MB", "every", "s (least-greatest)", "processor s", "spent on them"],
        [_row(engine, every_s, given[engine], costs) for engine, every_s in costs],
    )


def _run(found: Costs, engine: str, every_s: float, given: Input) -> None:
    with running(MYD_ENGINE=engine, MYD_CHECKPOINT_SECONDS=str(every_s)) as service:
        busy = service.processor_s()
        began = time.perf_counter()
        service.converted(given)
        found.wall.append(time.perf_counter() - began)
        found.cpu.append(service.processor_s() - busy)


def _row(
    engine: str, every_s: float, given: Input, costs: dict[tuple[str, float], Costs]
) -> list[str]:
    found, never = costs[engine, every_s], every_s == WITHOUT_S
    return [
        engine,
        str(given.megabytes),
        "never" if never else f"{every_s:g} s",
        spread(found.wall, 1),
        spread(found.cpu, 1),
        "" if never else f"{_share(engine, every_s, given):.1%}",
    ]


class _Timed(Checkpointer):
    """Counts the processor time of both threads while they are at a checkpoint."""

    spent_s = 0.0
    _began = 0.0

    def due(self) -> bool:
        self._began = time.thread_time()
        return super().due()

    def save(
        self, checkpoint: Checkpoint, files: Sequence[Path], parts: Sequence[PartFile]
    ) -> None:
        super().save(checkpoint, files, parts)
        self.spent_s += time.thread_time() - self._began

    def _keep(
        self,
        checkpoint: Checkpoint,
        files: Sequence[Path],
        parts: Sequence[PartFile],
        *,
        supersedes: bool = False,
    ) -> None:
        began = time.thread_time()
        super()._keep(checkpoint, files, parts, supersedes=supersedes)
        self.spent_s += time.thread_time() - began


def _share(engine: str, every_s: float, given: Input) -> float:
    """The middle of three conversions in this process, with a server that agrees at once."""
    return middle([_share_once(engine, every_s, given) for _ in range(3)])


def _share_once(engine: str, every_s: float, given: Input) -> float:
    signals = ServerSignals()

    def agree(_message: Message) -> None:
        signals.committed.set()

    with tempfile.TemporaryDirectory(dir=DATA.parent) as staging:
        wanted = Conversion(
            str(DATA), (given.name,), "bench", ConvertOptions(merge=True), engine=engine
        )
        task = Task("", wanted, staging, checkpoint_s=every_s)
        checkpointer = _Timed(task, agree, signals)
        began = time.perf_counter()
        key = CipherKey(bytes.fromhex(given.key), bytes.fromhex(given.iv))
        convert(wanted, Keys(key), Path(staging), lambda *_: None, checkpointer)
        checkpointer.wait()
        return checkpointer.spent_s / (time.perf_counter() - began)
