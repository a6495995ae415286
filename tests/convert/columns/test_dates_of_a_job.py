"""Masked dates are bounded by the year in which a job was asked for, whenever it is worked on."""

from __future__ import annotations

from dataclasses import replace

from tests.support.choosing import by_each_engine, masking
from tests.support.converting import conversion, directory, run, write

pytestmark = by_each_engine

DATES = b'[{"a":"20211231"},{"a":"20221231"},{"a":"20230101"}]'


def test_later_dates_than_of_the_next_year_are_none(engine: str) -> None:
    asked = masking(("a", "YEAR"))
    for this_year, lines in {
        2021: "f1r1,2021|,f1r2,2022|,f1r3,",
        2020: "f1r1,2021|,f1r2,|,f1r3,",
        0: "f1r1,2021|,f1r2,2022|,f1r3,2023",
    }.items():
        with directory() as work:
            write(work, [("in.json", DATES)])
            request = conversion(work, ["in.json"], engine=engine, masking=asked)
            files = run(work, replace(request, this_year=this_year))
        assert files["out_1.csv"].decode().split("\n")[1:-1] == f",{lines}".split("|")
