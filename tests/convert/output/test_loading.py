"""Sets are loaded as docs/flattening.md shows."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from tests.support.documents import Block, Checkout, Page
from tests.support.serving import Server

PAGE = Page("docs/flattening.md")


@pytest.fixture
def server(make_server: Callable[..., Server]) -> Server:
    """A running server whose tables soon have several parts."""
    return make_server(MYD_MAX_CSV_ROW="5").start()


@pytest.fixture
def checkout(server: Server, tmp_path: Path) -> Checkout:
    """A checkout with the page's first example among its data."""
    first = PAGE.blocks[0]
    server.put(first.label, first.text)
    return Checkout(server, tmp_path / "checkout")


@pytest.fixture
def postgres(cluster: Mapping[str, str], checkout: Checkout, tmp_path: Path) -> Checkout:
    """The checkout, with a new database that the clients of PostgreSQL find."""
    name = tmp_path.name
    subprocess.run(
        ["createdb", name], env={**os.environ, **cluster, "PGDATABASE": "postgres"}, check=True
    )
    checkout.environment |= {**cluster, "PGDATABASE": name}
    return checkout


def _shown(language: str, word: str, *, has_it: bool = True) -> list[Block]:
    """The blocks that hold a word, or that do not; none of them is an example of the rules."""
    blocks = [block for block in PAGE.of(language) if not block.label]
    return [block for block in blocks if (word in block.text) == has_it]


def _query(checkout: Checkout, text: str) -> str:
    return checkout.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "--csv", "-c", text])


def _load(checkout: Checkout, name: str) -> None:
    """Load a set with the script shown."""
    (block,) = _shown("python", "psycopg")
    script = block.text.replace("data/output/out", f"data/output/{name}")
    assert script != block.text or name == "out"
    checkout.run([sys.executable, "-c", script])


def test_sets_can_be_loaded(checkout: Checkout) -> None:
    checkout.run_shell(PAGE, _shown("sh", "psycopg", has_it=False))
    checkout.run_python(PAGE, _shown("python", "psycopg", has_it=False))


def test_sets_can_be_loaded_into_postgresql(postgres: Checkout) -> None:
    postgres.run_shell(PAGE, _shown("sh", "client.py"))
    _load(postgres, "out")
    for block in PAGE.of("sql"):
        printed = postgres.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", block.text])
        PAGE.check_output(block, printed)


def _convert(server: Server, records: list[dict[str, Any]], name: str, **fields: Any) -> None:
    server.put("in.json", json.dumps(records))
    fields = {"csv_profile": pb.CSV_PROFILE_DATABASE, **fields}
    assert server.convert("in.json", output=name, **fields).status == pb.Job.DONE


def _tables(postgres: Checkout) -> list[str]:
    query = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
    return _query(postgres, query).splitlines()[1:]


@pytest.mark.parametrize("name", ["out", "s" * 63, "셋" * 40])
def test_names_that_begin_alike_stay_distinct(
    postgres: Checkout, server: Server, name: str
) -> None:
    alike = "가" * 30
    record = {
        f"{alike}X": [{"a": 1}],
        f"{alike}Y": [{"a": 2}],
        f"{alike}P": "p",
        f"{alike}Q": "q",
    }
    _convert(server, [record], name)
    _load(postgres, name)
    rows = [_query(postgres, f'TABLE "{table}"').splitlines()[1:] for table in _tables(postgres)]
    assert sorted(rows) == [[",f1r1,p,q"], [",f1r1.1,f1r1,1"], [",f1r1.1,f1r1,2"]]


TEXTS = [
    "a\n\\.\nb",
    "\\.",
    "\n\\.\n",
    "\r\n\\.\r\n",
    "",
    None,
    "NULL",
    '"',
    "a,b",
    " x ",
    "\\N",
    "\r",
    "\n",
    "#",
    "\ufeff",
]
NAMES = [
    "text",
    '50% of "it"',
    "a\rb",
    "a\nb",
    "a\r\nb",
    "\r",
    "\n",
    "\r\n",
    "a,b",
    " x ",
    "#",
    "가",
]
each_profile = pytest.mark.parametrize("profile", ["EXCEL", "DATABASE"])


def _convert_texts(server: Server, profile: str) -> None:
    records = [{"id": "\\.", **dict.fromkeys(NAMES, text)} for text in TEXTS]
    _convert(server, records, "out", csv_profile=f"CSV_PROFILE_{profile}")


@each_profile
def test_names_and_texts_arrive_in_postgresql(
    postgres: Checkout, server: Server, profile: str
) -> None:
    _convert_texts(server, profile)
    _load(postgres, "out")
    query = "SELECT json_agg(out ORDER BY substr(_row_id, 4)::int) AS rows FROM out"
    (row,) = csv.DictReader(io.StringIO(_query(postgres, query)))
    rows = json.loads(row["rows"])
    assert list(rows[0]) == ["_record_id", "_row_id", "id", *NAMES]
    assert [[one[name] for name in NAMES] for one in rows] == [
        [text] * len(NAMES) for text in TEXTS
    ]


@each_profile
def test_names_and_texts_arrive_in_duckdb(
    checkout: Checkout, server: Server, profile: str, tmp_path: Path
) -> None:
    _convert_texts(server, profile)
    (block,) = _shown("python", "duckdb")
    script, _, _ = block.text.partition("\nquery = ")
    checkout.run([sys.executable, "-c", script])
    with duckdb.connect(tmp_path / "checkout" / "out.duckdb") as database:
        rows = database.sql("FROM out ORDER BY substr(_row_id, 4)::int")
        assert rows.columns == ["_record_id", "_row_id", "id", *NAMES]
        assert [list(row[3:]) for row in rows.fetchall()] == [[text] * len(NAMES) for text in TEXTS]


def test_rows_come_in_the_order_of_the_input(postgres: Checkout, server: Server) -> None:
    records = [{"n": n, "l": [{"m": m} for m in range(12)]} for n in range(12)]
    _convert(server, records, "out")
    _load(postgres, "out")
    (order,) = re.findall("ORDER BY .*;", PAGE.of("sql")[0].text.replace("t._row_id", "_row_id"))
    rows = _query(postgres, f'TABLE "out.l" {order}').splitlines()[1:]
    assert [row.rpartition(",")[2] for row in rows] == [str(m) for m in [*range(12)] * 12]


def test_a_second_time_is_refused_and_changes_nothing(postgres: Checkout, server: Server) -> None:
    _convert(server, [{"n": n} for n in range(12)], "out")
    _load(postgres, "out")
    with pytest.raises(AssertionError, match='relation "out" already exists'):
        _load(postgres, "out")
    assert _query(postgres, "SELECT count(*) FROM out") == "count\n12\n"
