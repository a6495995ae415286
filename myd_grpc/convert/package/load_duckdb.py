"""`load.duckdb.sql`: loads a set of the profile DATABASE into DuckDB (docs/spec.md 3.14)."""

from __future__ import annotations

import glob
from collections.abc import Iterator

from myd_grpc.convert.kinds import ColumnKinds
from myd_grpc.convert.package.column_types import ExactKind, exact_kind
from myd_grpc.convert.package.facts import SetFacts, TableFacts
from myd_grpc.convert.package.sql import (
    accepted_names,
    comments,
    created,
    identifier,
    literal,
    typed_columns,
)
from myd_grpc.options import Format

FILE_NAME = "load.duckdb.sql"

_BIGINT_DIGITS = 18
_MOST_DIGITS = 38

_BEGIN = """-- Loads this set into DuckDB, all of it or nothing. In the directory of this file:
--     duckdb FILE -f load.duckdb.sql
BEGIN TRANSACTION;
"""
# Read by several threads, a text with line ends in it may be taken for rows.
_OPTIONS = (
    "FORMAT csv, AUTO_DETECT false, HEADER true, DELIMITER ',', QUOTE '\"', ESCAPE '\"', "
    "NEW_LINE '\\n', NULLSTR '', ALLOW_QUOTED_NULLS false, PARALLEL false, "
    "MAX_LINE_SIZE 268435456"
)


def text(facts: SetFacts) -> Iterator[bytes]:
    """The script, some at a time."""
    for piece in _pieces(facts):
        yield piece.encode()


def _pieces(facts: SetFacts) -> Iterator[str]:
    names = _names([table.name for table in facts.tables])
    tables = list(zip(names, facts.tables, strict=True))
    yield _BEGIN
    for name, table in tables:
        yield from _created(name, table, names)
    for name, table in tables:
        for file in table.files[Format.CSV]:
            path = literal(glob.escape(f"./{file.file_name}"))
            yield f"COPY {identifier(name)} FROM {path} ({_OPTIONS});\n"
    yield "COMMIT;\n"


def _names(names: list[str]) -> list[str]:
    # DuckDB takes names for one that differ in case alone.
    return accepted_names(names, lambda _: True, folded=str.casefold)


def _created(name: str, table: TableFacts, names: list[str]) -> Iterator[str]:
    columns = _names(list(table.columns))
    lines = typed_columns(columns, table, _type)
    if table.has_row_ids:
        lines.append("    PRIMARY KEY (_row_id)")
    if table.parent is not None:
        parent = identifier(names[table.parent])
        lines.append(f"    FOREIGN KEY (_parent_row_id) REFERENCES {parent} (_row_id)")
    yield created(name, lines)
    yield from comments(name, columns, table)


def _type(kinds: ColumnKinds | None) -> str:
    """A type that has every digit of a column's values, and nothing else of them either lost."""
    if kinds is None:
        return "VARCHAR"
    digits = kinds.whole_digits + kinds.fraction_digits
    match exact_kind(kinds):
        case ExactKind.INTEGER if digits <= _BIGINT_DIGITS:
            return "BIGINT"
        case ExactKind.INTEGER | ExactKind.DECIMAL if digits <= _MOST_DIGITS:
            return f"DECIMAL({digits}, {kinds.fraction_digits})"
        case ExactKind.BOOLEAN:
            return "BOOLEAN"
        case _:
            return "VARCHAR"
