"""`load.duckdb.sql`: loads a set of the profile DATABASE into DuckDB (docs/spec.md 3.14)."""

from __future__ import annotations

import glob
from collections.abc import Iterator

from myd_grpc.convert.kinds import ColumnKinds, Kind
from myd_grpc.convert.package.facts import SetFacts, TableFacts
from myd_grpc.convert.package.sql import accepted_names, comments, identifier, literal
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
    yield f"CREATE TABLE {identifier(name)} (\n"
    for index, column in enumerate(columns):
        required = "" if table.may_be_null(index) else " NOT NULL"
        yield f"    {identifier(column)} {_type(table.kinds.get(index))}{required},\n"
    if table.parent is not None:
        parent = identifier(names[table.parent])
        yield f"    FOREIGN KEY (_parent_row_id) REFERENCES {parent} (_row_id),\n"
    yield "    PRIMARY KEY (_row_id)\n);\n"
    yield from comments(name, columns, table)


def _type(kinds: ColumnKinds | None) -> str:
    """A type that has every digit of a column's values, and nothing else of them either lost."""
    found = kinds.kinds & ~Kind.NULL if kinds else Kind(0)
    if kinds is None or found & ~(Kind.INTEGER | Kind.DECIMAL):
        return "BOOLEAN" if found == Kind.BOOLEAN else "VARCHAR"
    digits = kinds.whole_digits + kinds.fraction_digits
    if not found or digits > _MOST_DIGITS:
        return "VARCHAR"
    if found == Kind.INTEGER and digits <= _BIGINT_DIGITS:
        return "BIGINT"
    return f"DECIMAL({digits}, {kinds.fraction_digits})"
