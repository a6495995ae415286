"""A dictionary as a table of text, and what is refused of it."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator

import pytest

from myd_grpc.dictionary import DictionaryError, Entry, decoded, entries_of
from myd_grpc.dictionary.table import LONGEST_TEXT, MOST_ENTRIES

HEADER = "within,path,title_ko,title_en,description_ko,description_en\n"
_LONGEST_CELL = 1 << 17
"""Characters that Python's reader of CSV takes, unless it is told otherwise."""


@pytest.fixture(autouse=True)
def longest_cell() -> Iterator[None]:
    """Have the reader of CSV be as it is in a server: frictionless tells it otherwise."""
    before = csv.field_size_limit(_LONGEST_CELL)
    yield
    csv.field_size_limit(before)


def test_columns_may_be_in_any_order_and_rows_be_blank() -> None:
    text = (
        "path,title_ko,within,description_en,title_en,description_ko\r\n"
        '\r\namt,금액,bank,,,"돈, 원"\r\n,,,,,\r\n x.no , 번호 ,,,Number,\r\n'
    )
    assert entries_of(text) == (
        Entry("bank", "amt", "금액", "", "돈, 원", ""),
        Entry("", "x.no", "번호", "Number", "", ""),
    )


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    assert entries_of(decoded(codecs.BOM_UTF8 + HEADER.encode())) == ()


def test_equal_paths_in_different_places_are_different() -> None:
    assert len(entries_of(HEADER + "a,x,,,,\nb,x,,,,\n,x,,,,\n,y,,,,\n")) == 4


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "line 1 lacks within, path, title_ko, title_en, description_ko, description_en: the"),
        ("path;title_ko\n", "line 1 lacks within, path"),
        (HEADER.replace("title_en", "title"), "line 1 lacks title_en: the first line must name"),
        (HEADER.replace("\n", ",more\n"), "line 1 has 7 columns"),
        (HEADER.replace("\n", ",path\n"), "line 1 has 7 columns"),
        (HEADER + ",a,,,,\n\n,b,x,\n", "line 4 has 4 cells instead of 6"),
        (HEADER + ",a,,,,,\n", "line 2 has 7 cells instead of 6"),
        (HEADER + ",,금액,,,\n", "line 2 has no path"),
        (HEADER + "a.b,c,,,,\n", "line 2: within is one name, without a dot"),
        (HEADER + ',a,"x\ny",,,\n', "line 2: title_ko holds a line break"),
        (HEADER + ",a,x\0y,,,\n", "line 2: title_ko holds a line break"),
        (HEADER + f",a,,,{'x' * (LONGEST_TEXT + 1)},\n", "description_ko has more than 1000 char"),
        (HEADER + ",a,,,,\nb,a,,,,\n,a,,,,\n", "line 4 has the path and within of line 2"),
        (HEADER + ',a,"x"y,,,\n', "line 2 is no CSV"),
        (HEADER + ',a,"x,,,\n,b,,,,\n', "line 2 is no CSV"),
        (HEADER + f',a,"{"x" * 200_000}",,,\n', "line 2 is no CSV"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, problem: str) -> None:
    with pytest.raises(DictionaryError, match=problem):
        entries_of(text)


def test_the_bounds_themselves_are_taken() -> None:
    rows = "".join(f",n{number},,,,\n" for number in range(MOST_ENTRIES))
    assert len(entries_of(HEADER + rows)) == MOST_ENTRIES
    with pytest.raises(DictionaryError, match=f"line {MOST_ENTRIES + 2}: .* 10000 entries"):
        entries_of(f"{HEADER}{rows},one more,,,,\n")
    assert entries_of(f"{HEADER},a,{'x' * LONGEST_TEXT},,,\n")


def test_another_encoding_is_told_with_its_line() -> None:
    with pytest.raises(DictionaryError, match=r"line 2 is not in UTF-8: .* CSV UTF-8"):
        decoded(f"{HEADER},amt,금액,,,\n".encode("cp949"))
    with pytest.raises(DictionaryError, match="line 1 is not in UTF-8"):
        decoded(HEADER.encode("utf-16"))
