"""Which kinds of values columns have: as the oracle says, however a conversion is cut up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from myd_grpc.convert.checkpoint import Checkpoint
from myd_grpc.convert.kinds import MOST_DIGITS, Kind, SetKinds
from myd_grpc.convert.model import NO_KEYS, Limits, PartFile
from myd_grpc.convert.pipeline import convert
from myd_grpc.options import Layout
from tests.support import nasty, oracle
from tests.support.converting import (
    Files,
    Sizes,
    conversion,
    directory,
    each_engine,
    silent,
    sized,
    write,
)
from tests.support.oracle_records import read_records

pytestmark = each_engine

THOROUGH = settings(deadline=None, suppress_health_check=list(HealthCheck))

Found: TypeAlias = tuple[int, int, Kind, int, int]
"""A table, a column of it, its kinds, and the most digits on each side of the point."""

NUMBERS = (
    "0",
    "-0",
    "-0.00",
    "0e0",
    "1",
    "-12",
    "10.50",
    "-0.5",
    "1e5",
    "1E-2",
    "9" * 40,
    "0.0",
    "-" + "7" * 90,
    "0." + "1" * 60,
)
VALUES = (*NUMBERS, '"1"', '""', "true", "false", "null", "[]", "[1]", "{}", '[{"a":1}]')


class Kept:
    """Keeps the newest checkpoint, as text; breaks the conversion off after so many."""

    def __init__(self, most: int = 1 << 30) -> None:
        self.text = ""
        self.left = most

    def due(self) -> bool:
        return True

    def save(
        self, checkpoint: Checkpoint, _files: Sequence[Path], _parts: Sequence[PartFile]
    ) -> None:
        self.text = checkpoint.to_json()
        self.left -= 1
        if self.left == 0:
            raise BrokenOffError

    def has_older(self) -> bool:
        return True

    supersede = save


class BrokenOffError(Exception):
    """The conversion goes no further."""


def kinds_of(files: Files, engine: str, limits: Limits, most: int) -> list[Found]:
    """The kinds of all columns at the end of a conversion that is broken off and taken up."""
    with directory() as data_dir, directory() as output:
        write(data_dir, files)
        names = [name for name, _ in files]
        work = conversion(data_dir, names, limits=limits, engine=engine, layout=Layout.ARRAY)
        kept, resume = Kept(most), None
        try:
            convert(work, NO_KEYS, output, silent, kept)
        except BrokenOffError:
            resume = Checkpoint.from_json(kept.text)
            kept.left = -1
            convert(work, NO_KEYS, output, silent, kept, resume)
        kinds = SetKinds()
        kinds.add(Checkpoint.from_json(kept.text).kinds)
        return [
            (table, column, *one)
            for table, columns in kinds.tables()
            for column, one in columns.items()
        ]


def expected(files: Files) -> list[Found]:
    records = [read_records(data, "ARRAY", "", 128, ()) for _, data in files]
    found = oracle.kinds_of(oracle.gather("out", records, "id", 1024))
    return [
        (
            table,
            column,
            Kind(sum(Kind[name] for name in names)),
            min(whole, MOST_DIGITS),
            min(fraction, MOST_DIGITS),
        )
        for table, column, names, whole, fraction in found
    ]


def flattened(document: bytes, engine: str) -> list[Found]:
    return kinds_of([("a.json", document)], engine, Limits(), 1 << 30)


@pytest.mark.parametrize("value", VALUES)
def test_a_value_is_of_the_kind_that_it_is_written_as(engine: str, value: str) -> None:
    document = (
        f'[{{"id":"a","v":{value}}},{{"v":{value} }},{{"l":[{value},{{}}]}},{value}]'.encode()
    )
    assert flattened(document, engine) == expected([("a.json", document)])


def test_a_table_says_what_its_columns_have(engine: str) -> None:
    document = b'[{"a":1.25,"b":null},{"a":-1000,"b":[1]},{"a":"x"},{"a":-0,"b":true}]'
    assert flattened(document, engine) == [
        (0, 0, Kind.DECIMAL | Kind.INTEGER | Kind.STRING | Kind.OTHER_NUMBER, 4, 2),
        (0, 1, Kind.NULL | Kind.LIST | Kind.BOOLEAN, 0, 0),
    ]


sizes = st.builds(
    Sizes,
    st.sampled_from((1, 17, 1 << 18)),
    st.sampled_from((1, 50, 4 << 20)),
    st.just(8 << 20),
    many=st.sampled_from((0, 8 << 20)),
    long_bytes=st.sampled_from((0, 1 << 20)),
)


@THOROUGH
@given(
    data=st.data(),
    sizes=sizes,
    batch_records=st.sampled_from((1, 2, 1000)),
    most=st.sampled_from((1, 2, 1 << 30)),
)
def test_all_fragments_add_up_to_what_the_oracle_says(
    engine: str, data: st.DataObject, sizes: Sizes, batch_records: int, most: int
) -> None:
    files = [(name, data.draw(nasty.documents("ARRAY"))) for name in ("a.json", "b.json")]
    if not any(read_records(text, "ARRAY", "", 128, ()) for _, text in files):
        return
    with sized(sizes):
        found = kinds_of(files, engine, Limits(batch_records), most)
    assert found == expected(files)
