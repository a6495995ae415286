"""Programs that read CSV find the same cells in what a conversion writes, whatever it is."""

from __future__ import annotations

import csv
import random
from collections.abc import Callable
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from myd_grpc.options import Layout, Profile
from tests.support import nasty
from tests.support.converting import converted
from tests.support.oracle_guard import unguarded

BOM = b"\xef\xbb\xbf"
Rows = list[tuple[str, ...]]


def as_python(file: Path) -> Rows:
    with file.open(encoding="utf-8-sig", newline="") as text:
        return [*map(tuple, csv.reader(text))]


def as_pandas(file: Path) -> Rows:
    cells = pd.read_csv(file, header=None, dtype="str", keep_default_na=False, encoding="utf-8-sig")
    return [tuple(row) for row in cells.itertuples(index=False)]


def as_duckdb(file: Path) -> Rows:
    """Tells it what docs/flattening.md does, but that names are read as a row."""
    has_bom = file.read_bytes().startswith(BOM)
    columns = {f"c{number}": "VARCHAR" for number in range(len(as_python(file)[0]))}
    query = """FROM read_csv(?, columns = ?, new_line = ?, header = false, auto_detect = false,
                             nullstr = '', allow_quoted_nulls = false)"""
    found = duckdb.execute(query, [str(file), columns, r"\r\n" if has_bom else r"\n"]).fetchall()
    return [tuple(cell or "" for cell in row) for row in found]


@pytest.mark.parametrize("profile", list(Profile))
@pytest.mark.parametrize("read", [as_pandas, as_duckdb])
def test_they_read_random_sets_alike(
    tmp_path: Path, read: Callable[[Path], Rows], profile: Profile
) -> None:
    rng = random.Random(1)
    for _ in range(60):
        layout = rng.choice(nasty.LAYOUTS)
        files = [("in.json", nasty.random_document(rng, layout))]
        for data in converted(files, layout=Layout(layout), csv_profile=profile).values():
            file = tmp_path / "table.csv"
            file.write_bytes(data)
            assert read(file) == as_python(file)


@pytest.mark.parametrize("read", [as_python, as_pandas])
def test_the_texts_of_guarded_cells_can_be_had_back(
    tmp_path: Path, read: Callable[[Path], Rows]
) -> None:
    rng, file, guarded = random.Random(2), tmp_path / "table.csv", 0
    for _ in range(60):
        layout = Layout(rng.choice(nasty.LAYOUTS))
        files = [("in.json", nasty.random_document(rng, layout.value))]
        found = list[dict[str, Rows]]()
        for profile in (Profile.EXCEL_SAFE, Profile.EXCEL):
            tables = converted(files, layout=layout, csv_profile=profile)
            found.append({})
            for name, data in tables.items():
                file.write_bytes(data)
                found[-1][name] = read(file)
        safe, plain = found
        assert {name: _unguarded(rows) for name, rows in safe.items()} == plain
        guarded += safe != plain
    assert guarded > 10


def _unguarded(rows: Rows) -> Rows:
    return [tuple(map(unguarded, row)) for row in rows]
