"""More than a million rows: where they go, and that they take no more memory than a few."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.converting import native
from tests.support.serving import ROOT

pytestmark = [native, pytest.mark.soak]

COLUMNS = "_record_id,_row_id,account_num,amount,rate,memo,is_open,none,empty,text"
MOST_ROWS = 1_048_575
# Only what makes workbooks counts, not what tests import.
MAKE = """
import json, re, sys
from pathlib import Path
from myd_grpc.convert.dialect import MARKED
from myd_grpc.convert.output.finishing import FinishedRows, FinishedTable, RowFile
from myd_grpc.convert.output.xlsx.workbooks import Workbooks
path, rows, columns = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3].split(",")
part = RowFile(path, rows, path.stat().st_size)
table = FinishedTable("out", "out", columns, 2, {}, [part])
told = []
made = Workbooks().make(path.parent, FinishedRows("out", MARKED, [table]), told.append)
peak = re.search("VmHWM:\\\\s*([0-9]+)", Path("/proc/self/status").read_text())[1]
print(json.dumps([sum(told), [[file.file_name, file.rows] for file in made.files], int(peak)]))
"""


def peak(directory: Path, rows: int) -> int:
    """The greatest memory, in KiB, of a process that makes a workbook of so many rows."""
    directory.mkdir()
    path = directory / "out_1.csv"
    with path.open("w") as file:
        file.write(COLUMNS + "\n")
        file.writelines(
            f'"u{n}","f1r{n}","{n:014d}",{n},{n}.{n % 100:02d},"메모 {n % 1000}",'
            f'{("true", "false")[n % 2]},,"","줄\n{n}"\n'
            for n in range(rows)
        )
    command = [sys.executable, "-c", MAKE, str(path), str(rows), COLUMNS]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    told, files, kibibytes = json.loads(done.stdout)
    assert (told, files) == (rows, [["out.xlsx", rows]])
    return int(kibibytes)


def counts(file: zipfile.ZipFile, sheet: int) -> tuple[int, int, bytes]:
    """How many rows and cells a sheet has, and its end."""
    rows, cells, end = 0, 0, b""
    with file.open(f"xl/worksheets/sheet{sheet}.xml") as xml:
        while piece := xml.read(1 << 20):
            rows += (end[-5:] + piece).count(b"</row>")
            cells += (end[-3:] + piece).count(b"</c>")
            end = (end + piece)[-60:]
    return rows, cells, end


def test_more_rows_than_a_sheet_has(tmp_path: Path) -> None:
    few, many = peak(tmp_path / "few", 20_000), peak(tmp_path / "many", MOST_ROWS + 25)
    assert many < few + 8 * 1024
    assert many < 80 * 1024
    with zipfile.ZipFile(tmp_path / "many" / "out.xlsx") as file:
        for sheet, rows in ((2, MOST_ROWS), (3, 25)):
            *found, end = counts(file, sheet)
            assert found == [rows + 1, 9 * rows + 10]
            assert end.endswith(f'<autoFilter ref="A1:J{rows + 1}"/></worksheet>'.encode())
