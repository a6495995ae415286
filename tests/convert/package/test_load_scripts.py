"""A set's own scripts load it into PostgreSQL and DuckDB: every row, and all of each cell."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.sql import SQL

from myd_grpc.convert.errors import ConversionError
from myd_grpc.convert.model import DEFAULT_LIMITS, Limits
from myd_grpc.options import Layout
from myd_grpc.sample.document import plaintext
from tests.convert.package.chosen import choices
from tests.support import nasty
from tests.support.converting import (
    Settings,
    choice_of,
    conversion,
    directory,
    run,
    write,
)
from tests.support.loading import (
    Database,
    Duck,
    DuckCommand,
    Postgres,
    assert_same,
    wanted,
)

# Each makes two databases.
THOROUGH = settings(
    deadline=None,
    suppress_health_check=list(HealthCheck),
    max_examples=settings().max_examples // 2,
)
LAYOUTS = [Layout.ARRAY, Layout.KEYED, Layout.LINES, Layout.SINGLE]


@pytest.fixture(scope="session")
def postgres(cluster: Mapping[str, str]) -> Callable[[], Postgres]:
    return lambda: Postgres(cluster)


def made_in(
    work: Path,
    document: bytes,
    name: str = "out",
    layout: Layout = Layout.ARRAY,
    limits: Limits = DEFAULT_LIMITS,
    chosen: Settings | None = None,
) -> Path:
    """The directory of the set that a document gives."""
    chosen = chosen or Settings()
    write(work, [("a.json", document)])
    asked: Settings = {**chosen, "name": name, "layout": layout, "limits": limits}
    key = chosen.get("masking_key", b"")
    run(work, conversion(work, ["a.json"], **asked), masking_key=key)
    return work / "out"


def assert_loads(
    postgres: Postgres,
    document: bytes,
    layout: Layout = Layout.ARRAY,
    name: str = "out",
    limits: Limits = DEFAULT_LIMITS,
    duckdb: type[Duck] = Duck,
    chosen: Settings | None = None,
) -> None:
    chosen = chosen or Settings()
    with directory() as work:
        try:
            made = made_in(work, document, name, layout, limits, chosen)
        except ConversionError:
            return
        want = wanted(document, name, layout, choice_of(**chosen))
        done = postgres.load(made)
        assert (done.returncode, done.stderr) == (0, "")
        assert_same(postgres.content(), want)
        duck = duckdb(work / "duck.db")
        done = duck.load(made)
        assert (done.returncode, done.stderr) == (0, "")
        assert_same(duck.content(), want, padded=True)


limits = st.sampled_from([Limits(rows_per_part=rows) for rows in (1, 2, 300_000)])
NAMES = ["out", "결과", "it's", "-[x]", "~" + "셋" * 40]


@THOROUGH
@given(
    data=st.data(),
    layout=st.sampled_from(LAYOUTS),
    name=st.sampled_from(NAMES),
    limits=limits,
    chosen=st.just(Settings()) | choices,
)
def test_sets_arrive(
    postgres: Callable[[], Postgres],
    data: st.DataObject,
    layout: Layout,
    name: str,
    limits: Limits,
    chosen: Settings,
) -> None:
    document = data.draw(nasty.documents(layout.value))
    assert_loads(postgres(), document, layout, name, limits, chosen=chosen)


NO_LINKS = ("**._record_id", "**._row_id", "**._parent_row_id")


@pytest.mark.parametrize("duckdb", [Duck, DuckCommand])
@pytest.mark.parametrize(
    "chosen",
    [
        Settings(include=("a",), exclude=NO_LINKS),
        Settings(include=("a", "b"), exclude=NO_LINKS),
        Settings(include=("l.*",), exclude=NO_LINKS),
        Settings(include=("l.d",), exclude=NO_LINKS),
        Settings(exclude=("_row_id",)),
        Settings(exclude=("**._row_id",)),
        Settings(exclude=("l._parent_row_id",)),
        Settings(include=("l.m.*",), maps=("l.m",)),
        Settings(maps=("l.m", "m"), exclude=("l.*",)),
    ],
    ids=str,
)
def test_tables_without_keys_and_rows_without_any_cell_arrive(
    postgres: Callable[[], Postgres], duckdb: type[Duck], chosen: Settings
) -> None:
    document = b"""[
        {"id": 1}, {"a": ""}, {"a": null}, {"a": "1", "b": 2},
        {"l": [null, {"d": 1, "m": {"k": 1, "j": {"x": null}}}, {"m": [{"x": "y"}]}]},
        {"a": "\\."}, {"a": "x"}
    ]"""
    assert_loads(postgres(), document, duckdb=duckdb, chosen=chosen)


ALIKE = "가" * 30
TEXTS = [
    "a\n\\.\nb",
    "\\.",
    "\\.x",
    '\\."',
    '\n\\."\n',
    '\n\\.",\n',
    "\n\\.\n",
    "\r\n\\.\r\n",
    "\n\\.",
    "",
    None,
    "NULL",
    '"',
    '""',
    "a,b",
    " x ",
    "\\N",
    "\\",
    "\r",
    "\n",
    "#",
    "\ufeff",
    "':x'",
    ":x",
    "$$",
    "x" * 100_000,
]
KEYS = [
    "xmin",
    "XMIN",
    "ctid",
    f"{ALIKE}P",
    f"{ALIKE}Q",
    "A",
    "a",
    '50% of "it"',
    "it's",
    "\\",
    "a\nb",
    "\r\n",
    ":x",
    "_ROW_ID",
    "select",
]
NUMBERS = [
    *("0", "-1", "9" * 18, "9" * 19, "-" + "9" * 38, "9" * 39, "9" * 60),
    *("0.50", "1.00", "-0.0", "1e3", "1E400", "0." + "1" * 38, "9" * 20 + "." + "1" * 18, "true"),
]


@pytest.mark.parametrize("duckdb", [Duck, DuckCommand])
@pytest.mark.parametrize("rows_per_part", [7, 300_000])
def test_names_texts_and_numbers_arrive(
    postgres: Callable[[], Postgres], rows_per_part: int, duckdb: type[Duck]
) -> None:
    texts = [
        {"id": text, **dict.fromkeys(KEYS, text), **{f"{key}.l": [{"v": text}] for key in KEYS}}
        for text in TEXTS
    ]
    numbers = ",".join(f'{{"n{i}":{number},"m":{number}}}' for i, number in enumerate(NUMBERS))
    document = f"[{json.dumps(texts)[1:-1]},{numbers}]".encode()
    limits = Limits(rows_per_part=rows_per_part)
    assert_loads(postgres(), document, limits=limits, duckdb=duckdb)


@pytest.mark.parametrize("name", ["pg_class", "pg_type"])
def test_sets_named_as_system_tables_arrive(
    postgres: Callable[[], Postgres], tmp_path: Path, name: str
) -> None:
    document = b'[{"id":"a","k":[1]}]'
    database = postgres()
    done = database.load(made_in(tmp_path, document, name=name))
    assert (done.returncode, done.stderr) == (0, "")
    assert_same(database.content(), wanted(document, name, Layout.AUTO))


def test_the_sample_arrives(postgres: Callable[[], Postgres]) -> None:
    document = b"".join(plaintext(200_000, 7))
    assert_loads(postgres(), document, Layout.KEYED, limits=Limits(rows_per_part=100))


def test_types_have_room_for_all_values(postgres: Callable[[], Postgres], tmp_path: Path) -> None:
    rows = [dict.fromkeys("sbl", None), {"s": "x", "b": True, "l": [1]}]
    numbers = ",".join(f'"n{i}":{number}' for i, number in enumerate(NUMBERS))
    document = f"[{json.dumps(rows)[1:-1]},{{{numbers}}}]"
    made = made_in(tmp_path, document.encode())
    database = postgres()
    assert database.load(made).returncode == 0
    query = "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'out'"
    types = dict(database.query(SQL(query)))
    assert types == {
        **dict.fromkeys(["_record_id", "_row_id", "s", "l"], "text"),
        "b": "boolean",
        **dict(
            zip(
                [f"n{i}" for i in range(len(NUMBERS))],
                [
                    *["numeric"] * 6,
                    "text",
                    *["numeric"] * 2,
                    *["text"] * 3,
                    *["numeric"] * 2,
                    "boolean",
                ],
                strict=True,
            )
        ),
    }
    assert Duck(tmp_path / "duck.db").load(made).returncode == 0
    with duckdb.connect(tmp_path / "duck.db") as duck:
        found = duck.execute("SELECT column_type FROM (DESCRIBE out) WHERE column_name[1] = 'n'")
        assert [one for (one,) in found.fetchall()] == [
            *["BIGINT"] * 3,
            "DECIMAL(19,0)",
            "DECIMAL(38,0)",
            *["VARCHAR"] * 2,
            *["DECIMAL(3,2)"] * 2,
            *["VARCHAR"] * 4,
            "DECIMAL(38,18)",
            "BOOLEAN",
        ]


def test_keys_and_references_hold(postgres: Callable[[], Postgres], tmp_path: Path) -> None:
    made = made_in(tmp_path, b'[{"x_pkey":[{"a":1}],"x":[{"y":[[1]]}]}]')
    database = postgres()
    assert database.load(made).returncode == 0
    found = database.query(
        SQL(
            "SELECT relname, pg_get_constraintdef(c.oid) FROM pg_constraint c "
            "JOIN pg_class t ON t.oid = conrelid WHERE connamespace = 'public'::regnamespace"
        )
    )
    key, reference = "PRIMARY KEY (_row_id)", "FOREIGN KEY (_parent_row_id) REFERENCES"
    assert sorted(found) == [
        ("out", key),
        ("out.x", f'{reference} "out"(_row_id)'),
        ("out.x", key),
        ("out.x.y", f'{reference} "out.x"(_row_id)'),
        ("out.x.y", key),
        ("out.x_pkey", f'{reference} "out"(_row_id)'),
        ("out.x_pkey", key),
    ]
    duck = Duck(tmp_path / "duck.db")
    assert duck.load(made).returncode == 0
    with duckdb.connect(duck.file) as opened, pytest.raises(duckdb.ConstraintException):
        opened.execute("""DELETE FROM out WHERE _row_id = 'f1r1'""")


def test_a_second_time_is_refused_and_changes_nothing(
    postgres: Callable[[], Postgres], tmp_path: Path
) -> None:
    made = made_in(tmp_path, b'[{"a":"","l":[{"b":1}]},{}]')
    databases: list[Database] = [
        postgres(),
        Duck(tmp_path / "duck.db"),
        DuckCommand(tmp_path / "other.db"),
    ]
    for database in databases:
        assert database.load(made).returncode == 0
        before = database.content()
        again = database.load(made)
        assert again.returncode != 0
        assert "already exists" in again.stderr
        assert database.content() == before


def test_a_set_that_is_not_whole_is_not_loaded(
    postgres: Callable[[], Postgres], tmp_path: Path
) -> None:
    made = made_in(tmp_path, b'[{"l":[{"b":1}]}]')
    (made / "out.l_1.csv").unlink()
    databases: list[Database] = [postgres(), Duck(tmp_path / "duck.db")]
    for database in databases:
        assert database.load(made).returncode != 0
        assert database.content() == {}


def test_more_columns_than_postgresql_has_are_refused(
    postgres: Callable[[], Postgres], tmp_path: Path
) -> None:
    document = json.dumps([{f"c{number}": number for number in range(1600)}]).encode()
    made = made_in(tmp_path, document)
    database = postgres()
    done = database.load(made)
    assert done.returncode == 3
    assert "PostgreSQL has at most 1600 columns in a table: out has 1602" in done.stderr
    assert database.content() == {}
    duck = Duck(tmp_path / "duck.db")
    assert duck.load(made).returncode == 0
    assert_same(duck.content(), wanted(document, "out", Layout.ARRAY))
