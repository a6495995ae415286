"""Another format for tables, as plain as can be: what the seam of output asks of one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from myd_grpc.convert.batch import Fragment, Rows
from myd_grpc.convert.model import PartFile
from myd_grpc.convert.output import disk
from myd_grpc.convert.output.writer import Extent, Snapshot, WriteContext

# A cell, and the comma or line end after it.
_CELL = re.compile(rb'("(?:[^"]|"")*"|[^",\r\n]*)(,|\r?\n)')
COLUMNS = "columns.json"


def cells(text: bytes) -> Iterator[list[str | None]]:
    """The rows of a CSV text; a cell is None where there is nothing, which is no empty string."""
    row = list[str | None]()
    for cell, end in _CELL.findall(text):
        found = cell[1:-1].replace(b'""', b'"') if cell.startswith(b'"') else cell
        row.append(found.decode() if cell else None)
        if end != b",":
            yield row
            row = []


def _trimmed(row: list[str | None]) -> list[str | None]:
    """A row without nulls at its end: how many there are is as a batch happened to be cut."""
    while row[-1] is None:
        row.pop()
    return row


@dataclass
class _File:
    rows: int = 0
    size: int = 0


class JsonLines:
    """Writes `<table number>.jsonl`, a list for each row, and in the end what all columns are."""

    def __init__(self, context: WriteContext) -> None:
        self._context = context
        self._files: dict[int, _File] = {}
        self._changed: set[int] = set()

    def size_of(self, table: Extent) -> int:
        return table.data + 2 * table.cells

    def add(self, fragment: Fragment) -> None:
        for rows in fragment.rows:
            self._append(rows)

    def _append(self, rows: Rows) -> None:
        lines = "".join(json.dumps(_trimmed(row)) + "\n" for row in cells(bytes(rows.data)))
        with self._path(rows.table).open("a") as file:
            file.write(lines)
        written = self._files.setdefault(rows.table, _File())
        written.rows += len(rows.ends)
        written.size += len(lines)
        self._changed.add(rows.table)

    def _path(self, table: int) -> Path:
        return self._context.directory / f"{table}.jsonl"

    def _described(self, table: int) -> PartFile:
        written, name = self._files[table], self._context.schema.tables[table].name
        return PartFile(name, self._path(table).name, written.rows, written.size)

    def drain(self) -> None:
        pass

    def snapshot(self) -> Snapshot:
        state = {str(table): [one.rows, one.size] for table, one in self._files.items()}
        unsynced = [self._path(table) for table in self._changed]
        changed = [self._described(table) for table in self._changed]
        self._changed.clear()
        return Snapshot(state, unsynced, changed)

    def restore(self, state: Any) -> list[str]:
        for number, (rows, size) in state.items():
            table = int(number)
            self._files[table] = _File(rows, size)
            with self._path(table).open("r+b") as file:
                if file.seek(0, 2) < size:
                    raise ValueError
                file.truncate(size)
        return [self._path(table).name for table in self._files]

    def complete(self) -> None:
        pass

    needs_rewrite = False

    def finish(self) -> list[PartFile]:
        tables = self._context.schema.tables
        kinds: list[list[int]] = [[] for _ in tables]
        for one in self._context.kinds.columns():
            kinds[one.table].append(one.kinds)
        columns = self._context.directory / COLUMNS
        names = [table.columns for table in tables]
        columns.write_text(json.dumps({"names": names, "kinds": kinds}))
        disk.sync_all([columns, *map(self._path, self._files)])
        about = PartFile(tables[0].name, COLUMNS, 0, columns.stat().st_size)
        return [about, *map(self._described, sorted(self._files))]

    def close(self) -> None:
        pass
