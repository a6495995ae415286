"""What a workbook's cells are by docs/spec.md 3.14, read slowly and simply."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openpyxl

MOST_UNITS = 32_767
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.([0-9]+))?")
_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")


@dataclass(frozen=True, slots=True)
class Number:
    """A number, as it is shown."""

    shown: str


Value = Number | bool | str | None
"""What a cell holds; None is no cell."""


def expected(cell: str) -> Value:
    """What becomes of a cell, which is JSON text: a scalar, or a list of them."""
    match cell[0]:
        case "n":
            return None
        case "t" | "f":
            return cell == "true"
        case '"':
            return cut(json.loads(cell))
        case "[":
            return cut(cell)
        case _:
            return Number(cell) if is_number(cell) else cell


def is_number(text: str) -> bool:
    """Whether no digit of a number is lost where it becomes one of a spreadsheet."""
    match = _NUMBER.fullmatch(text)
    digits = text.replace("-", "").replace(".", "").lstrip("0")
    if not match or len(digits) > 15 or len(match[1] or "") > 30:
        return False
    return bool(digits) or not text.startswith("-")


def cut(text: str) -> str:
    """As many whole characters as have room."""
    units, kept = 0, 0
    for character in text:
        units += len(character.encode("utf-16-le")) // 2
        if units > MOST_UNITS:
            break
        kept += 1
    return text[:kept]


def text_of(written: str) -> str:
    """What a text of a workbook stands for, by ECMA-376."""
    return _ESCAPED.sub(lambda it: chr(int(it[1], 16)), written)


def sheets(path: Path) -> dict[str, list[list[Value]]]:
    """The rows of all sheets of a workbook but the first, by name, as openpyxl finds them."""
    workbook = openpyxl.load_workbook(path, read_only=True)
    found = {
        sheet.title: [[_value(cell) for cell in row] for row in sheet.iter_rows()]
        for sheet in workbook.worksheets[1:]
    }
    workbook.close()
    return found


def _value(cell: Any) -> Value:
    match cell.value:
        case None:
            return None
        case bool(value):
            return value
        case str(text):
            return text_of(text)
        case value:
            decimals = len(cell.number_format.partition(".")[2])
            assert cell.number_format in {"0", f"0.{'0' * decimals}"}
            return Number(f"{value:.{decimals}f}")
