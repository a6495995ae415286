"""One job, from submission to DONE, against other converters on the same records, in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from benchmarks import others
from benchmarks.data import Input, encrypted, plain_array
from benchmarks.report import MB, Section, middle, spread
from benchmarks.service import running
from myd_grpc.convert.engines.available import ENGINES

TITLE = "Throughput of one job"
_SMALL = 100_000
BASE = "flatterer 0.25"
LIMIT = "the limit: decrypting, writing as much"


class Entry(NamedTuple):
    """A line of the table: who converted how much on how many cores."""

    name: str
    megabytes: int
    cores: int


class Speeds:
    """Megabytes a second of each entry, run by run."""

    def __init__(self) -> None:
        self._runs: dict[Entry, list[float]] = {}

    def note(self, name: str, cores: int, given: Input, seconds: float) -> None:
        """A run has taken so long."""
        entry = Entry(name, given.megabytes, cores)
        self._runs.setdefault(entry, []).append(given.size / MB / seconds)

    def rows(self) -> list[list[str]]:
        """The fastest first, for each number of cores."""
        medians = {entry: middle(runs) for entry, runs in self._runs.items()}
        base = {entry.cores: median for entry, median in medians.items() if entry.name == BASE}
        limit = {entry[1:]: median for entry, median in medians.items() if entry.name == LIMIT}
        return [
            [
                entry.name,
                str(entry.megabytes),
                str(entry.cores),
                f"{medians[entry] / base[entry.cores]:.2f}",
                f"{medians[entry] / limit[entry[1:]]:.0%}",
                spread(self._runs[entry]),
            ]
            for entry in sorted(medians, key=lambda entry: (entry.cores, -medians[entry]))
        ]


def measure(size: int, large: int, runs: int) -> Section:
    """Medians of alternating runs; other programs without the start of their process."""
    speeds = Speeds()
    contests = [*_others(size), *_limits(size, large)]
    for _ in range(runs):
        for cores in (1, 2):
            for name, given, seconds in contests:
                given.read_once()
                speeds.note(name, cores, given, seconds(cores))
            for engine in ENGINES:
                _measure_engine(speeds, engine, cores, size, large)
    return Section(
        TITLE,
        f"Medians of {runs} alternating runs. A job counts from its submission to DONE, "
        "publication and sync included, in a service that has done a small one; the others only "
        "their conversion, of plain JSON, without sync. Every file has been read just before.",
        [
            "what",
            "MB",
            "cores",
            "ratio to flatterer",
            "share of the limit",
            "MB/s (least-greatest)",
        ],
        speeds.rows(),
    )


Contest = tuple[str, Input, Callable[[int], float]]


def _others(size: int) -> Iterator[Contest]:
    array = plain_array(size)
    queries = others.duckdb_queries(_tables(array))
    yield BASE, array, lambda cores: others.seconds(others.FLATTERER, array, cores)
    yield "DuckDB 2.0", array, lambda cores: others.seconds(others.DUCKDB, array, cores, queries)
    yield (
        "pandas 3.1, two levels",
        array,
        lambda cores: others.seconds(others.PANDAS, array, cores),
    )


def _limits(*sizes: int) -> Iterator[Contest]:
    for secret in map(encrypted, sizes):
        yield LIMIT, secret, _limit(secret, str(_written(secret)))


def _limit(secret: Input, written: str) -> Callable[[int], float]:
    return lambda cores: others.seconds(others.LIMIT, secret, cores, secret.key, secret.iv, written)


def _measure_engine(speeds: Speeds, engine: str, cores: int, size: int, large: int) -> None:
    """The Python engine is the slow one: the large file would tell no more of it."""
    inputs = {"encrypted": [encrypted(size)]}
    if engine == "native":
        inputs = {"plain": [plain_array(size)], "encrypted": [encrypted(size), encrypted(large)]}
    with running(cores, MYD_ENGINE=engine) as service:
        service.convert(encrypted(_SMALL))  # whose worker process is still being started
        for kind, files in inputs.items():
            for given in files:
                given.read_once()
                speeds.note(f"myd {engine}, {kind}", cores, given, service.convert(given))


def _tables(array: Input) -> list[str]:
    """The tables that the records make, the root's first."""
    with running() as service:
        return [table.name for table in service.converted(array).tables]


def _written(secret: Input) -> int:
    """How many bytes of CSV a file makes."""
    with running() as service:
        tables = service.converted(secret).tables
    return sum(part.bytes for table in tables for part in table.parts)
