"""What it costs to make a workbook of rows, next to what XlsxWriter makes of the same."""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from benchmarks.data import DATA, made
from benchmarks.others import ROOT
from benchmarks.report import MB, Section, middle, spread

_COLUMNS = [
    "_record_id",
    "_row_id",
    "account_num",
    "prod_name",
    "trans_dtime",
    "trans_type",
    "trans_amt",
    "balance_amt",
    "trans_memo",
    "is_cancelled",
]
# Each makes a workbook of a file of so many rows, in a directory, and prints seconds of processor
# time and the greatest memory in KiB.
_MEASURED = """
import re, sys, time
from pathlib import Path
source, rows, target = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
before = time.process_time()
make(source, rows, target)
used = time.process_time() - before
print(used, re.search("VmHWM:\\s*([0-9]+)", Path("/proc/self/status").read_text())[1])
"""
_MYD = """
from myd_grpc.convert.dialect import MARKED
from myd_grpc.convert.output.finishing import FinishedRows, FinishedTable, RowFile
from myd_grpc.convert.output.xlsx.workbooks import Workbooks
def make(source, rows, target):
    columns = source.open().readline().rstrip().split(",")
    part = RowFile(source, rows, source.stat().st_size)
    table = FinishedTable("out", "out", columns, 2, {}, [part])
    Workbooks().make(target, FinishedRows("out", MARKED, [table]), lambda _: None)
"""
# As one would write it: text with its quotes is text, and no number has too many digits here.
_XLSXWRITER = """
import re, xlsxwriter
cell = re.compile('("(?:[^"]|"")*"|[^",]*)(?:,|$)')
def make(source, rows, target):
    book = xlsxwriter.Workbook(target / "out.xlsx", {"constant_memory": True})
    sheet, shown = book.add_worksheet(), {}
    for decimals in range(16):
        form = "0" + "." * (decimals > 0) + "0" * decimals
        shown[decimals] = book.add_format({"num_format": form})
    with source.open(encoding="utf-8") as lines:
        for row, line in enumerate(lines):
            for column, text in enumerate(cell.findall(line[:-1])[:10]):
                if not text:
                    continue
                if text[0] == '"':
                    sheet.write_string(row, column, text[1:-1].replace('""', '"'))
                elif text in ("true", "false"):
                    sheet.write_boolean(row, column, text == "true")
                elif row:
                    decimals = len(text.partition(".")[2])
                    sheet.write_number(row, column, float(text), shown[decimals])
                else:
                    sheet.write_string(row, column, text)
    book.close()
"""
_WAYS = {"myd": _MYD, "XlsxWriter 3.3, constant memory": _XLSXWRITER}


def is_available() -> bool:
    """Whether workbooks can be made here."""
    return find_spec("myd_grpc._native") is not None


def measure(rows: int, runs: int) -> Section:
    """A file of so many rows, in alternating runs; a first one is left out."""
    given = made(f"marked-{rows}.csv", _lines(rows))
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in _WAYS}
    sizes: dict[str, int] = {}
    with tempfile.TemporaryDirectory(dir=DATA.parent) as home:
        for run in range(runs + 1):
            for name, way in _WAYS.items():
                place = Path(home) / f"{run} {name}"
                place.mkdir()
                measured = _measured(way, DATA / given.name, rows, place)
                sizes[name] = (place / "out.xlsx").stat().st_size
                if run:
                    found[name].append(measured)
    return Section(
        "Workbooks of rows",
        f"{given.megabytes} MB of CSV, {rows:,} rows of {len(_COLUMNS)} columns, as XLSX: "
        "processor time and greatest memory of a process that does nothing else. Medians of "
        f"{runs} alternating runs.",
        ["what", "s of processor (least-greatest)", "memory, MB", "MB of XLSX"],
        [
            [
                name,
                spread([seconds for seconds, _ in measured], 2),
                f"{middle([memory for _, memory in measured]) / MB:.0f}",
                f"{sizes[name] / MB:.0f}",
            ]
            for name, measured in found.items()
        ],
    )


def _measured(way: str, source: Path, rows: int, place: Path) -> tuple[float, float]:
    """Seconds of processor time and bytes of memory."""
    command = [sys.executable, "-c", way + _MEASURED, str(source), str(rows), str(place)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    seconds, kibibytes = map(float, done.stdout.split())
    return seconds, kibibytes * 1024


def _lines(rows: int) -> Iterator[bytes]:
    """So many rows whose text is marked, after a header."""
    rng = random.Random(7)
    yield ",".join(_COLUMNS).encode() + b"\n"
    for number in range(rows):
        record, row = divmod(number, 40)
        memo = f"{rng.choice('커피 점심 교통 월급'.split())} {rng.randrange(1000)}"
        yield (
            f'"u{record}","f1r{record + 1}.{row + 1}","{record % 900:012d}",'
            f'"{rng.choice("입출금 적금 주택청약 외화예금".split())}",'
            f'"202305{rng.randrange(1, 29):02d}{rng.randrange(10**6):06d}",'
            f'"0{rng.randrange(1, 6)}",'
            f'{rng.randrange(10**7)}.{rng.randrange(1000):03d},{rng.randrange(10**9)},"{memo}",'
            f"{rng.choice(('true', 'false', ''))}\n"
        ).encode()
