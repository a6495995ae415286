"""Entries found by a column's path."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myd_grpc.convert.schema import MAP_LINKS
from myd_grpc.dictionary import LINK_COLUMNS, Dictionary, Entry, load
from myd_grpc.dictionary.lookup import layer_of

NAMES = st.sampled_from(["amt", "Amt", "org", "list", "a", "b", "a~2"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map(".".join)
WITHIN = st.sampled_from(["", "list", "org"])


def entry(path: str, within: str = "", title: str = "") -> Entry:
    return Entry(within, path, title or f"{within}:{path}", "", "", "")


def made(*layers: Iterable[Entry]) -> Dictionary:
    return Dictionary(*map(layer_of, layers))


def found(dictionary: Dictionary, table: str, column: str) -> str | None:
    one = dictionary.find(table, column)
    return one.title_ko if one else None


@pytest.mark.parametrize(
    ("table", "column"),
    [("out", "org"), ("out.acc", "bank.org"), ("org", "x.org"), ("out~2.acc~3", "bank~2.org~12")],
)
def test_a_column_is_found_by_its_last_name(table: str, column: str) -> None:
    assert found(made([entry("org")]), table, column) == ":org"


@pytest.mark.parametrize(("table", "column"), [("out", "organ"), ("org", "a"), ("out", "org~x")])
def test_no_other_column_is_found(table: str, column: str) -> None:
    assert found(made([entry("org")]), table, column) is None


def test_the_longest_path_counts() -> None:
    paths = ["amt", "trans_list.amt", "bank.trans_list.amt", "card.trans_list.amt"]
    dictionary = made(map(entry, paths))
    assert found(dictionary, "out.bank.trans_list", "amt") == ":bank.trans_list.amt"
    assert found(dictionary, "out.bank", "trans_list.amt") == ":bank.trans_list.amt"
    assert found(dictionary, "out.invest.trans_list", "amt") == ":trans_list.amt"
    assert found(dictionary, "out.invest.list", "amt") == ":amt"


def test_of_equal_paths_that_of_the_nearest_place_counts() -> None:
    dictionary = made([entry("amt"), entry("amt", "bank"), entry("amt", "loan")])
    assert found(dictionary, "out.bank.list.loan.x", "amt") == "loan:amt"
    assert found(dictionary, "out.loan.x", "bank.amt") == "bank:amt"
    assert found(dictionary, "bank", "amt") == "bank:amt"
    assert found(dictionary, "out.efin", "amt") == ":amt"
    assert found(dictionary, "out", "amt.bank") is None


def test_a_longer_path_counts_before_a_place() -> None:
    dictionary = made([entry("amt", "bank"), entry("list.amt")])
    assert found(dictionary, "out.bank.list", "amt") == ":list.amt"


@pytest.mark.parametrize("name", ["orderDate", "OrderDate", "ORDER_DATE", "order-date"])
def test_spellings_of_a_name_are_one(name: str) -> None:
    assert found(made([entry("order_date")]), "out", name) == ":order_date"
    assert found(made([entry(name)]), "out", "order_date") == f":{name}"


def test_names_that_differ_in_spelling_alone_are_told_apart() -> None:
    dictionary = made([entry("orderNo"), entry("order_no")])
    assert found(dictionary, "out", "orderNo") == ":orderNo"
    assert found(dictionary, "out", "order_no") == ":order_no"
    assert found(dictionary, "out", "ORDER_NO") is None, "which one is meant?"


def test_an_underscore_in_front_counts() -> None:
    dictionary = made([entry("_id")])
    assert found(dictionary, "out", "_id") == ":_id"
    assert found(dictionary, "out", "id") is None


def test_names_are_found_in_either_form_of_unicode() -> None:
    name = unicodedata.normalize("NFD", "거래금액")
    assert found(made([entry("거래금액")]), "out", name) == ":거래금액"
    assert found(made([entry(name, title="x")]), "out", "거래금액") == "x"


def test_a_member_is_never_taken_for_a_link_column() -> None:
    assert set(MAP_LINKS) == LINK_COLUMNS
    dictionary = made([entry("_row_id"), entry("_key"), entry("value")])
    assert found(dictionary, "out.list", "_row_id") == ":_row_id"
    for column in ("_row_id~2", "a._row_id", "_rowId"):
        assert found(dictionary, "out.list", column) is None
    assert dictionary.find("out.list", "_key") == entry("_key")
    assert dictionary.find("out.list", "_key", may_link=False) is None


def test_a_layer_counts_before_those_after_it() -> None:
    dictionary = made([entry("amt", title="own")], [entry("bank.amt"), entry("no")])
    assert found(dictionary, "out.bank", "amt") == "own"
    assert found(dictionary, "out.bank", "no") == ":no"


def test_a_table_is_found_as_a_column_of_its_parent() -> None:
    dictionary = made([entry("trans_list", "bank"), entry("trans_list", "card")])
    assert found(dictionary, "out.bank.account_list", "trans_list") == "bank:trans_list"


@pytest.mark.parametrize(
    ("root", "path"),
    [
        ("결과.a", ".bank.list"),
        ("결과.bank", ".list"),
        ("BANK", ""),
        ("amt.x", ".list"),
        ("", ".a"),
    ],
)
def test_entries_are_found_at_the_place_of_a_table(root: str, path: str) -> None:
    entries = [entry("amt"), entry("amt", "bank"), entry("list.amt", "bank"), entry("b_ank.amt")]
    for dictionary in (
        made(entries),
        made([*entries, entry("x..amt")]),
        made([entry("x")], entries),
    ):
        place = dictionary.place_of(root) + path
        assert found(dictionary, place, "amt") == found(dictionary, root + path, "amt")


def test_a_place_is_that_of_sets_with_any_name_that_no_entry_knows() -> None:
    dictionary = made([entry("list.amt", "bank")])
    assert dictionary.place_of("out") == dictionary.place_of("결과.2")
    for known in ("Bank", "x.LIST", "amt~2"):
        assert dictionary.place_of(known) == known


@given(st.lists(st.tuples(PATHS, WITHIN), max_size=5), st.lists(st.tuples(PATHS, PATHS)))
def test_names_that_no_entry_tells_of_are_all_alike(
    told: list[tuple[str, str]], columns: list[tuple[str, str]]
) -> None:
    entries = [entry(path, within) for path, within in dict.fromkeys(told)]
    # With an entry for the empty name, each name is looked for as it is.
    plain = made([*entries, entry("")])
    dictionary = made(entries)
    for table, column in columns:
        assert found(dictionary, table, column) == found(plain, table, column)


def test_the_same_text_is_the_same_dictionary() -> None:
    header = "path,within,title_ko,title_en,description_ko,description_en"
    assert load(f"{header}\n") is load(f"{header}\n")
    assert load() is load("")
