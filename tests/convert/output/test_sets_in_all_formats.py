"""Whole sets in all formats there are, made at once."""

from __future__ import annotations

import io
import json
import random
from pathlib import Path

import openpyxl
import pytest

from myd_grpc.convert.model import NO_KEYS, Limits
from myd_grpc.convert.pipeline import convert
from myd_grpc.options import Format, Layout, Profile
from tests.support import nasty
from tests.support.breaking_off import assert_survives
from tests.support.converting import (
    conversion,
    converted_whole,
    directory,
    each_engine,
    native,
    needs_pyarrow,
    silent,
    write,
)

pytestmark = [each_engine, native, needs_pyarrow]

ALL = tuple(Format)
DOCUMENT = (
    b'[{"id":"007","mix":"1","flag":"true","amt":1.500,"big":12345678901234567,"no":null,"s":""},'
    b'{"id":8,"mix":1,"flag":true,"l":[{"a":-0},{"a":"=1+1"}]}]'
)


def test_a_workbook_tells_texts_from_values(engine: str) -> None:
    found = converted_whole([("in.json", DOCUMENT)], engine=engine, formats=(Format.XLSX,))
    assert sorted(found) == ["datapackage.json", "dictionary.csv", "out.xlsx"]
    book = openpyxl.load_workbook(io.BytesIO(found["out.xlsx"]))
    rows = list(book["out"].iter_rows(min_row=2, values_only=True))
    assert rows == [
        ("007", "f1r1", "007", "1", "true", 1.5, "12345678901234567", None, ""),
        (8, "f1r2", 8, 1, True, None, None, None, None),
    ]


@pytest.mark.parametrize("profile", list(Profile))
def test_other_formats_do_not_depend_on_the_profile(engine: str, profile: Profile) -> None:
    def without_csv(profile: Profile) -> dict[str, bytes]:
        found = converted_whole(
            [("in.json", DOCUMENT)], engine=engine, formats=ALL, csv_profile=profile
        )
        return {name: data for name, data in found.items() if name.endswith((".xlsx", ".parquet"))}

    assert without_csv(profile) == without_csv(Profile.DATABASE)
    assert len(without_csv(profile)) == 3


@pytest.mark.parametrize("profile", list(Profile))
def test_all_survive_crashes(engine: str, profile: Profile) -> None:
    rng, crashes, limits = random.Random(4), 0, Limits(batch_records=1, rows_per_part=5)
    for _ in range(6):
        layout = rng.choice(nasty.LAYOUTS)
        files = nasty.random_file_set(rng, layout)
        request = conversion(
            Path(),
            [],
            engine=engine,
            limits=limits,
            layout=Layout(layout),
            formats=ALL,
            csv_profile=profile,
        )
        crashes += assert_survives(files, rng, request)
    assert crashes > 6


@pytest.mark.parametrize(("long", "note"), [(1, "1 cell was cut"), (3, "3 cells were cut")])
def test_cells_that_were_cut_are_told(engine: str, long: int, note: str) -> None:
    document = json.dumps([{"id": 1, "l": [{"long": "가" * 32_768}] * long, "fits": "x" * 32_767}])
    with directory() as data, directory() as out:
        write(data, [("in.json", document.encode())])
        request = conversion(data, ["in.json"], engine=engine, formats=(Format.XLSX,))
        made = convert(request, NO_KEYS, out, silent)
        package = json.loads((out / "datapackage.json").read_text())
    assert made.note.startswith(note)
    assert package["myd"]["cut"] == [{"table": "out.l", "column": "long", "cells": long}]


@pytest.mark.parametrize("formats", [(Format.CSV,), ALL])
def test_cells_that_were_guarded_are_told(engine: str, formats: tuple[Format, ...]) -> None:
    found = converted_whole(
        [("in.json", DOCUMENT)], engine=engine, formats=formats, csv_profile=Profile.EXCEL_SAFE
    )
    package = json.loads(found["datapackage.json"])
    assert package["myd"]["guarded"] == [
        {"table": table, "column": column, "cells": 1}
        for table, column in [
            ("out", "_record_id"),
            ("out", "id"),
            ("out", "flag"),
            ("out", "big"),
            ("out.l", "a"),
        ]
    ]
