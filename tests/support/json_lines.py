"""Another format for tables, as plain as can be: what the seam of formats asks of one."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from pathlib import Path

from myd_grpc.convert.model import PartFile
from myd_grpc.convert.output import disk
from myd_grpc.convert.output.finishing import FinishedRows, FinishedTable, Made, Report

# A cell, and the comma or line end after it.
_CELL = re.compile(rb'("(?:[^"]|"")*"|[^",\r\n]*)(,|\r?\n)')
COLUMNS = "columns.json"
_UNFINISHED = ".unfinished"


def cells(text: bytes) -> Iterator[list[str | None]]:
    """The rows of a CSV text; a cell is None where there is nothing, which is no empty string."""
    row = list[str | None]()
    for cell, end in _CELL.findall(text):
        found = cell[1:-1].replace(b'""', b'"') if cell.startswith(b'"') else cell
        row.append(found.decode() if cell else None)
        if end != b",":
            yield row
            row = []


class JsonLines:
    """Makes `<table>.jsonl`, a list for each row, and in the end what all columns are."""

    def kept(self, directory: Path, rows: FinishedRows) -> Collection[str]:
        return [name for name in map(_name, rows.tables) if (directory / name).exists()]

    def make(self, directory: Path, rows: FinishedRows, report: Report) -> Made:
        names = [table.columns for table in rows.tables]
        kinds = [
            {table.columns[index]: kinds.kinds for index, kinds in table.kinds.items()}
            for table in rows.tables
        ]
        about = json.dumps({"names": names, "kinds": kinds}, indent=1)
        files = [_written(directory, COLUMNS, about, rows.tables[0].name, 0)]
        for table in rows.tables:
            count = sum(part.rows for part in table.parts)
            if not (directory / _name(table)).exists():
                lines = "".join(json.dumps(row) + "\n" for row in _rows(table))
                files.append(_written(directory, _name(table), lines, table.name, count))
            else:
                size = (directory / _name(table)).stat().st_size
                files.append(PartFile(table.name, _name(table), count, size))
            report(count)
        return Made(files)


def _name(table: FinishedTable) -> str:
    return f"{table.base}.jsonl"


def _rows(table: FinishedTable) -> Iterator[list[str | None]]:
    for part in table.parts:
        header, *rows = cells(part.path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
        assert header == table.columns
        assert len(rows) == part.rows
        yield from rows


def _written(directory: Path, name: str, text: str, table: str, rows: int) -> PartFile:
    unfinished, path = directory / _UNFINISHED, directory / name
    unfinished.write_text(text)
    disk.sync(unfinished)
    unfinished.replace(path)
    return PartFile(table, name, rows, path.stat().st_size)
