"""Every rule of the shopping summary (docs/spec.md 5), one case a row."""

from __future__ import annotations

import json
import random
import unicodedata
from dataclasses import fields, replace
from functools import partial
from pathlib import Path

import pytest

from myd_grpc.convert.engines.available import ENGINES
from myd_grpc.convert.errors import ConversionError, Reason
from myd_grpc.convert.model import CipherKey, Limits
from myd_grpc.options import Layout, ReadOptions
from myd_grpc.sample import FIRST_USER, MAIN_PROPOSAL, generate
from myd_grpc.shopping import Query, Summary, UserNotFoundError, summarise
from tests.support import nasty

THIS_YEAR = 2026
EMPTY = Summary([], [], {}, 0, 0, 0, "")


def query(directory: Path, **changes: object) -> Query:
    asked = Query(
        *("u1", "p1", str(directory), "in.json", THIS_YEAR), section_names=frozenset({"orders"})
    )
    names = [one.name for one in fields(ReadOptions) if one.name in changes]
    options = ReadOptions(**{name: changes.pop(name) for name in names})  # type: ignore[arg-type]
    return replace(asked, options=options, **changes)  # type: ignore[arg-type]


def summary(directory: Path, document: object, **changes: object) -> Summary:
    text = document if isinstance(document, str) else json.dumps(document, ensure_ascii=False)
    (directory / "in.json").write_text(text)
    found = [summarise(query(directory, engine=name, **changes), None) for name in ENGINES]
    assert all(one == found[0] for one in found)
    return found[0]


def line(category: str = "식품", **members: object) -> dict[str, object]:
    return {"category1": category, **members}


