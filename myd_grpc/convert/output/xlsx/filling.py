"""Fills one workbook with as many of a set's rows as it may have."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from myd_grpc.convert.output.finishing import FinishedTable, Report
from myd_grpc.convert.output.xlsx import first_sheet, package
from myd_grpc.convert.output.xlsx.bounds import Bounds
from myd_grpc.convert.output.xlsx.rest import Rest
from myd_grpc.convert.output.xlsx.sheet_names import SheetNames


class Filling:
    """A workbook in the making, in a file that is made or emptied.

    All that takes long releases the interpreter's lock. Raises OSError as the file system does.
    """

    def __init__(self, path: Path, tables: Sequence[FinishedTable], bounds: Bounds) -> None:
        self._bounds = bounds
        self._sheets: list[package.Placed] = []
        self._told = package.MOST_BYTES
        self._names = SheetNames()
        self._names.claim(first_sheet.NAME)
        # In every workbook of a set, the first sheet of a table has the same name.
        self._unused = [self._names.claim(table.name) for table in tables]
        # Not built everywhere; where it is not, nobody asks for workbooks.
        from myd_grpc import _native  # noqa: PLC0415

        self._book = _native.Workbook(
            os.fspath(path), sheet_rows=bounds.sheet_rows, sheet_bytes=bounds.sheet_bytes
        )

    def fill(self, rest: Rest, report: Report) -> tuple[int, list[first_sheet.Sheet]]:
        """Writes what has room; answers the workbook's bytes and its sheets beside the first."""
        try:
            for name, content in package.beginning():
                self._book.add(name, content)
            while not rest.is_over and self._begin(rest):
                self._write(rest, report)
            for name, content in package.ending(self._sheets):
                self._book.add(name, content)
            return self._book.finish(), [one.sheet for one in self._sheets]
        finally:
            self._book.close()

    def _begin(self, rest: Rest) -> bool:
        """Begins a sheet, if there is room for one and a row."""
        if len(self._sheets) == self._bounds.workbook_sheets:
            return False
        told = first_sheet.most_bytes(rest.table.name, rest.table.columns)
        until = max(0, self._bounds.workbook_bytes - self._told - told)
        part = package.sheet_part(len(self._sheets) + 2)
        return self._book.begin_sheet(part, rest.reader, until)

    def _write(self, rest: Rest, report: Report) -> None:
        """Writes a sheet: as many of the table's rows as it has room for."""
        table, number, first, rows = rest.table, rest.number, rest.row + 1, 0
        while written := self._book.write_rows(rest.reader):
            rows += written
            report(written)
        cut = [(table.columns[column], cells) for column, cells in self._book.end_sheet()]
        rest.pass_rows(rows)
        name, self._unused[number] = self._unused[number], ""
        name = name or self._names.claim(table.name)
        self._sheets.append(
            package.Placed(
                first_sheet.Sheet(table.name, name, first, rows, cut), len(table.columns)
            )
        )
        self._told += first_sheet.most_bytes(table.name, (column for column, _ in cut))
