"""LibreOffice opens workbooks, and shows what is in the rows."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from myd_grpc.convert.dialect import MARKED
from myd_grpc.convert.output.xlsx.bounds import Bounds
from myd_grpc.convert.output.xlsx.workbooks import Workbooks
from tests.support.converting import native
from tests.support.finished_rows import finished_rows, finished_table
from tests.support.oracle_xlsx import Number, Value, expected

pytestmark = [native, pytest.mark.soak]

# As CSV with commas in UTF-8: texts in quotes, numbers as they are shown, all sheets.
_SHOWN = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,true,true,true,false,false,-1"
_CELL = re.compile('("(?:[^"]|"")*"|[^",\n]*)([,\n])')
TEXTS = (
    "홍길동",
    "007",
    "0012345678901234567890",
    "1e5",
    "2023-01-02",
    "1/2",
    "TRUE",
    "=1+1",
    "+82-10-1234-5678",
    "@SUM(A1)",
    "'quoted'",
    ' "quoted", & <b> ',
    "line\nline",
    "\ttab\t",
    "_x0041_x0042_",
    "\U0001f600",
    "가" * 40_000,
)
NUMBERS = ("0", "-0", "0.00", "1000.50", "-123456789012345", "1234567890123456", "0.10", "1e5")
CELLS = [*map(json.dumps, TEXTS), *NUMBERS, "true", "false", "null"]


def shown(workbook: Path, directory: Path) -> dict[str, list[list[str]]]:
    """The cells of all sheets, by their name, as LibreOffice shows them: text in quotes."""
    command = ["soffice", "--headless", f"-env:UserInstallation={(directory / 'user').as_uri()}"]
    output = directory / "shown"
    subprocess.run(
        [*command, "--convert-to", _SHOWN, "--outdir", str(output), str(workbook)],
        check=True,
        capture_output=True,
    )
    found = {}
    for file in output.iterdir():
        rows: list[list[str]] = [[]]
        for cell, end in _CELL.findall(file.read_text("utf-8")):
            rows[-1].append(cell)
            if end == "\n":
                rows.append([])
        found[file.stem.removeprefix(f"{workbook.stem}-")] = rows[:-1]
    return found


def told(value: Value) -> str:
    """How LibreOffice shows a value."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).upper()
        case Number(text):
            return text
        case text:
            return '"' + text.replace('"', '""') + '"'


def test_it_shows_what_is_in_the_rows(tmp_path: Path) -> None:
    if os.environ.get("CI") != "true" and not shutil.which("soffice"):
        pytest.skip("left out: workbooks in LibreOffice, as there is none")
    columns = {"a": CELLS, "이름": CELLS[::-1]}
    tables = [
        finished_table(tmp_path, columns, MARKED, rows_per_part=7, base=base) for base in "ab"
    ]
    bounds = Bounds(sheet_rows=20)
    Workbooks(bounds).make(tmp_path, finished_rows(MARKED, *tables), lambda _: None)
    found = shown(tmp_path / "out.xlsx", tmp_path)
    first = found.pop("목차 Contents")
    assert [row[:4] for row in first[1:5]] == [
        ['"a"', '"a"', "20", "1"],
        ['"a"', '"a (2)"', "8", "21"],
        ['"b"', '"b"', "20", "1"],
        ['"b"', '"b (2)"', "8", "21"],
    ]
    rows = [list(row) for row in zip(CELLS, CELLS[::-1], strict=True)]
    assert found == {
        name: [['"a"', '"이름"'], *([told(expected(cell)) for cell in row] for row in some)]
        for base in "ab"
        for name, some in ((base, rows[:20]), (f"{base} (2)", rows[20:]))
    }
