"""Tables whose rows are all on the disk, as formats that are made of rows find them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import reduce
from operator import or_
from pathlib import Path

from myd_grpc.convert.dialect import Dialect
from myd_grpc.convert.kinds import Kind, number_bits, packed
from myd_grpc.convert.output.finishing import FinishedRows, FinishedTable, RowFile

Cells = Sequence[str]
"""The cells of a column as JSON text: scalars, or lists of them."""

_KINDS = {
    '"': Kind.STRING,
    "[": Kind.LIST,
    "t": Kind.BOOLEAN,
    "f": Kind.BOOLEAN,
    "n": Kind.NULL,
}


def csv_text(cell: str) -> str:
    """What a cell shows in CSV."""
    return str(json.loads(cell)) if cell[0] == '"' else "" if cell == "null" else cell


def finished_table(
    directory: Path,
    columns: Mapping[str, Cells],
    dialect: Dialect,
    *,
    rows_per_part: int,
    links: int = 2,
    base: str = "out",
) -> FinishedTable:
    """A table with these cells, by column; the first of these are link columns."""
    names, cells = [*columns], [*columns.values()]
    count = len(cells[0])
    parts = list[RowFile]()
    for start in range(0, max(1, count), rows_per_part):
        path = directory / f"{base}_{len(parts) + 1}.csv"
        rows = list(zip(*(column[start : start + rows_per_part] for column in cells), strict=True))
        header = tuple(map(json.dumps, names))
        text = "".join(_line(row, dialect) for row in (header, *rows))
        path.write_bytes(dialect.byte_order_mark + text.encode())
        parts.append(RowFile(path, len(rows), path.stat().st_size))
    bits = [reduce(or_, map(_bits, column), 0) for column in cells[links:]]
    kinds = {links + column: one for column, one in packed(0, bits).columns().items()}
    return FinishedTable(base, base, names, links, kinds, parts)


def finished_rows(dialect: Dialect, *tables: FinishedTable) -> FinishedRows:
    """The rows of a set."""
    return FinishedRows("out", dialect, tables)


def _line(row: Sequence[str], dialect: Dialect) -> str:
    return ",".join(_cell(cell, dialect) for cell in row) + dialect.line_end


def _cell(cell: str, dialect: Dialect) -> str:
    text = csv_text(cell)
    needs_quotes = set(text) & set('",\r\n') or cell == '""'
    if needs_quotes or (dialect.marks_text and cell[0] in '"['):
        return '"' + text.replace('"', '""') + '"'
    return text


def _bits(cell: str) -> int:
    kind = _KINDS.get(cell[0])
    return number_bits(cell) if kind is None else kind.value
