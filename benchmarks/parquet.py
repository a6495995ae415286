"""What it costs to make Parquet of rows, next to what DuckDB makes of the same CSV."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import duckdb

from benchmarks.data import DATA, made
from benchmarks.report import MB, Section, middle, spread
from myd_grpc.convert.dialect import Dialect
from myd_grpc.convert.kinds import ColumnKinds, Kind
from myd_grpc.convert.output import disk
from myd_grpc.convert.output.finishing import FinishedRows, FinishedTable, RowFile
from myd_grpc.convert.output.parquet import Parquet
from myd_grpc.options import Profile

_COLUMNS = {
    "_record_id": "VARCHAR",
    "_row_id": "VARCHAR",
    "_parent_row_id": "VARCHAR",
    "account_num": "VARCHAR",
    "trans_dtime": "VARCHAR",
    "trans_type": "VARCHAR",
    "trans_amt": "DECIMAL(10, 3)",
    "balance_amt": "BIGINT",
    "trans_memo": "VARCHAR",
    "is_cancelled": "BOOLEAN",
}
_LINKS = 3
_KINDS = {
    "VARCHAR": (Kind.STRING, 0, 0),
    "DECIMAL(10, 3)": (Kind.DECIMAL, 7, 3),
    "BIGINT": (Kind.INTEGER, 9, 0),
    "BOOLEAN": (Kind.BOOLEAN, 0, 0),
}
_OURS = "myd"


def is_available() -> bool:
    """Whether Parquet can be made here."""
    return find_spec("pyarrow") is not None


def measure(size: int, runs: int) -> Section:
    """One file of about `size` bytes of rows, in alternating runs; a first one is left out."""
    given = made(f"transactions-{size}.csv", _rows(size))
    source = DATA / given.name
    with source.open("rb") as file:
        part = RowFile(source, sum(1 for _ in file) - 1, given.size)
    found: dict[str, list[float]] = {}
    sizes: dict[str, int] = {}
    with tempfile.TemporaryDirectory(dir=DATA.parent) as home:
        ways: dict[str, Callable[[Path], Path]] = {
            _OURS: lambda place: _by_myd(place, part),
            "DuckDB 2.0": lambda place: _by_duckdb(place, source),
        }
        for run in range(runs + 1):
            for name, way in ways.items():
                place = Path(home) / f"{run} {name}"
                place.mkdir()
                began = time.perf_counter()
                made_of_it = way(place)
                seconds = time.perf_counter() - began
                sizes[name] = made_of_it.stat().st_size
                if run:
                    found.setdefault(name, []).append(given.size / MB / seconds)
    base = middle(found["DuckDB 2.0"])
    return Section(
        "Parquet of rows",
        f"{given.megabytes} MB of CSV, {part.rows:,} transactions in one file, as Parquet with "
        f"zstd, synced; types are given. Medians of {runs} alternating runs.",
        ["what", "ratio to DuckDB", "MB/s of CSV (least-greatest)", "MB of Parquet"],
        [
            [name, f"{middle(speeds) / base:.2f}", spread(speeds), f"{sizes[name] / MB:.0f}"]
            for name, speeds in found.items()
        ],
    )


def _by_myd(place: Path, part: RowFile) -> Path:
    columns = [*_COLUMNS]
    kinds = {
        index: ColumnKinds(*_KINDS[type_])
        for index, type_ in enumerate(_COLUMNS.values())
        if index >= _LINKS
    }
    table = FinishedTable("out", "out", columns, _LINKS, kinds, [part])
    rows = FinishedRows("out", Dialect.of(Profile.DATABASE), [table])
    (file,) = Parquet().make(place, rows, lambda _: None).files
    return place / file.file_name


def _by_duckdb(place: Path, source: Path) -> Path:
    target = place / "out.parquet"
    with duckdb.connect() as database:
        database.execute("SET threads = 2")
        database.execute(
            f"""COPY (FROM read_csv('{source}', columns = {_COLUMNS}, header = true,
                                    auto_detect = false, allow_quoted_nulls = false))
                TO '{target}' (FORMAT parquet, COMPRESSION zstd)"""
        )
    disk.sync(target)
    return target


def _rows(size: int) -> Iterator[bytes]:
    """At least so many bytes of transactions, after a header."""
    rng = random.Random(7)
    header = ",".join(_COLUMNS).encode() + b"\n"
    yield header
    left = size - len(header)
    for number in count():
        if left <= 0:
            return
        record, row = divmod(number, 40)
        line = (
            f"u{record},f1r{record + 1}.{row + 1},f1r{record + 1},{record % 900:012d},"
            f"202305{rng.randrange(1, 29):02d}{rng.randrange(10**6):06d},0{rng.randrange(1, 6)},"
            f"{rng.randrange(10**7)}.{rng.randrange(1000):03d},{rng.randrange(10**9)},"
            f'"{rng.choice("커피 점심 교통 월급".split())}, {rng.randrange(1000)}",'
            f"{rng.choice(('true', 'false', ''))}\n"
        ).encode()
        yield line
        left -= len(line)
