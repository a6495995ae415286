"""Which columns, tables and links stay (docs/spec.md 11.1, 11.2), by example."""

from __future__ import annotations

from typing import Unpack

import pytest

from myd_grpc.options import Profile
from tests.support.choosing import by_each, masking, tables_by
from tests.support.converting import Settings
from tests.support.oracle_lines import Tables

pytestmark = by_each

BANK = """[
    {"id": "u1", "name": "홍길동", "bank": {"org": "01", "acc": [
        {"no": "001", "tr": [{"a": 1, "memo": ""}, {"a": 2}]}
    ]}},
    {"id": "u2", "late": null}
]"""
WHOLE = {
    "out_1.csv": [
        "_record_id,_row_id,id,name,bank.org,late",
        "u1,f1r1,u1,홍길동,01,",
        "u2,f1r2,u2,,,",
    ],
    "out.bank.acc_1.csv": ["_record_id,_row_id,_parent_row_id,no", "u1,f1r1.1,f1r1,001"],
    "out.bank.acc.tr_1.csv": [
        "_record_id,_row_id,_parent_row_id,a,memo",
        'u1,f1r1.1.1,f1r1.1,1,""',
        "u1,f1r1.1.2,f1r1.1,2,",
    ],
}


def chosen(maker: str, text: str = BANK, **settings: Unpack[Settings]) -> Tables:
    return tables_by(maker, text, settings)


def columns(maker: str, text: str, **settings: Unpack[Settings]) -> list[str]:
    """The columns of the root table but for links; none where it is left out."""
    lines = chosen(maker, text, **settings).get("out_1.csv")
    return lines[0].split(",")[2:] if lines else []


def test_nothing_asked_is_everything(maker: str) -> None:
    assert chosen(maker) == WHOLE
    assert chosen(maker, include=("**",)) == WHOLE


def test_a_column_is_named_by_its_table_and_itself(maker: str) -> None:
    assert chosen(maker, include=("name", "bank.acc.tr.a")) == {
        "out_1.csv": ["_record_id,_row_id,name", "u1,f1r1,홍길동", "u2,f1r2,"],
        "out.bank.acc.tr_1.csv": [
            "_record_id,_row_id,_parent_row_id,a",
            "u1,f1r1.1.1,f1r1.1,1",
            "u1,f1r1.1.2,f1r1.1,2",
        ],
    }


def test_what_is_excluded_goes_though_it_is_included(maker: str) -> None:
    assert chosen(maker, include=("bank.**",), exclude=("**.memo", "bank.org")) == {
        "out.bank.acc_1.csv": WHOLE["out.bank.acc_1.csv"],
        "out.bank.acc.tr_1.csv": [
            "_record_id,_row_id,_parent_row_id,a",
            "u1,f1r1.1.1,f1r1.1,1",
            "u1,f1r1.1.2,f1r1.1,2",
        ],
    }


def test_a_table_without_columns_is_left_out_but_not_its_children(maker: str) -> None:
    left = dict(WHOLE)
    del left["out.bank.acc_1.csv"]
    assert chosen(maker, exclude=("bank.acc.no",)) == left
    assert chosen(maker, exclude=("bank.acc.*",)) == left
    assert chosen(maker, exclude=("**",)) == {}
    assert chosen(maker, '[{"a":1,"l":[{}]}]', exclude=("b",)) == {
        "out_1.csv": ["_record_id,_row_id,a", ",f1r1,1"]
    }


def test_rows_without_a_column_that_stays_are_rows_still(maker: str) -> None:
    assert chosen(maker, include=("late",)) == {
        "out_1.csv": ["_record_id,_row_id,late", "u1,f1r1,", "u2,f1r2,"]
    }


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("a", ["a"]),
        ("*", ["a", "ab", "AB", "~"]),
        ("a*", ["a", "ab"]),
        ("*b", ["ab"]),
        ("*a*", ["a", "ab"]),
        ("***", ["a", "ab", "AB", "~"]),
        ("**", ["a", "ab", "AB", "~", "a.b", "a.b.c", "x.a.b"]),
        ("**.b", ["a.b", "x.a.b"]),
        ("**.ab", ["ab"]),
        ("a.**", ["a", "a.b", "a.b.c"]),
        ("a.*", ["a.b"]),
        ("a.**.c", ["a.b.c"]),
        ("a.**.b", ["a.b"]),
        ("a.**.**.b.**", ["a.b", "a.b.c"]),
        ("**.a.**", ["a", "a.b", "a.b.c", "x.a.b"]),
        ("*.*", ["a.b"]),
        ("*.*.*", ["a.b.c", "x.a.b"]),
        ("a.b*", ["a.b"]),
        ("a.*b.c", ["a.b.c"]),
        ("a*c", []),
        ("a.", []),
        (".a", []),
        ("b", []),
        ("[a]", []),
        ("a?", []),
        ("", []),
    ],
)
def test_patterns_match_whole_paths(maker: str, pattern: str, found: list[str]) -> None:
    document = '[{"a":1,"ab":2,"AB":3,"~":4,"a.b":5,"a":{"b":{"c":6}},"x":{"a":{"b":7}}}]'
    # The second `a` is another path, and has a name of its own.
    document = document.replace('"a":{"b":{"c":6}}', '"a.b.c":6')
    assert columns(maker, document, include=(pattern,)) == found
    everything = columns(maker, document)
    assert columns(maker, document, exclude=(pattern,)) == [
        name for name in everything if name not in found
    ]


