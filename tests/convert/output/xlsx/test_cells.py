"""The cells of a workbook are those of the rows, whatever is in them."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myd_grpc.convert.dialect import MARKED
from myd_grpc.convert.output.xlsx.workbooks import Workbooks
from tests.support.converting import native
from tests.support.finished_rows import finished_rows, finished_table
from tests.support.oracle_xlsx import MOST_UNITS, Number, expected, sheets

pytestmark = native

TEXTS = (
    "",
    " ",
    " two  blanks ",
    "홍길동",
    "\u1112\u1161\u11ab",
    "007",
    "0",
    "true",
    "1234567890123456",
    "012345678901234567890123456789",
    "1e5",
    "2023-01-02",
    "=1+1",
    '=HYPERLINK("http://x","y")',
    "+82-10-1234-5678",
    "-1",
    "@SUM(A1)",
    "'quoted'",
    'a "quote"',
    "a,b",
    "<b>&amp;</b>]]>",
    "line\nline",
    "line\r\nline\r",
    "\ttab\t",
    "\x00\x01\x08\x0b\x0c\x0e\x1f\x7f\x85",
    "\ufffd\ufffe\uffff\U0001fffe",
    "\U0001f600 \U0001f468\u200d\U0001f469",
    "_x000D_",
    "_x0041_x0042_",
    "_x000D\r",
    "_xFFFF\uffff",
    "__x005f_",
    "_record_id",
)
NUMBERS = (
    "0",
    "-0",
    "0.00",
    "-0.0",
    "0e0",
    "7",
    "-7",
    "10",
    "1000.50",
    "-0.001",
    "123456789012345",
    "-123456789012345",
    "1234567890123456",
    "100000000000000",
    "1000000000000000",
    "12345678901234567890123456789.0",
    "0.123456789012345",
    "0.1234567890123456",
    "0.000000000000000123456789012345",
    "0.0000000000000001234567890123456",
    "1.00000000000000",
    "1.000000000000000",
    "1e5",
    "1.5E-7",
    "0.10000",
    "9007199254740993",
)
WORDS = ("true", "false", "null", "[]", '["a",1,null]')


def check(columns: Mapping[str, Sequence[str]]) -> None:
    """Makes a workbook of these cells, which are JSON text, and compares it."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        table = finished_table(directory, columns, MARKED, rows_per_part=7)
        made = Workbooks().make(directory, finished_rows(MARKED, table), lambda _: None)
        (found,) = sheets(directory / "out.xlsx").values()
    told = [list(map(expected, cells)) for cells in columns.values()]
    width = len(columns)
    assert found[0] == list(columns)
    rows = [row + [None] * (width - len(row)) for row in found[1:]]
    assert rows == list(map(list, zip(*told, strict=True)))
    cut = {
        (0, number): sum(
            one[0] == '"' and json.loads(one) != expected(one) for one in columns[column]
        )
        for number, column in enumerate(columns)
    }
    assert made.cut == {place: cells for place, cells in cut.items() if cells}


def text(*texts: str) -> list[str]:
    return list(map(json.dumps, texts))


def test_nasty_values_are_there_as_they_are() -> None:
    cells = [*text(*TEXTS), *NUMBERS, *WORDS]
    # Each in each of two columns, and beside each kind of neighbour.
    check({"a": cells, "b": [*cells[1:], cells[0]]})
    check({"a": cells})


def test_a_number_is_one_only_if_it_is_shown_as_written() -> None:
    numbers = [text for text in NUMBERS if isinstance(expected(text), Number)]
    assert numbers == [
        "0",
        "0.00",
        "7",
        "-7",
        "10",
        "1000.50",
        "-0.001",
        "123456789012345",
        "-123456789012345",
        "100000000000000",
        "0.123456789012345",
        "0.000000000000000123456789012345",
        "1.00000000000000",
        "0.10000",
    ]


@pytest.mark.parametrize(
    "piece", ["x", "한", '"', "\n", "\r", "_x0041_", "\U0001f600", "x\U0001f600"]
)
@pytest.mark.parametrize("more", [-1, 0, 1, 7000])
def test_long_text_is_cut_between_characters(piece: str, more: int) -> None:
    long = (piece * MOST_UNITS)[: MOST_UNITS + more]
    check({"a": text(long, "a", long), "b": [*text("b"), "null", *text(long)]})


def test_names_of_columns_are_text() -> None:
    names = [
        "_record_id",
        "_row_id",
        "1",
        "true",
        "=a",
        "a,b",
        'a"b',
        "a\nb",
        "한글",
        "_x0041_",
        "_",
    ]
    check({name: text("x") for name in names})


def test_rows_longer_than_what_is_read_at_once() -> None:
    long = "가나다\n" * 100_000
    check({"a": text(long, "x", "y"), "b": ["1", *text(long, "z")]})


def test_a_table_without_rows_has_a_header() -> None:
    check({"_record_id": [], "_row_id": []})


PIECES = st.sampled_from(
    ["_", "x", "_x0041", "_x000d_", "\r", "\n", '"', '""', ",", "\uffff", "=", "한"]
)
TEXT = st.lists(PIECES | st.text(max_size=3), max_size=8).map("".join)
NUMBER = st.from_regex(r"\A-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,32})?([eE][+-]?[0-9]{1,3})?\Z")
CELL = TEXT.map(json.dumps) | st.sampled_from([*text(*TEXTS), *WORDS]) | NUMBER


@st.composite
def tables(draw: st.DrawFn) -> dict[str, list[str]]:
    names = draw(st.lists(TEXT.filter(bool), min_size=1, max_size=5, unique=True))
    rows = draw(st.integers(0, 20))
    return {name: draw(st.lists(CELL, min_size=rows, max_size=rows)) for name in names}


@settings(deadline=None)
@given(tables())
def test_random_rows_are_there_as_they_are(columns: dict[str, list[str]]) -> None:
    check(columns)