NFD = unicodedata.normalize("NFD", "식품")
OWNERS = {
    "a keyed document's key is the owner": (
        {"u1": {"o": [line("A")]}, "u2": {"o": [line("B")]}},
        {},
        ["A"],
    ),
    "the key wins over an id within": (
        {"u1": {"id": "u2", "o": [line("A")]}, "u2": {"id": "u1", "o": [line("B")]}},
        {},
        ["A"],
    ),
    "where key and user_id disagree, the lines are nobody's": (
        {"u1": {"user_id": "u2", "o": [line("A")]}, "u2": {"user_id": "u1", "o": [line("B")]}},
        {},
        [],
    ),
    "user_id is the owner": (
        [{"user_id": "u1", "o": [line("A")]}, {"user_id": "u2", "o": [line("B")]}],
        {},
        ["A"],
    ),
    "user_id wins over id": (
        [{"id": "u2", "user_id": "u1", "o": [line("A")]}, {"id": "u1", "user_id": "u2"}],
        {},
        ["A"],
    ),
    "id is the owner where there is no user_id": (
        [{"id": "u1", "o": [line("A")]}, {"id": "u2", "o": [line("B")]}],
        {},
        ["A"],
    ),
    "a null user_id is no owner, and id is asked next": (
        [{"user_id": None, "id": "u1", "o": [line("A")]}, {"id": "u2", "o": [line("B")]}],
        {},
        ["A"],
    ),
    "an order line's own id is no user's": (
        [line("A", id="order-1"), line("B", id="order-2")],
        {},
        ["A", "B"],
    ),
    "an order line's user_id is its owner": (
        [line("A", id="order-1", user_id="u1"), line("B", id="order-2", user_id="u2")],
        {},
        ["A"],
    ),
    "the field asked for wins over id": (
        [{"member": "u1", "id": "u2", "o": [line("A")]}, {"member": "u2", "id": "u1"}],
        {"id_field": "member"},
        ["A"],
    ),
    "where the field asked for and user_id disagree, the lines are nobody's": (
        [
            {"member": "u1", "user_id": "u2", "o": [line("A")]},
            {"member": "u1", "user_id": "u1", "o": [line("B")]},
            {"member": "u2", "user_id": "u1", "o": [line("C")]},
        ],
        {"id_field": "member"},
        ["B"],
    ),
    "dots in the field asked for descend": (
        [{"a": {"no": "u1"}, "id": 1, "o": [line("A")]}, {"a": {"no": "u2"}, "o": [line("B")]}],
        {"id_field": "a.no"},
        ["A"],
    ),
    "a member with a dot in its name is the field asked for, too": (
        [{"a.no": "u1", "a": {"no": "u2"}, "o": [line("A")]}, {"a.no": "u2", "o": [line("B")]}],
        {"id_field": "a.no"},
        ["A"],
    ),
    "the first of the owner fields that a record has": (
        [
            {"customerId": "u2", "userId": "u1", "o": [line("A")]},
            {"userId": "u2", "customerId": "u1", "o": [line("B")]},
        ],
        {},
        ["A"],
    ),
    "owner fields are a setting": (
        [{"who": "u1", "user_id": "u2", "o": [line("A")]}, {"who": "u2", "user_id": "u1"}],
        {"owner_fields": ("who",)},
        ["A"],
    ),
    "a user_id in any form of Unicode": (
        [{"user_id": NFD, "o": [line("A")]}, {"user_id": "식물", "o": [line("B")]}],
        {"user_id": "식품"},
        ["A"],
    ),
    "also where the one asked for is taken apart": (
        [{"user_id": "식품", "o": [line("A")]}, {"user_id": "x"}],
        {"user_id": NFD},
        ["A"],
    ),
    "also beside a line": (
        [{"user_id": "식품", "o": [line("A", buyer={"user_id": NFD})]}],
        {"user_id": "식품"},
        ["A"],
    ),
    "a key in any form of Unicode": ({NFD: {"o": [line("A")]}}, {"user_id": "식품"}, ["A"]),
    "a member's name in any form of Unicode": (
        [{NFD: "u1", "o": [line("A")]}, {NFD: "u2", "o": [line("B")]}],
        {"id_field": "식품"},
        ["A"],
    ),
    "a blank owner is as good as none": (
        [{"user_id": "", "memberId": "u1", "o": [line("A")]}, {"user_id": " ", "id": "u2"}],
        {},
        ["A"],
    ),
    "where the field asked for is missing, user_id is": (
        [{"user_id": "u1", "o": [line("A")]}, {"member": "u2", "o": [line("B")]}],
        {"id_field": "member"},
        ["A"],
    ),
    "numbers and strings are compared as text": (
        [{"user_id": 7, "o": [line("A")]}, {"user_id": "7", "o": [line("B")]}, {"user_id": 7.0}],
        {"user_id": "7"},
        ["A", "B"],
    ),
    "a file without owners is the user's own": (
        [{"o": [line("A")]}, line("B"), 5, None, [line("C")]],
        {},
        ["A", "B", "C"],
    ),
    "records without an owner do not count once any record has one": (
        [line("A"), {"user_id": "u1", "o": [line("B")]}, line("C")],
        {},
        ["B"],
    ),
    "all records of the user count": (
        [{"user_id": "u1", "o": [line("A")]}, {"user_id": "u2"}, {"user_id": "u1", "x": line("B")}],
        {},
        ["A", "B"],
    ),
    "one document of sections is one record": (
        {"user_id": "u1", "orders": [line("A")]},
        {},
        ["A"],
    ),
    "users who have no key in common are told apart all the same": (
        {"u2": {"pays": [line("B")]}, "u1": {"orders": [line("A")]}, "u3": {"x": line("C")}},
        {},
        ["A"],
    ),
    "a user among lists by user has his own": (
        {"u1": [line("A")], "u2": [line("B")]},
        {},
        ["A"],
    ),
    "a document that names its owner has no users for keys": (
        {"user_id": "u1", "u1": [line("A")], "u2": [line("B")]},
        {},
        ["A", "B"],
    ),
    "records are found down a path": (
        {"meta": {"id": "x"}, "data": {"list": [{"user_id": "u1", "o": [line("A")]}]}},
        {"record_path": "data.list"},
        ["A"],
    ),
    "the layout can be given": (
        '{"user_id":"u1","o":{"category1":"A"}}\n{"user_id":"u2","o":{"category1":"B"}}',
        {"layout": Layout.LINES},
        ["A"],
    ),
}


@pytest.mark.parametrize(("document", "changes", "expected"), OWNERS.values(), ids=OWNERS)
def test_owner(
    tmp_path: Path, document: object, changes: dict[str, object], expected: list[str]
) -> None:
    assert list(summary(tmp_path, document, **changes).categories) == expected


