"""Sets as databases have them that their own scripts have loaded, and as the oracle says."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol, Self

import duckdb
import psycopg
from psycopg.sql import SQL, Composed, Identifier, Literal

from myd_grpc.options import Layout
from tests.support.oracle import gather
from tests.support.oracle_columns import EVERYTHING, Choice
from tests.support.oracle_records import DEFAULT_SECTION_NAMES, read_records

Rows = dict[str, list[str | None]]


@dataclass
class Loaded:
    """A table as a database has it: its columns, and the cells of its rows, by `_row_id`.

    Where there is none, rows are numbered.
    """

    columns: list[str]
    rows: Rows

    @classmethod
    def of(cls, columns: list[str], rows: Iterable[Sequence[Any]]) -> Self:
        place = columns.index("_row_id") if "_row_id" in columns else None
        return cls(
            columns,
            {
                str(number if place is None else row[place]): list(row)
                for number, row in enumerate(rows)
            },
        )


Content = Mapping[str, Loaded]


def wanted(document: bytes, name: str, layout: Layout, choice: Choice = EVERYTHING) -> Content:
    """What the oracle says that is in the tables."""
    records = read_records(document, layout.value, "", 128, DEFAULT_SECTION_NAMES)
    is_keyed = layout is Layout.KEYED
    tables = gather(name, [records], "id", 1024, choice, is_keyed=is_keyed)
    return {
        table.name: Loaded.of(
            [*table.links, *table.columns.values()],
            ([*row.links, *(row.cells.get(path) for path in table.columns)] for row in table.rows),
        )
        for table in tables.tables
        if table.is_written
    }


class Database(Protocol):
    """One that is empty at first."""

    def load(self, made: Path) -> subprocess.CompletedProcess[str]:
        """Has the script in a set's directory load it."""
        ...

    def content(self) -> Content:
        """All tables, by the names that they have in the set."""
        ...


class Postgres:
    """An empty database of PostgreSQL, which clients find by these variables."""

    def __init__(self, cluster: Mapping[str, str]) -> None:
        self._environment = {**os.environ, **cluster, "PGDATABASE": "postgres"}
        self._place = f"host={cluster['PGHOST']} user={cluster['PGUSER']} dbname=postgres"
        self.query(SQL("DROP SCHEMA public CASCADE"))
        self.query(SQL("CREATE SCHEMA public"))

    def query(self, statement: SQL | Composed) -> list[tuple[Any, ...]]:
        """The rows that it answers."""
        with psycopg.connect(self._place) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def load(self, made: Path) -> subprocess.CompletedProcess[str]:
        """See `Database.load`."""
        return subprocess.run(
            ["psql", "-X", "-q", "-f", "load.postgres.sql"],
            cwd=made,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def content(self) -> Content:
        """See `Database.content`."""
        tables = self.query(
            SQL(
                "SELECT relname, coalesce(obj_description(oid, 'pg_class'), relname) FROM pg_class "
                "WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
            )
        )
        return {whole: self._table(Identifier(name)) for name, whole in tables}

    def _table(self, name: Identifier) -> Loaded:
        columns = self.query(
            SQL(
                "SELECT attname, coalesce(col_description(attrelid, attnum), attname) "
                "FROM pg_attribute WHERE attnum > 0 AND attrelid = {}::regclass ORDER BY attnum"
            ).format(Literal(name.as_string()))
        )
        texts = SQL(", ").join(SQL("{}::text").format(Identifier(column)) for column, _ in columns)
        rows = self.query(SQL("SELECT {} FROM {}").format(texts, name))
        return Loaded.of([whole for _, whole in columns], rows)


LOADING = """
import sys
from pathlib import Path
import duckdb
with duckdb.connect(sys.argv[1]) as database:
    database.execute(Path("load.duckdb.sql").read_bytes().decode())
"""


class Duck:
    """An empty database of DuckDB, in a file."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._loading = [sys.executable, "-c", LOADING, str(file)]

    def load(self, made: Path) -> subprocess.CompletedProcess[str]:
        """See `Database.load`."""
        return subprocess.run(
            self._loading,
            cwd=made,
            capture_output=True,
            text=True,
            check=False,
        )

    def content(self) -> Content:
        """See `Database.content`."""
        with duckdb.connect(self.file) as database:
            tables = database.execute(
                "SELECT table_name, coalesce(comment, table_name) FROM duckdb_tables()"
            ).fetchall()
            return {whole: self._table(database, name) for name, whole in tables}

    def _table(self, database: duckdb.DuckDBPyConnection, name: str) -> Loaded:
        columns = database.execute(
            "SELECT coalesce(comment, column_name) FROM duckdb_columns() "
            "WHERE table_name = ? ORDER BY column_index",
            [name],
        ).fetchall()
        rows = database.table(Identifier(name).as_string()).select("COLUMNS(*)::VARCHAR").fetchall()
        return Loaded.of([whole for (whole,) in columns], rows)


class DuckCommand(Duck):
    """The same, loaded by the command line program, which is of an older version."""

    def __init__(self, file: Path) -> None:
        super().__init__(file)
        program = Path(sys.executable).with_name("duckdb")
        self._loading = [str(program), str(file), "-f", "load.duckdb.sql"]


def assert_same(got: Content, want: Content, *, padded: bool = False) -> None:
    """With `padded`, numbers may have more zeros at their ends."""
    want = {in_one_line(name): table for name, table in want.items()}
    assert got.keys() == want.keys()
    for name, table in want.items():
        assert got[name].columns == [in_one_line(column) for column in table.columns]
        assert got[name].rows.keys() == table.rows.keys()
        for row_id, cells in table.rows.items():
            for one, other in zip(got[name].rows[row_id], cells, strict=True):
                assert one == other or (padded and one and other and same_number(one, other))


def in_one_line(name: str) -> str:
    """A name as a comment tells it."""
    return name.replace("\r", "\\r").replace("\n", "\\n")


def same_number(padded: str, number: str) -> bool:
    return padded.rstrip("0.") == number.rstrip("0.") and Decimal(padded) == Decimal(number)
