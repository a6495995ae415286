"""What very many sets of one job leave behind in memory: no more than what is told of them."""

from __future__ import annotations

import gc
import json

import pytest

from myd_grpc.convert.model import NO_KEYS
from myd_grpc.convert.pipeline import convert
from myd_grpc.options import Format, Profile
from tests.support.converting import (
    Settings,
    conversion,
    directory,
    each_engine,
    silent,
    write,
)

DOCUMENT = json.dumps([{"id": n, "list": [{"amt": 1.5}], f"c{n}": "x"} for n in range(9)]).encode()


def cycles_of(sets: int, engine: str, asked: Settings) -> int:
    """How many objects a conversion of so many files leaves that only a search would find."""
    names = [f"{number}.json" for number in range(sets)]
    with directory() as data, directory() as out:
        write(data, [(name, DOCUMENT) for name in names])
        given: Settings = {**asked, "engine": engine, "merge": False}
        request = conversion(data, names, **given)
        gc.collect()
        gc.disable()
        try:
            made = convert(request, NO_KEYS, out, silent)
            assert made.beside
            return gc.collect()
        finally:
            gc.enable()


@each_engine
@pytest.mark.parametrize(
    "asked",
    [
        Settings(),
        Settings(csv_profile=Profile.EXCEL_SAFE, exclude=("c1",)),
        Settings(formats=(Format.CSV, Format.XLSX), checksums=True),
        Settings(max_rejects=1),
    ],
    ids=["plain", "guarded", "formats", "rejects"],
)
def test_sets_leave_nothing_that_is_to_be_searched_for(engine: str, asked: Settings) -> None:
    """Nobody searches during a conversion: it would take half of a parse's time."""
    cycles_of(1, engine, asked)  # what is made once in a process
    few, many = (cycles_of(sets, engine, asked) for sets in (5, 25))
    assert abs(many - few) < 20