@pytest.mark.parametrize(
    "document",
    [
        {"u2": {"o": line()}},
        [{"user_id": "u2"}],
        [line(), {"id": "u2"}],
        [{"id": "u10"}, {"id": "U1"}, {"id": " u1"}],
        # Records that have owners nobody can tell are not the one's who asks.
        [{"user_id": "", "o": [line()]}],
        [{"user_id": {"$oid": "u1"}, "o": [line()]}],
        # Nor are lines that all are others'.
        [line(buyer={"user_id": "u2"})],
        [{"o": [line(user_id="u2")]}, {"order": {"userId": "u2"}, "items": [line()]}],
        # Nor those that name nobody, where some are others'.
        [{"o": [line(), line(user_id="u2")]}],
    ],
)
def test_a_user_who_is_not_there(tmp_path: Path, document: object) -> None:
    with pytest.raises(UserNotFoundError):
        summary(tmp_path, document)


def test_a_user_without_orders_has_an_empty_summary(tmp_path: Path) -> None:
    assert summary(tmp_path, [{"user_id": "u1"}]) == replace(EMPTY, owner_field="user_id")
    assert summary(tmp_path, []) == EMPTY


LINES_OF_OTHERS = {
    "beside a line": (
        [{"user_id": "u1", "o": [line("A"), line("B", buyer={"userId": "u2"})]}],
        ["A"],
        (1, "user_id"),
    ),
    "around a line": (
        [{"user_id": "u1", "o": [{"member_id": "u2", "x": {"items": [line("A")]}}, line("B")]}],
        ["B"],
        (1, "user_id"),
    ),
    "beside an object around a line": (
        [{"user_id": "u1", "o": [{"order": {"user_id": "u2"}, "items": [line("A")]}, line("B")]}],
        ["B"],
        (1, "user_id"),
    ),
    "beside a record that is the user's": (
        [{"id": "u1", "buyer": {"user_id": "u2"}, "o": [line("A")]}],
        [],
        (1, "id"),
    ),
    "in a record that is a line": (
        [line("A", user_id="u1", buyer={"user_id": "u2"}), line("B", user_id="u1")],
        ["B"],
        (1, "user_id"),
    ),
    "of two beside a line, one is another": (
        [{"user_id": "u1", "o": [line("A", buyer={"user_id": "u1"}, seller={"user_id": "s"})]}],
        [],
        (1, "user_id"),
    ),
    "the nearest object that names one is what counts": (
        [{"user_id": "u1", "x": {"user_id": "u2", "o": [line("A", user_id="u1"), line("B")]}}],
        ["A"],
        (1, "user_id"),
    ),
    "a line that names the user in another's record is not his": (
        [{"user_id": "u2", "o": [line("A", user_id="u1")]}, {"user_id": "u1", "o": [line("B")]}],
        ["B"],
        (0, "user_id"),
    ),
    "a blank one is none": (
        [{"user_id": "u1", "o": [line("A", buyer={"user_id": ""}, memberId=None)]}],
        ["A"],
        (0, "user_id"),
    ),
    "in a list beside a line": (
        [{"user_id": "u1", "o": [line("A", buyers=[{"user_id": "u2"}]), line("B")]}],
        ["B"],
        (1, "user_id"),
    ),
    "farther in beside a line": (
        [{"user_id": "u1", "o": [{"buyer": {"x": {"userId": "u2"}}, "y": [line("A")]}, line("B")]}],
        ["B"],
        (1, "user_id"),
    ),
    "not in a list beside what names the user": (
        [{"user_id": "u1", "friends": [{"user_id": "u2"}], "o": [line("A")]}],
        ["A"],
        (0, "user_id"),
    ),
    "nor beside a record whose id is the user's": (
        [{"id": "u1", "friends": [{"user_id": "u2"}], "o": [line("A")]}],
        ["A"],
        (0, "id"),
    ),
    "lines of several in records without owners": (
        [
            line("A", buyer={"user_id": "u1"}),
            line("B", buyer={"user_id": "u2"}),
            {"order": {"userId": "u1"}, "items": [line("C")]},
            line("D"),
        ],
        ["A", "C"],
        (2, "buyer.user_id, order.userId"),
    ),
    "lines of the user alone in records without owners": (
        [line("A"), line("B", buyer={"user_id": "u1"})],
        ["A", "B"],
        (0, "buyer.user_id"),
    ),
    "the last of many owners beside a line": (
        [
            line("A") | {f"b{n}": {"userId": "u1"} for n in range(20)} | {"z": {"userId": "u2"}},
            line("B", buyer={"userId": "u1"}),
        ],
        ["B"],
        (1, "buyer.userId"),
    ),
    "users in an envelope that is not named as such": (
        {"orders": {"u2": {"o": [line("A")]}, "u1": {"o": [line("B"), line("C", userId="u2")]}}},
        ["B"],
        (2, "_record_id"),
    ),
    "users within a user's record": (
        {"user_id": "u1", "u2": [line("A")], "u1": [line("B")]},
        ["A", "B"],
        (0, "user_id"),
    ),
    "lines whose owner cannot be told, in records without owners": (
        [line("A", buyer={"user_id": [7]}), line("B", buyer={"user_id": "u1"})],
        ["B"],
        (1, "buyer.user_id"),
    ),
}


