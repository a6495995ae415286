"""The format XLSX: workbooks of all tables of a set (docs/spec.md 3.14)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from myd_grpc.convert.errors import ConversionError, Reason
from myd_grpc.convert.model import PartFile
from myd_grpc.convert.output import disk
from myd_grpc.convert.output.finishing import FinishedRows, FinishedTable, Made, Report
from myd_grpc.convert.output.naming import encode
from myd_grpc.convert.output.xlsx import first_sheet, package
from myd_grpc.convert.output.xlsx.bounds import Bounds
from myd_grpc.convert.output.xlsx.filling import Filling
from myd_grpc.convert.output.xlsx.rest import Rest
from myd_grpc.failpoints import reach

MOST_COLUMNS = 16_384
"""Columns that a sheet of Excel has."""

_UNFINISHED = ".workbook"
_BOUNDS = Bounds()


@dataclass(frozen=True, slots=True)
class _Workbook:
    """A workbook that is there, with its sheets beside the first one."""

    file_name: str
    size: int
    sheets: Sequence[first_sheet.Sheet]


class Workbooks:
    """Makes workbooks of rows whose text is marked: a `FinishingFormat`."""

    def __init__(self, bounds: Bounds = _BOUNDS) -> None:
        self._bounds = bounds

    def kept(self, directory: Path, rows: FinishedRows) -> Collection[str]:
        """See `FinishingFormat.kept`."""
        return [book.file_name for book in _found(directory, rows.name, Rest(rows.tables))]

    def make(self, directory: Path, rows: FinishedRows, report: Report) -> Made:
        """See `FinishingFormat.make`; raises ConversionError LIMIT_EXCEEDED for too many columns.

        Of a crash in the middle of a workbook nothing is left: it is made anew.
        """
        _require(rows)
        rest = Rest(rows.tables)
        books = []
        for book in _found(directory, rows.name, rest):
            books.append(book)
            report(sum(sheet.rows for sheet in book.sheets))
        while not rest.is_over:
            path = directory / _file_name(rows.name, len(books) + 1)
            unfinished = directory / _UNFINISHED
            size, sheets = Filling(unfinished, rows.tables, self._bounds).fill(rest, report)
            disk.sync(unfinished)
            reach("replace")
            unfinished.replace(path)
            books.append(_Workbook(path.name, size, sheets))
        return Made(list(_files(books)), _cut(books, rows.tables))


def _require(rows: FinishedRows) -> None:
    if not rows.dialect.marks_text:
        raise ValueError("workbooks are made of rows whose text is marked")
    most = max((len(table.columns) for table in rows.tables), default=0)
    if most > MOST_COLUMNS:
        what = (
            f"a table has {most:,} columns, and a sheet of a workbook at most {MOST_COLUMNS:,}: "
            "choose fewer by include or exclude, or another format"
        )
        raise ConversionError(Reason.LIMIT_EXCEEDED, what)


def _file_name(name: str, number: int) -> str:
    return f"{encode(name)}{f'_{number}' if number > 1 else ''}.xlsx"


def _found(directory: Path, name: str, rest: Rest) -> Iterator[_Workbook]:
    """The workbooks that are there, whose rows are no longer in the rest then."""
    for number in count(1):
        path = directory / _file_name(name, number)
        if rest.is_over or not path.exists():
            return
        place = rest.place
        try:
            with ZipFile(path) as zipped, zipped.open(package.FIRST_SHEET) as file:
                sheets = [_passed(rest, sheet) for sheet in first_sheet.parsed(file)]
        except (ValueError, KeyError, BadZipFile):
            rest.place = place
            return
        yield _Workbook(path.name, path.stat().st_size, sheets)


def _passed(rest: Rest, sheet: first_sheet.Sheet) -> first_sheet.Sheet:
    """Goes on behind a sheet; raises ValueError if another one was to come."""
    is_next = not rest.is_over and sheet.first == rest.row + 1
    if not is_next or sheet.table != first_sheet.shown(rest.table.name):
        raise ValueError("a sheet that was not to come")
    sheet = replace(sheet, table=rest.table.name)
    rest.pass_rows(sheet.rows)
    return sheet


def _files(books: Iterable[_Workbook]) -> Iterator[PartFile]:
    """Each workbook, told for each of its tables."""
    for book in books:
        rows = Counter[str]()
        for sheet in book.sheets:
            rows[sheet.table] += sheet.rows
        for table, number in rows.items():
            yield PartFile(table, book.file_name, number, book.size)


def _cut(books: Iterable[_Workbook], tables: Sequence[FinishedTable]) -> dict[tuple[int, int], int]:
    numbers = {table.name: number for number, table in enumerate(tables)}
    cut = Counter[tuple[int, int]]()
    for sheet in (sheet for book in books for sheet in book.sheets if sheet.cut):
        number = numbers[sheet.table]
        columns = [first_sheet.shown(column) for column in tables[number].columns]
        for column, cells in sheet.cut:
            cut[number, columns.index(first_sheet.shown(column))] += cells
    return dict(cut)
