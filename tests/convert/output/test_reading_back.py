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