@pytest.mark.parametrize(
    ("document", "expected", "basis"), LINES_OF_OTHERS.values(), ids=LINES_OF_OTHERS
)
def test_lines_of_others_are_left_out(
    tmp_path: Path, document: object, expected: list[str], basis: tuple[int, str]
) -> None:
    found = summary(tmp_path, document)
    assert list(found.categories) == expected
    assert (found.order_lines, found.foreign_lines, found.owner_field) == (len(expected), *basis)


@pytest.mark.parametrize(
    "document",
    [
        {"orders": {"u2": [line()], "u1": []}},
        [{"x": [{"u1": {}, "o": line()}]}],
        [{"u1": {"age": 7}, "o": line()}],
    ],
)
def test_lines_beside_what_is_called_like_the_user_are_not_his(
    tmp_path: Path, document: object
) -> None:
    with pytest.raises(UserNotFoundError, match="others are named in them, around or beside them"):
        summary(tmp_path, document)


OWNER_FIELDS = {
    "the keys of the document": ({"u1": {"user_id": "u1"}, "u2": {}}, {}, "_record_id"),
    "the field asked for": ([{"a": {"b": "u1"}}], {"id_field": "a.b"}, "a.b"),
    "several, as they come": (
        [{"userId": "u2"}, {"id": "u1"}, {"id": "u3"}, {"member_id": "u1"}, {"userId": "u1"}],
        {},
        "userId, id, member_id",
    ),
    "none": ([{"o": [line()]}], {}, ""),
    "names as long as they like": (
        [line() | {"x" * 1000: {"user_id": "u1"}} | {f"b{n}": {"userId": "u1"} for n in range(20)}],
        {},
        "…, " + ", ".join(f"b{number}.userId" for number in range(7)),
    ),
}


@pytest.mark.parametrize(
    ("document", "changes", "expected"), OWNER_FIELDS.values(), ids=OWNER_FIELDS
)
def test_by_what_owners_were_told(
    tmp_path: Path, document: object, changes: dict[str, object], expected: str
) -> None:
    assert summary(tmp_path, document, **changes).owner_field == expected


MISSING = {
    "records": (
        [{"userId": "secret"}],
        {},
        "no record belongs to this user: the owner is named by userId; id_field",
    ),
    "the field asked for": ([{"no": 5}], {"id_field": "no"}, "the owner is named by no; id_field"),
    "keys": ({"secret": {}}, {}, "the keys of the document name the owners"),
    "lines": ([line(secret={"user_id": "u2"})], {}, "no order line belongs to this user"),
}


@pytest.mark.parametrize(("document", "changes", "expected"), MISSING.values(), ids=MISSING)
def test_a_missing_user_is_told_how_owners_are_found(
    tmp_path: Path, document: object, changes: dict[str, object], expected: str
) -> None:
    with pytest.raises(UserNotFoundError) as caught:
        summary(tmp_path, document, **changes)
    assert expected in caught.value.message
    assert "id_field" in caught.value.message
    assert "secret" not in caught.value.message


PROPOSALS = {
    "a line's own proposal": ([line("A", proposal_id="p1"), line("B", proposal_id="p2")], ["A"]),
    "the nearest object's proposal": (
        [
            {"proposal_id": "p1", "x": {"o": [line("A")]}},
            {"proposal_id": "p2", "x": {"o": [line("B")]}},
        ],
        ["A"],
    ),
    "the line's wins over the one around": (
        [{"proposal_id": "p2", "o": [line("A", proposal_id="p1"), line("B")]}],
        ["A"],
    ),
    "the nearer one around wins over the farther": (
        [{"proposal_id": "p1", "x": {"proposal_id": "p2", "o": [line("B")]}, "y": [line("A")]}],
        ["A"],
    ),
    "lines without any count": ([{"o": [line("A")]}], ["A"]),
    "a null proposal is none": ([{"proposal_id": "p1", "o": [line("A", proposal_id=None)]}], ["A"]),
    "a list between does not matter": ([{"proposal_id": "p2", "o": [[[line("B")]]]}], []),
    "a proposal beside a line is not around it": (
        [{"a": {"proposal_id": "p2"}, "o": line("A")}],
        ["A"],
    ),
}


