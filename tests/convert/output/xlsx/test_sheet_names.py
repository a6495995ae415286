"""Sheets are called as Excel takes it, each by a name of its own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myd_grpc.convert.output.xlsx.sheet_names import LONGEST, SheetNames


def claimed(*wanted: str) -> list[str]:
    names = SheetNames()
    return [names.claim(name) for name in wanted]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (["accounts", "거래 내역", "a.b", "1"], ["accounts", "거래 내역", "a.b", "1"]),
        (["a[b]:c*d?e/f\\g"], ["a_b__c_d_e_f_g"]),
        (["'a'b'", "''"], ["_a'b_", "__"]),
        (["a\x00b\nc\x85\ufffe"], ["a_b_c__"]),
        (["A", "a", "\uff21", "a (2)", "a"], ["A", "a (2)", "\uff21 (3)", "a (2) (2)", "a (4)"]),
        (["ß", "SS", "ss"], ["ß", "SS (2)", "ss (3)"]),
        (["\ud55c", "\u1112\u1161\u11ab"], ["\ud55c", "\u1112\u1161\u11ab (2)"]),
        (["History", "history"], ["History (2)", "history (3)"]),
        (["_x0041_", "_row_id", "[x0041]"], ["-x0041_", "_row_id", "-x0041_ (2)"]),
        (["x" * 31, "x" * 32], ["x" * 31, "…" + "x" * 30]),
        (["set." + "account_list." * 3 + "trans_list"], ["…t_list.account_list.trans_list"]),
        (["😀" * 16, "a" + "😀" * 15], ["…" + "😀" * 15, "a" + "😀" * 15]),
    ],
)
def test_names_are_as_excel_takes_them(wanted: list[str], expected: list[str]) -> None:
    assert claimed(*wanted) == expected


def test_long_names_that_end_alike_are_told_apart() -> None:
    ends = claimed(*(f"{number}{'한' * 40}" for number in range(1000)))
    assert ends[:2] == ["…" + "한" * 30, "…" + "한" * 26 + " (2)"]
    assert ends[-1] == "…" + "한" * 23 + " (1000)"
    assert len(set(ends)) == 1000


LETTERS = st.sampled_from(
    [*"aAbB[]:*?/\\'_x0041 ()2", "한", "😀", "ß", "\uff21", "…", "\x00", "\u0130"]
)


@given(st.lists(st.lists(LETTERS, min_size=1, max_size=40).map("".join), max_size=20))
def test_random_names(wanted: list[str]) -> None:
    names = claimed(*wanted, "History")
    for name in names:
        assert 0 < len(name.encode("utf-16-le")) // 2 <= LONGEST
        assert not set(name) & set("[]:*?/\\\x00")
        assert name.strip("'") == name
    assert len({name.casefold() for name in names} | {"history"}) == len(wanted) + 2
