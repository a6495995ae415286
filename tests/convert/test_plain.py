"""Marked rows, and the rows that are made of them: every byte is the oracle's, of both engines."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from myd_grpc.convert.dialect import Dialect
from myd_grpc.convert.model import Limits
from myd_grpc.convert.plain import PlainRows
from myd_grpc.options import Layout, Profile
from tests.support import nasty, oracle
from tests.support.converting import Sizes, converted, each_engine, sized
from tests.support.row_files import marked_files, plain_files

pytestmark = each_engine

THOROUGH = settings(deadline=None, suppress_health_check=list(HealthCheck))
PROFILES = tuple(Profile)
LIMITS = Limits(3, 7)
layouts = st.sampled_from([Layout.ARRAY, Layout.KEYED, Layout.LINES, Layout.SINGLE])
small_sizes = st.builds(
    Sizes,
    held_bytes=st.sampled_from([0, 100]),
    many=st.sampled_from([0, 40, 8 << 20]),
    long_bytes=st.sampled_from([0, 30, 1 << 20]),
    long_piece=st.sampled_from([1, 9, 64 << 10]),
    long_row=st.sampled_from([0, 40, 8 << 20]),
    row_piece=st.sampled_from([0, 20, 1 << 20]),
)

EDGES = (
    '""',
    '"1"',
    "1",
    '"true"',
    "true",
    "false",
    "null",
    "-0",
    "1e5",
    '"a,b"',
    r'"\""',
    r'"\"\""',
    r'"a\"b\","',
    r'"\n"',
    r'"\r\n,"',
    r'"\t\\"',
    '"한글"',
    '"한,글"',
    "[]",
    "[1]",
    '["1",true,null]',
    r'["\"\\,\n"]',
    *(f'"{"x" * length}{end}"' for length in range(28, 100, 3) for end in ("", ",", r"\"", "한")),
)


def expected(document: bytes, layout: Layout, profile: oracle.Profile) -> dict[str, bytes]:
    files = [("in.json", document)]
    name, parts = "out", LIMITS.rows_per_part
    return oracle.convert(
        files, name=name, merge=True, profile=profile, layout=layout.value, max_csv_row=parts
    )


def assert_as_expected(document: bytes, layout: Layout, engine: str) -> None:
    made = marked_files(document, layout, engine, LIMITS)
    assert made == expected(document, layout, "MARKED")
    for profile in PROFILES:
        dialect = Dialect.of(profile)
        made = plain_files(document, layout, engine, LIMITS, PlainRows(dialect), dialect)
        assert made == expected(document, layout, profile.value)


@THOROUGH
@given(data=st.data(), layout=layouts, sizes=small_sizes)
def test_documents_of_every_layout(
    engine: str, data: st.DataObject, layout: Layout, sizes: Sizes
) -> None:
    document = data.draw(nasty.documents(layout.value))
    with sized(sizes):
        assert_as_expected(document, layout, engine)


@pytest.mark.parametrize("seed", [1, *(pytest.param(n, marks=pytest.mark.soak) for n in (2, 3))])
def test_random_documents(engine: str, seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(50):
        layout = Layout(rng.choice(nasty.LAYOUTS))
        sizes = Sizes(long_row=rng.choice([0, 40, 8 << 20]), row_piece=rng.choice([0, 20, 1 << 20]))
        with sized(sizes):
            assert_as_expected(nasty.random_document(rng, layout.value), layout, engine)


def test_values_of_every_kind_beside_each_other(engine: str) -> None:
    rng = random.Random(1)
    for _ in range(10):
        values = rng.choices(EDGES, k=len(EDGES))
        row = ",".join(f'"{n}":{value}' for n, value in enumerate(values))
        document = f'[{{"id":{values[0]},"l":[{{{row}}},{values[1]}],{row}}}]'
        assert_as_expected(document.encode(), Layout.ARRAY, engine)


def test_ids_are_marked_if_they_are_texts(engine: str) -> None:
    document = b'[{"id":"1","l":[{"a":1}]},{"id":1,"l":[{"a":"1"}]},{"l":[{"a":true}]}]'
    files = marked_files(document, Layout.ARRAY, engine, Limits())
    assert files["out_1.csv"].decode().splitlines() == [
        '"_record_id","_row_id","id"',
        '"1","f1r1","1"',
        '1,"f1r2",1',
        ',"f1r3",',
    ]
    assert files["out.l_1.csv"].decode().splitlines() == [
        '"_record_id","_row_id","_parent_row_id","a"',
        '"1","f1r1.1","f1r1",1',
        '1,"f1r2.1","f1r2","1"',
        ',"f1r3.1","f1r3",true',
    ]


@pytest.mark.parametrize("text", ["x", "한,", r"\"\n\\"])
def test_huge_cells(engine: str, text: str) -> None:
    huge = text * ((5 << 20) // len(text))
    document = f'[{{"id":"{huge}","a":["{huge}"],"b":1}},{{"c":"{text}"}}]'.encode()
    [marked] = marked_files(document, Layout.ARRAY, engine, LIMITS).values()
    first, second = json.loads(document)
    texts = [first["id"], "f1r1", first["id"], json.dumps(first["a"], ensure_ascii=False)]
    assert marked.decode().split("\n", 1)[1] == (
        f"{','.join(map(quoted, texts))},1,\n,{quoted('f1r2')},,,,{quoted(second['c'])}\n"
    )
    for profile in PROFILES:
        dialect = Dialect.of(profile)
        made = plain_files(document, Layout.ARRAY, engine, LIMITS, PlainRows(dialect), dialect)
        assert made == converted([("in.json", document)], engine=engine, csv_profile=profile)


def quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