@pytest.mark.parametrize(("document", "expected"), PROPOSALS.values(), ids=PROPOSALS)
def test_proposal(tmp_path: Path, document: object, expected: list[str]) -> None:
    assert list(summary(tmp_path, document).categories) == expected


def test_a_proposal_in_any_form_of_unicode(tmp_path: Path) -> None:
    document = [line("A", proposal_id=NFD), line("B", proposal_id="식물")]
    assert list(summary(tmp_path, document, proposal_id="식품").categories) == ["A"]


def test_a_numeric_proposal_is_compared_as_text(tmp_path: Path) -> None:
    found = summary(
        tmp_path, [line("A", proposal_id=12), line("B", proposal_id="13")], proposal_id="12"
    )
    assert list(found.categories) == ["A"]


CATEGORIES = {
    "two levels in two members": ([line("식품", category2="축산물")], {"식품": ["축산물"]}),
    "one level": ([line("식품")], {"식품": []}),
    "a path in category": ([{"category": "식품>축산물"}], {"식품": ["축산물"]}),
    "a path in wholeCategoryName": (
        [{"wholeCategoryName": "식품>축산물>한우"}],
        {"식품": ["축산물"]},
    ),
    "a path is trimmed": ([{"category": " 식품 > 축산물 > 한우"}], {"식품": ["축산물"]}),
    "a path of one level": ([{"category": "식품"}], {"식품": []}),
    "a slash is part of a name": (
        [{"category": "생활/건강>냉동/간편조리식품"}],
        {"생활/건강": ["냉동/간편조리식품"]},
    ),
    "category1 wins over a path": (
        [{"category": "A>B", "category1": "C", "category2": "D"}],
        {"C": ["D"]},
    ),
    "category2 alone is no category": ([{"category2": "D"}], {}),
    "a category that is no text is none": (
        [{"category": {"id": 5}}, {"category1": None}, {"category1": 5}, {"category": ["A>B"]}],
        {},
    ),
    "an object within a category is looked into": ([{"category": {"category1": "A"}}], {"A": []}),
    "second levels in order of first appearance, once": (
        [line("A", category2=second) for second in ("z", "y", "z", "x", "y")],
        {"A": ["z", "y", "x"]},
    ),
    "the same second level under two first ones": (
        [line("A", category2="x"), line("B", category2="x")],
        {"A": ["x"], "B": ["x"]},
    ),
    "labels are one in NFC": (
        [line(NFD, category2=NFD), line("식품", category2="식품")],
        {"식품": ["식품"]},
    ),
    "empty labels are left out": (
        [
            line("", category2="x"),
            line("A", category2=""),
            {"category": "> x"},
            {"category": "B>>y"},
        ],
        {"A": [], "B": []},
    ),
    "a line within a line counts too": (
        [line("A", items=[line("B")], more={"deep": [[{"x": line("C")}]]})],
        {"A": [], "B": [], "C": []},
    ),
    "document order, also in depth": (
        [{"x": {"y": [line("A")]}, "z": line("B")}, line("C")],
        {"A": [], "B": [], "C": []},
    ),
    "a repeated key keeps its first value": (
        '[{"category1":"A","category1":"B","category2":"x","category2":"y"}]',
        {"A": ["x"]},
    ),
}


@pytest.mark.parametrize(("document", "expected"), CATEGORIES.values(), ids=CATEGORIES)
def test_categories(tmp_path: Path, document: object, expected: dict[str, list[str]]) -> None:
    found = summary(tmp_path, document).categories
    assert found == expected
    assert list(found) == list(expected)


