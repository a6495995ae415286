"""Texts of columns that are kept: what was told of once is not looked up again, and stays right."""

from __future__ import annotations

from itertools import repeat

from myd_grpc.convert.package.column_texts import Book
from myd_grpc.convert.package.column_types import FieldType
from myd_grpc.dictionary import Dictionary, Entry, load
from myd_grpc.options import Profile


class Counted(Dictionary):
    """The built-in dictionary, which counts how often it is asked."""

    def __init__(self) -> None:
        super().__init__(*load()._layers)
        self.asked = 0

    def find(self, table: str, column: str, *, may_link: bool = True) -> Entry | None:
        self.asked += 1
        return super().find(table, column, may_link=may_link)


def test_a_table_that_was_told_of_is_not_looked_up_again() -> None:
    dictionary = Counted()
    book = Book(dictionary, Profile.EXCEL)
    columns = ("_row_id", "bank.org_code", "amt")
    types = (FieldType.STRING, FieldType.STRING, FieldType.NUMBER)
    first = book.table(".list", columns, types, 1)
    assert dictionary.asked == 3
    assert book.table(".list", columns, types, 1) is first
    assert dictionary.asked == 3


def test_the_texts_of_columns_are_kept_where_a_table_has_a_further_one() -> None:
    book = Book(load(), Profile.EXCEL)
    types = (FieldType.STRING,) * 3
    first = book.table("", ("_row_id", "amt"), types[:2], 1)
    more = book.table("", ("_row_id", "new", "amt"), types, 1)
    assert more.fields[0] is first.fields[0]
    assert more.fields[2] is first.fields[1]
    assert more == Book(load(), Profile.EXCEL).table("", ("_row_id", "new", "amt"), types, 1)


def test_tables_that_are_told_of_alike_have_the_same_texts() -> None:
    book, columns = Book(load(), Profile.EXCEL), ("_row_id", "amt")
    types = (FieldType.STRING,) * 2
    assert book.table(".list_1", columns, types, 1) is book.table(".list_2", columns, types, 1)
    other = book.table(".card.approval_list", columns, types, 1)
    assert other == Book(load(), Profile.EXCEL).table(".card.approval_list", columns, types, 1)


def test_all_that_columns_may_differ_in_is_told() -> None:
    book, columns = Book(load(), Profile.DATABASE), ("_row_id",)
    told = [
        book.table(place, columns, (found,), links)
        for place in ("", ".a")
        for found in FieldType
        for links in (0, 1)
    ]
    assert len({(*one.fields, *one.rows) for one in told}) == len(FieldType) * 2
    assert b'"constraints":{"required":true}' in told[1].fields[0]
    assert b"constraints" not in told[0].fields[0]


def test_what_is_kept_is_bounded_and_told_of_again() -> None:
    dictionary = Counted()
    book = Book(dictionary, Profile.DATABASE)
    short = ("a",), (FieldType.STRING,)
    first = book.table("", *short, 0)
    for number in range(80):
        columns = tuple(f"{number}.{n}.{'x' * 200}" for n in range(200))
        wide = book.table("", columns, tuple(repeat(FieldType.STRING, len(columns))), 0)
        assert len(wide.rows) == 200
    asked = dictionary.asked
    assert book.table("", *short, 0) == first
    assert dictionary.asked == asked + 1
