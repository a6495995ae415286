"""The first sheet of a workbook: which sheets there are, what is in them, and where to find them.

It also tells a conversion that goes on after a crash what a workbook holds that is there already.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import IO
from xml.etree import ElementTree as ET

from myd_grpc.convert.output.xlsx import styles
from myd_grpc.convert.output.xlsx.xml_text import read, written

NAME = "목차 Contents"

_HEADINGS = ("표 Table", "시트 Sheet", "행 수 Rows", "첫 행 First row")
_CUT_HEADINGS = ("시트 Sheet", "열 Column", "잘린 셀 수 Cells cut at 32,767 characters")
_WIDTHS = (48, 34, 14, 14)
# As a cell can have it, whatever its characters are.
_LONGEST = 16_383
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_BEGIN = f"""<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<worksheet xmlns="{_MAIN}"><sheetViews><sheetView tabSelected="1" workbookViewId="0">\
<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>\
<selection pane="bottomLeft" activeCell="A2" sqref="A2"/></sheetView></sheetViews>\
<sheetFormatPr defaultRowHeight="15"/><cols>"""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet with rows of a table, of which `first` is the first, counted from 1.

    `cut` says in how many cells of which columns, by their names, text was cut short.
    """

    table: str
    name: str
    first: int
    rows: int
    cut: Sequence[tuple[str, int]] = field(default=())


def most_bytes(table: str, columns: Iterable[str]) -> int:
    """What this sheet and others tell of a sheet at most, where these columns have cut cells."""
    names = [table, *columns]
    return 2048 + sum(1024 + 7 * len(name.encode()) for name in names)


def xml(sheets: Sequence[Sheet]) -> Iterator[str]:
    """The sheet, piece by piece."""
    yield _BEGIN
    for number, width in enumerate(_WIDTHS, 1):
        yield f'<col min="{number}" max="{number}" width="{width}" customWidth="1"/>'
    yield "</cols><sheetData>"
    yield _row(1, _HEADINGS, styles.HEADER, styles.HEADER)
    for number, sheet in enumerate(sheets, 2):
        cells = (shown(sheet.table), sheet.name, sheet.rows, sheet.first)
        yield _row(number, cells, styles.LINK)
    # With a row between.
    yield from _cut_rows(sheets, len(sheets) + 3)
    yield "</sheetData><hyperlinks>"
    for number, sheet in enumerate(sheets, 2):
        place = written(f"{quoted(sheet.name)}!A1")
        yield f'<hyperlink ref="A{number}" location="{place}"/>'
    yield "</hyperlinks></worksheet>"


def quoted(name: str) -> str:
    """The name of a sheet in a reference."""
    return "'" + name.replace("'", "''") + "'"


def shown(name: str) -> str:
    """The name of a table or column as the sheet has it."""
    return name[:_LONGEST]


def _cut_rows(sheets: Sequence[Sheet], number: int) -> Iterator[str]:
    cut = [(sheet.name, shown(column), cells) for sheet in sheets for column, cells in sheet.cut]
    if cut:
        yield _row(number, _CUT_HEADINGS, styles.HEADER, styles.HEADER)
    for place, cells in enumerate(cut, number + 1):
        yield _row(place, cells)


def _row(
    number: int, cells: Sequence[str | int], first: int = styles.PLAIN, others: int = styles.PLAIN
) -> str:
    """A row whose text has these styles."""
    row = f'<row r="{number}">'
    for letter, value in zip("ABCD", cells, strict=False):
        style = first if letter == "A" else others
        if isinstance(value, int):
            row += f'<c r="{letter}{number}" s="{styles.NUMBER}"><v>{value}</v></c>'
        else:
            text = f'<is><t xml:space="preserve">{written(value)}</t></is>'
            row += f'<c r="{letter}{number}" s="{style}" t="inlineStr">{text}</c>'
    return row + "</row>"


def parsed(file: IO[bytes]) -> list[Sheet]:
    """What a first sheet says; raises ValueError if it is none of ours."""
    try:
        rows = [*_values(ET.parse(file).getroot())]  # noqa: S314 - it is our own
    except ET.ParseError as error:
        raise ValueError("no first sheet") from error
    end = rows.index([*_CUT_HEADINGS]) if [*_CUT_HEADINGS] in rows else len(rows)
    if rows[:1] != [[*_HEADINGS]]:
        raise ValueError("a first sheet of another form")
    cut = dict[str, list[tuple[str, int]]]()
    for name, column, cells in rows[end + 1 :]:
        cut.setdefault(name, []).append((column, int(cells)))
    return [
        Sheet(table, name, int(first), int(count), cut.get(name, ()))
        for table, name, count, first in rows[1:end]
    ]


def _values(tree: ET.Element) -> Iterator[list[str]]:
    for row in tree.iter(f"{{{_MAIN}}}row"):
        yield [read("".join(cell.itertext())) for cell in row]