DATES = {
    "a number": ([line(date=20230105), line(date=1673857454), line(date=1690817400000)], "01 08"),
    "the first field that says something": (
        [line(order_date=" ", orderDate=None, paidAt="20230301", date="20230401")],
        "03",
    ),
    "none where the first field cannot be read": ([line(order_date="soon", date="20230401")], ""),
    "none where the first field is no text": (
        [line(order_date=True, date="20230401"), line(date={"date": "20230501"})],
        "",
    ),
    "the fields' order, not the members'": (
        [line(trans_dtime="20230101", date="20230201", order_date="20230301")],
        "03",
    ),
    "from the nearest object around that has one": (
        [{"date": "20230101", "x": {"orderDateTime": "20230201", "o": [line()]}}],
        "02",
    ),
    "from farther out when the nearer ones are not there": (
        [{"ordered_at": "20230101", "x": {"date": None, "o": [line(date=None)]}}],
        "01",
    ),
    "not from farther out when the nearer ones are blank": (
        [
            {
                "order_date": "20230101",
                "o": [line(date="", paidAt=None)],
                "x": {"date": " ", "y": line()},
            }
        ],
        "",
    ),
    "not from farther out when the nearer one cannot be read": (
        [{"ordered_at": "20230101", "x": {"date": "?", "o": [line()]}}],
        "",
    ),
    "its own before one around": ([{"order_date": "20230101", "o": [line(date="20230201")]}], "02"),
    "not from an object beside": ([{"x": {"date": "20230101"}, "o": line()}], ""),
}


@pytest.mark.parametrize(("document", "expected"), DATES.values(), ids=DATES)
def test_date_of_a_line(tmp_path: Path, document: object, expected: str) -> None:
    assert summary(tmp_path, document).months == expected.split()


@pytest.mark.parametrize(
    "field",
    [
        *("order_date", "orderDate", "orderDateTime", "ordered_at", "orderedAt"),
        *("payDateTime", "paidAt", "date", "trans_dtime"),
    ],
)
def test_date_field(tmp_path: Path, field: str) -> None:
    assert summary(tmp_path, [line(**{field: "20230105"})]).year_months == ["2023-01"]


def test_date_fields_are_a_setting(tmp_path: Path) -> None:
    document = [line(bought="20230105", date="20230205")]
    assert summary(tmp_path, document, date_fields=("bought",)).months == ["01"]


def test_months_are_distinct_and_in_order_of_time(tmp_path: Path) -> None:
    dates = ["20230501", "20220601", "20221231", "20220615", "20230101", "20230601"]
    found = summary(tmp_path, [line(date=date) for date in dates])
    assert found.year_months == ["2022-06", "2022-12", "2023-01", "2023-05", "2023-06"]
    assert found.months == ["06", "12", "01", "05"]


def test_a_line_without_a_date_counts_for_its_category(tmp_path: Path) -> None:
    found = summary(tmp_path, [line("A"), line("B", date="soon"), line("A", date="20230101")])
    assert found == Summary(["01"], ["2023-01"], {"A": [], "B": []}, 3, 2, 0, "")


def test_a_line_with_an_empty_category_counts_for_its_month(tmp_path: Path) -> None:
    assert summary(tmp_path, [line("", date="20230105")]).months == ["01"]


FAILURES = {
    "[{]": (Reason.INVALID_JSON, "in.json: record 1: invalid JSON at byte 2"),
    '{"u1":{},"u2":{"a":NaN}}': (Reason.INVALID_JSON, "record 2: invalid JSON at byte 19"),
    "": (Reason.INVALID_JSON, "no JSON value"),
}


@pytest.mark.parametrize(("text", "expected"), FAILURES.items())
def test_a_malformed_file(tmp_path: Path, text: str, expected: tuple[Reason, str]) -> None:
    with pytest.raises(ConversionError) as caught:
        summary(tmp_path, text)
    assert caught.value.reason is expected[0]
    assert expected[1] in caught.value.message


def test_a_summary_that_no_caller_could_take(tmp_path: Path) -> None:
    lines = [line(f"{number}") for number in range(150_000)]
    with pytest.raises(ConversionError) as caught:
        summary(tmp_path, lines)
    assert caught.value.reason is Reason.LIMIT_EXCEEDED
    assert caught.value.message == "in.json: the summary would have more than 2 MiB of categories"


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConversionError) as caught:
        summarise(query(tmp_path, file_name="none.json"), None)
    assert caught.value.reason is Reason.FILE_NOT_FOUND


