"""Every rule of whose order lines are (docs/spec.md 5.1), one case a row."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest

from myd_grpc.options import Layout
from myd_grpc.shopping import UserNotFoundError
from tests.support.summarising import EMPTY, line, summary

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