def test_paths_are_compared_in_nfc(maker: str) -> None:
    composed, apart = "\ud55c\uae00", "\u1112\u1161\u11ab\u1100\u1173\u11af"
    for name in (composed, apart):
        for pattern in (composed, apart, f"*{apart[3:]}"):
            assert columns(maker, f'[{{"{name}":1,"b":2}}]', include=(pattern,)) == [name]


def test_a_text_in_a_name_is_of_whole_characters_of_nfc(maker: str) -> None:
    """An initial consonant that was composed is none any longer."""
    assert columns(maker, '[{"\u1112\u1161\u11ab":1,"b":2}]', include=("\u1112*", "b")) == ["b"]


def test_names_order_and_row_ids_are_as_without_a_choice(maker: str) -> None:
    document = '[{"a":{"b":1},"a.b":2,"b":[{"x":1}],"l":{"m":[{"c":1}]},"l.m":[{"c":2}]}]'
    assert chosen(maker, document, include=("a.b~2", "l.m~2.c")) == {
        "out_1.csv": ["_record_id,_row_id,a.b~2", ",f1r1,2"],
        "out.l.m~2_1.csv": ["_record_id,_row_id,_parent_row_id,c", ",f1r1.1,f1r1,2"],
    }
    folded = '[{"a":[{"x":1}],"A":[{"x":2}]}]'
    assert list(chosen(maker, folded, include=("A.x",))) == ["out.A~2_1.csv"]


def test_a_column_in_the_last_record_is_chosen_too(maker: str) -> None:
    assert chosen(maker, '[{"a":1},{"b":2}]', exclude=("a",)) == {
        "out_1.csv": ["_record_id,_row_id,b", ",f1r1,", ",f1r2,2"]
    }


def test_links_stay_unless_a_pattern_names_them(maker: str) -> None:
    links = "_record_id,_row_id,_parent_row_id"
    for exclude, left in (
        ("**", ""),
        ("bank.acc.*", ""),
        ("*.acc.*_id", f"{links},no"),
        ("bank.acc._record_id", "_row_id,_parent_row_id,no"),
        ("bank.**._row_id", "_record_id,_parent_row_id,no"),
        ("**._parent_row_id", "_record_id,_row_id,no"),
        ("_record_id", f"{links},no"),
        ("**.no", ""),
    ):
        found = chosen(maker, exclude=(exclude,))
        assert found.get("out.bank.acc_1.csv", [""])[0] == left
    assert chosen(maker, '[{"id":1}]', exclude=("**._record_id", "**._row_id")) == {
        "out_1.csv": ["id", "1"]
    }
    assert columns(maker, '[{"id":1,"b":2}]', include=("b", "_row_id")) == ["b"]


@pytest.mark.parametrize("profile", list(Profile))
def test_rows_may_have_no_cells_at_first(maker: str, profile: Profile) -> None:
    """No links, and columns that come later."""
    found = chosen(
        maker, '[{},{"a":1},{},{"b":2}]', exclude=("_record_id", "_row_id"), csv_profile=profile
    )
    lines = [line.strip("\ufeff\r") for line in found["out_1.csv"]]
    assert lines == ["a,b", ",", "1,", ",", ",2"]
    found = chosen(maker, '[{},{"a":1}]', exclude=("_*", "_record_id", "_row_id"))
    assert found["out_1.csv"] == ["a", "", "1"]


def test_a_column_named_as_a_link_is_no_link(maker: str) -> None:
    document = '[{"_row_id":1,"a":2,"l":[{"_key":3}]}]'
    assert chosen(maker, document, exclude=("_row_id~2", "l._key"), maps=("nothing",)) == {
        "out_1.csv": ["_record_id,_row_id,a", ",f1r1,2"]
    }


def test_the_names_of_tables_hold_the_path_though_the_set_has_dots(maker: str) -> None:
    found = chosen(maker, '[{"a":[{"b":1,"c":2}]}]', name="x.y", include=("a.b",))
    assert found == {"x.y.a_1.csv": ["_record_id,_row_id,_parent_row_id,b", ",f1r1.1,f1r1,1"]}


def test_a_set_of_nothing(maker: str) -> None:
    assert chosen(maker, "[]") == {"out_1.csv": ["_record_id,_row_id"]}
    assert chosen(maker, "[]", exclude=("a",)) == {}
    assert chosen(maker, "[]", masking=masking(("**", "REMOVE"))) == {"out_1.csv": ["_row_id"]}
