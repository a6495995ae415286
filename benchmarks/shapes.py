"""What a byte costs, by the shape of the records: their size, their nesting, their tables."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from benchmarks.data import DATA, Input, made
from benchmarks.report import MB, Section, middle
from myd_grpc.convert.engines.available import ENGINES
from myd_grpc.convert.model import NO_KEYS, Conversion
from myd_grpc.convert.pipeline import convert
from myd_grpc.options import ConvertOptions, Layout

ROW = {"org": "0001", "date": "20230531172235", "type": "02", "amt": "11000.000", "memo": "커피"}


@dataclass(frozen=True, slots=True)
class Shape:
    """One series of inputs: `record` makes the n-th record for a value of what is varied."""

    varied: str
    values: tuple[int, ...]
    record: Callable[[int, int], object]


def _of_rows(rows: int, number: int) -> object:
    """A record with so many rows in its one list."""
    return {"id": number, "rows": [{"n": row, **ROW} for row in range(rows)]}


def _nested(depth: int, number: int) -> object:
    """A row at the bottom of so many objects."""
    value: object = {"n": number, **ROW}
    for _ in range(depth):
        value = {"in": value}
    return value


def in_tables(tables: int, number: int) -> object:
    """Records of one size, whose rows go to so many tables in turn."""
    return {"id": number, f"list_{number % tables:04}": [{"n": number, **ROW}]}


def _of_columns(columns: int, number: int) -> object:
    """Records of one table of so many columns, all of them there."""
    return {f"column_{column:05}": number * column % 1000 for column in range(columns)}


def _with_late_columns(every: int, number: int) -> object:
    """Records of which one in so many brings a column."""
    late = {} if number % every else {f"late_{number // every:05}": number}
    return {"id": number, "n": number, **ROW, **late}


SHAPES = (
    Shape("rows of 100 bytes in a record", (1, 10, 100, 1_000, 10_000), _of_rows),
    Shape("objects around a row", (1, 4, 16, 64), _nested),
    Shape("child tables", (1, 10, 100, 1_000), in_tables),
)


def measure(size: int, runs: int) -> Section:
    """Each shape and engine in turn, on one thread; one run of the slow engine says enough."""
    rows = [
        [shape.varied, f"{value:,}", *_costs(_input(shape, value, size), runs)]
        for shape in SHAPES
        for value in shape.values
    ]
    units = [f"{engine}, {unit}" for engine in ENGINES for unit in ("ns/byte", "MB/s")]
    return Section(
        "Cost by the shape of records",
        f"{size // MB} MB of plain JSON each, converted on one thread: reading, flattening, "
        f"writing and syncing, without a server around it. Medians of {runs} runs, and one run of "
        "the Python engine. A thousand tables are also a thousand files to sync, and where columns "
        "come late, rows before them get a comma for each and are written twice.",
        ["what varies", "how many", *units],
        rows,
    )


def _input(shape: Shape, value: int, size: int) -> Input:
    title = shape.varied.replace(" ", "-")
    return made(f"{title}-{value}-{size}.json", _lines(shape, value, size))


def _lines(shape: Shape, value: int, size: int) -> Iterator[bytes]:
    """At least so many bytes of records, a line each."""
    left = size
    for number in count():
        line = json.dumps(shape.record(value, number), ensure_ascii=False).encode() + b"\n"
        yield line
        left -= len(line)
        if left <= 0:
            return


def _costs(given: Input, runs: int) -> list[str]:
    """For each engine, nanoseconds a byte and megabytes a second."""
    cells = []
    for engine in ENGINES:
        times = [_seconds(given, engine) for _ in range(1 if engine == "python" else runs)]
        median = middle(times)
        cells += [f"{median / given.size * 1e9:.1f}", f"{given.size / MB / median:.0f}"]
    return cells


def _seconds(given: Input, engine: str) -> float:
    with tempfile.TemporaryDirectory(dir=DATA.parent) as output:
        wanted = Conversion(
            str(DATA),
            (given.name,),
            "out",
            ConvertOptions(layout=Layout.LINES),
            engine=engine,
            threads=1,
        )
        began = time.perf_counter()
        convert(wanted, NO_KEYS, Path(output), lambda *_: None)
        return time.perf_counter() - began