def test_the_sample_data_plain_and_encrypted(tmp_path: Path) -> None:
    plain = generate(tmp_path / "plain", 500_000, 7, encrypt=False)
    secret = generate(tmp_path / "secret", 500_000, 7, encrypt=True)
    assert secret.key_hex
    assert secret.iv_hex
    key = CipherKey(bytes.fromhex(secret.key_hex), bytes.fromhex(secret.iv_hex))
    found = [
        summarise(Query(FIRST_USER, MAIN_PROPOSAL, str(path.parent), path.name, THIS_YEAR), k)
        for path, k in ((plain.paths[0], None), (secret.paths[0], key))
    ]
    assert found[0] == found[1]
    assert found[0].months == "06 07 08 09 10 11 12 01 02 03 04 05".split()
    assert {"건강식품", "축산물", "냉동/간편조리식품"} <= set(found[0].categories["식품"])


# ---------------------------------------------------------------------------------------------
# Records that are not parsed change nothing

USERS = ("u1", "7", "한", "a\\b", "\ufffd", "", "value")
# Each is one of the users to a reader of JSON, or looks like one.
SPELLINGS = (
    *('"u1"', r'"\u00751"', r'"u\u0031"', '"U1"', '"u10"', r'"\\u00751"', '"u1', '"7"', "7", "7.0"),
    *(
        '"한"',
        r'"\ud55c"',
        r'"a\\b"',
        r'"a\b"',
        r'"\ud800"',
        r'"\u0000"',
        '""',
        "null",
        "[7]",
        "07",
    ),
)


def random_record(rng: random.Random) -> str:
    if rng.random() < 0.2:
        return nasty.random_document(rng, "SINGLE", 10).decode()
    members = [f'"{rng.choice("ab")}":{rng.choice(SPELLINGS[:4])}']
    names = [name for name in ("user_id", "id", "a", "date") if rng.random() < 0.3]
    members += [f'"{name}":{rng.choice(SPELLINGS)}' for name in names]
    if rng.random() < 0.5:
        number = rng.randrange(9)
        members.append(f'"o":[{{"category1":"c{number}","date":"2023010{number}","id":7}}]')
    rng.shuffle(members)
    return f"{{{','.join(members)}}}"


def random_file(rng: random.Random, layout: Layout) -> bytes:
    records = [random_record(rng) for _ in range(rng.choice((1, 3, 12)))]
    if layout is Layout.KEYED:
        records = [f"{rng.choice(SPELLINGS[:4])}:{record}" for record in records]
    opener, separator, closer = {
        Layout.ARRAY: ("[", ",", "]"),
        Layout.KEYED: ("{", ",", "}"),
        Layout.LINES: ("", "\n", ""),
        Layout.SINGLE: ("", "", ""),
    }[layout]
    document = (opener + separator.join(records) + closer).encode()
    return nasty.random_broken(rng, document) if rng.random() < 0.3 else document


def outcome(asked: Query) -> object:
    try:
        found = summarise(asked, None)
    except ConversionError as error:
        return error.reason, error.message
    except UserNotFoundError:
        return "no such user"
    return found, [list(found.categories)]


@pytest.mark.parametrize("seed", range(2))
def test_records_of_others_are_looked_over_as_strictly(tmp_path: Path, seed: int) -> None:
    seen = set()
    for number in range(500):
        rng = random.Random(f"{seed}/{number}")
        layout = rng.choice(list(Layout)[1:])
        document = random_file(rng, layout)
        (tmp_path / "in.json").write_bytes(document)
        ask = partial(
            query,
            tmp_path,
            user_id=rng.choice(USERS),
            layout=layout,
            id_field=rng.choice(("", "a")),
            limits=Limits(rng.choice((1, 3, 1000)), max_depth=rng.choice((3, 4, 128))),
        )
        plain = outcome(ask(engine="python"))
        for threads in (1, 3):
            assert outcome(ask(engine="auto", threads=threads)) == plain, document
        seen.add(plain[0] if isinstance(plain, tuple) and isinstance(plain[0], Reason) else "fine")
    assert seen == {"fine", Reason.INVALID_JSON, Reason.LIMIT_EXCEEDED}


def test_escapes_name_the_user_too(tmp_path: Path) -> None:
    text = (
        r'[{"id":1},{"user_id":"\u00751","o":{"category1":"A"}},{"id":"u2","o":{"category1":"B"}}]'
    )
    assert list(summary(tmp_path, text).categories) == ["A"]
