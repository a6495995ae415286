"""One job, from submission to DONE, against other converters on the same records, in turn."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks import others
from benchmarks.data import Input, encrypted, plain_array
from benchmarks.report import MB, Section, middle, spread
from benchmarks.service import running
from myd_grpc.convert.engines import ENGINES

BASE = "flatterer 0.25"


class Speeds:
    """Bytes a second of each contestant on so many cores, run by run."""

    def __init__(self) -> None:
        self._runs: dict[tuple[str, int], list[float]] = {}

    def note(self, name: str, cores: int, given: Input, seconds: float) -> None:
        """A run has taken so long."""
        self._runs.setdefault((name, cores), []).append(given.size / MB / seconds)

    def rows(self) -> list[list[str]]:
        """Best ratio first."""
        medians = {key: middle(runs) for key, runs in self._runs.items()}
        ordered = sorted(medians, key=lambda key: (key[1], -medians[key]))
        return [
            [
                name,
                str(cores),
                f"{medians[name, cores] / medians[BASE, cores]:.2f}",
                spread(self._runs[name, cores]),
            ]
            for name, cores in ordered
        ]


def measure(size: int, runs: int) -> Section:
    """Medians of alternating runs; other programs without the start of their process."""
    array, secret = plain_array(size), encrypted(size)
    tables, written = _tables(array), _written(secret)
    speeds = Speeds()
    contestants: dict[str, Callable[[int], float]] = {
        BASE: lambda cores: others.seconds(others.FLATTERER, array, cores),
        "DuckDB 2.0": lambda cores: others.seconds(
            others.DUCKDB, array, cores, others.duckdb_queries(tables)
        ),
        "pandas 3.1, two levels": lambda cores: others.seconds(others.PANDAS, array, cores),
        "the limit: decrypting, writing as much": lambda cores: others.seconds(
            others.LIMIT, secret, cores, secret.key, secret.iv, str(written)
        ),
    }
    for _ in range(runs):
        for cores in (1, 2):
            for name, seconds in contestants.items():
                speeds.note(name, cores, array, seconds(cores))
            for engine in ENGINES:
                _measure_engine(speeds, engine, cores, array, secret)
    return Section(
        "Throughput of one job",
        f"{array.size // MB} MB, medians of {runs} alternating runs. A job counts from its "
        "submission to DONE, publication and sync included; the others only their conversion, of "
        "plain JSON, without sync.",
        ["what", "cores", "ratio to flatterer", "MB/s (least-greatest)"],
        speeds.rows(),
    )


def _measure_engine(speeds: Speeds, engine: str, cores: int, array: Input, secret: Input) -> None:
    with running(cores, MYD_ENGINE=engine) as service:
        for given, kind in ((array, "plain"), (secret, "encrypted")):
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
