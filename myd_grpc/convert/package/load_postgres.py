"""`load.postgres.sql`: loads a set of the profile DATABASE into PostgreSQL (docs/spec.md 3.14)."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from myd_grpc.convert.kinds import MOST_DIGITS, ColumnKinds
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

FILE_NAME = "load.postgres.sql"

_MOST_COLUMNS = 1600
_NAME_BYTES = 63
_HASH_BYTES = len("~01234567")
_SYSTEM_TABLES = "pg_"
_SYSTEM_COLUMNS = frozenset({"cmax", "cmin", "ctid", "tableoid", "xmax", "xmin"})

_BEGIN = r"""-- Loads this set into PostgreSQL, all of it or nothing. In the directory of this file:
--     psql -f load.postgres.sql
\set ON_ERROR_STOP on
\encoding UTF8
SELECT :VERSION_NUM < 180000 AS stops_early \gset
BEGIN;
"""
# Within quotes this ends and begins them again, and else it quotes what needs no quotes.
_GUARD = "LC_ALL=C sed " + shlex.quote(r's/^\\\./"\\."/')


def text(facts: SetFacts) -> Iterator[bytes]:
    """The script, some at a time."""
    for piece in _pieces(facts):
        yield piece.encode()


def _pieces(facts: SetFacts) -> Iterator[str]:
    names = accepted_names([table.name for table in facts.tables], _is_table_name, _shortened)
    tables = list(zip(names, facts.tables, strict=True))
    yield _BEGIN
    yield from (_refusal(table) for table in facts.tables if len(table.columns) > _MOST_COLUMNS)
    for name, table in tables:
        yield from _created(name, table)
    # Before version 18, psql takes a line \. within a text for the end of the file.
    yield "\\if :stops_early\n"
    for name, table in tables:
        yield from (_copied(name, f"PROGRAM {literal(_guarded(file))}") for file in _paths(table))
    yield "\\else\n"
    for name, table in tables:
        yield from (_copied(name, literal(file)) for file in _paths(table))
    yield "\\endif\n"
    # Keys make indexes, whose names come after those of all tables: they are made to differ.
    for name, table in tables:
        if table.has_row_ids:
            yield f"ALTER TABLE {identifier(name)} ADD PRIMARY KEY (_row_id);\n"
    for name, table in tables:
        if table.parent is not None:
            parent = identifier(names[table.parent])
            reference = f"FOREIGN KEY (_parent_row_id) REFERENCES {parent} (_row_id)"
            yield f"ALTER TABLE {identifier(name)} ADD {reference};\n"
    yield "COMMIT;\n"


def _is_table_name(name: str) -> bool:
    # A name that a system table has, too, is taken for that one.
    return len(name.encode()) <= _NAME_BYTES and not name.startswith(_SYSTEM_TABLES)


def _is_column_name(name: str) -> bool:
    return len(name.encode()) <= _NAME_BYTES and name not in _SYSTEM_COLUMNS


def _shortened(name: str) -> str:
    """A name cut after a whole character, so that there is room for a hash."""
    return name.encode()[: _NAME_BYTES - _HASH_BYTES].decode(errors="ignore")


def _refusal(table: TableFacts) -> str:
    what = (
        f"PostgreSQL has at most {_MOST_COLUMNS} columns in a table: "
        f"{table.name} has {len(table.columns)}"
    )
    return f"DO {literal(f'BEGIN RAISE EXCEPTION USING MESSAGE = {literal(what)}; END')};\n"


def _created(name: str, table: TableFacts) -> Iterator[str]:
    columns = accepted_names(table.columns, _is_column_name, _shortened)
    yield created(name, typed_columns(columns, table, _type))
    yield from comments(name, columns, table)


def _type(kinds: ColumnKinds | None) -> str:
    """A type that has every digit of a column's values, and nothing else of them either lost."""
    if kinds is None or max(kinds.whole_digits, kinds.fraction_digits) >= MOST_DIGITS:
        return "text"
    match exact_kind(kinds):
        case ExactKind.INTEGER | ExactKind.DECIMAL:
            return "numeric"
        case ExactKind.BOOLEAN:
            return "boolean"
        case ExactKind.OTHER:
            return "text"


def _paths(table: TableFacts) -> Iterator[str]:
    # psql has another meaning for a name that begins with ~, and sed for one that begins with -.
    return (f"./{file.file_name}" for file in table.files[Format.CSV])


def _guarded(path: str) -> str:
    return f"{_GUARD} < {shlex.quote(path)}"


def _copied(name: str, source: str) -> str:
    options = "FORMAT csv, HEADER true, ENCODING 'UTF8'"
    return f"\\copy {identifier(name)} FROM {source} WITH ({options})\n"
