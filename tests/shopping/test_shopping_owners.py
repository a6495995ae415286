"""Files in which others are named, or may be, in unusual places: none of their lines count."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from myd_grpc.convert.engines.available import ENGINES
from myd_grpc.options import ReadOptions
from myd_grpc.shopping import Query, Summary, UserNotFoundError
from myd_grpc.shopping.summary import summarise

THIS_YEAR = 2026


def summary(directory: Path, document: object, user: str = "u1", id_field: str = "") -> Summary:
    """Fails with UserNotFoundError in both engines, or agrees in both."""
    text = document if isinstance(document, str) else json.dumps(document)
    (directory / "in.json").write_text(text)
    found: list[Summary | str] = []
    for engine in ENGINES:
        query = Query(
            *(user, "p1", str(directory), "in.json", THIS_YEAR),
            ReadOptions(id_field=id_field),
            engine=engine,
        )
        try:
            found.append(summarise(query, None))
        except UserNotFoundError as error:
            found.append(error.message)
    assert all(one == found[0] for one in found)
    if isinstance(found[0], str):
        raise UserNotFoundError(found[0])
    return found[0]


def line(category: str = "식품", **members: object) -> dict[str, object]:
    return {"category1": category, **members}


def two(**members: object) -> dict[str, object]:
    return {"u1": {"orders": [line()]}, "u2": {"orders": [line()]}, **members}


NOT_FOUND: dict[str, tuple[object, str]] = {
    "not among lists by person": ({"u1": [line()], "u3": [line()]}, "u2"),
    "not among people in an envelope": ({"data": two()}, "u3"),
    "not among people who have nothing in common": (
        {"u1": {"orders": [line()]}, "u2": {"purchases": [line()]}},
        "u3",
    ),
    "not among people beside a count": ({"count": 2, **two()}, "u3"),
    "not the only one with shopping": ({"data": {"u1": [line()], "u2": []}}, "u3"),
    "among people who are called otherwise": ({"data": {"a@b.kr": [line()], "x": []}}, "u3"),
    "among people with words for names": ({"data": {"kim": [line()], "lee": [line()]}}, "park"),
    "among people with Korean names": ({"data": {"김": [line()], "이": [line()]}}, "박"),
    "beside people in a list of orders": ({"orders": two()}, "u3"),
    "null among people in an envelope": ({"data": two(u3=None)}, "u3"),
    "another in a record that has nothing": ([{"profile": {"user_id": "u2"}}, {"o": line()}], "u1"),
    "another in lines of text": (
        '{"profile":{"user_id":"u2"}}\n{"orders":[{"category1":"A"}]}',
        "u1",
    ),
    "another deep in a profile": (
        {"data": {"profile": {"basic": {"user_id": "u2"}}, "orders": [line()]}},
        "u1",
    ),
    "another in a header": (
        {"header": {"auth": {"userId": "u2"}}, "body": {"orders": [line()]}},
        "u1",
    ),
    "another in a list": ({"users": [{"userId": "u2"}], "orders": [line()]}, "u1"),
    "another in a record that is a list": ([[{"user_id": "u2"}], [line()]], "u1"),
    "another that cannot be read": ([{"x": {"y": {"user_id": ["u1"]}}}, {"o": line()}], "u1"),
    "another by id in an envelope": ({"data": [{"id": "u2", "orders": [line()]}]}, "u1"),
    "another by id in lists": ([[{"id": "u2", "orders": [line()]}]], "u1"),
}


@pytest.mark.parametrize(("document", "user"), NOT_FOUND.values(), ids=NOT_FOUND)
def test_the_shopping_of_others_is_not_the_users(
    tmp_path: Path, document: object, user: str
) -> None:
    with pytest.raises(UserNotFoundError):
        summary(tmp_path, document, user)


@pytest.mark.parametrize("nothing", [None, "", 0, False, "none", {}, []])
@pytest.mark.parametrize("first", [False, True])
def test_a_user_who_is_there_without_anything(tmp_path: Path, nothing: object, first: bool) -> None:
    others = {"u1": {"orders": [line("A")]}, "u3": {"orders": [line("B")]}}
    document = {"u2": nothing, **others} if first else {**others, "u2": nothing}
    found = summary(tmp_path, document, "u2")
    assert (found.order_lines, found.owner_field) == (0, "_record_id")
    with pytest.raises(UserNotFoundError):
        summary(tmp_path, {"data": document}, "u2")


LEFT_OUT: dict[str, tuple[object, str, list[str], int]] = {
    "another is named in a line by the field asked for": (
        [
            {"member_no": "u1", "o": [line("A", member_no="u1"), line("B", member_no="u2")]},
            {"member_no": "u2", "o": [line("C")]},
        ],
        "member_no",
        ["A"],
        1,
    ),
    "or beside lines": (
        [{"member_no": "u1", "o": [{"buyer": {"member_no": "u2"}, "x": [line("B")]}, line("A")]}],
        "member_no",
        ["A"],
        1,
    ),
    "or around them": (
        [{"member_no": "u1", "o": [{"member_no": "u2", "x": [line("B")]}, line("A")]}],
        "member_no",
        ["A"],
        1,
    ),
    "or down a path": (
        [{"cust": {"no": "u1"}, "o": [{"cust": {"no": "u2"}, "x": [line("B")]}, line("A")]}],
        "cust.no",
        ["A"],
        1,
    ),
    "or in an envelope that is one record": (
        {
            "header": {},
            "body": {"list": [{"no1": "u1", "o": [line("A")]}, {"no1": "u2", "o": [line("B")]}]},
        },
        "no1",
        ["A"],
        1,
    ),
    "an order's own id is nobody's": (
        [{"id": "u1", "o": [line("A", id="o1"), {"id": 7, "x": [line("B", id=8)]}]}],
        "id",
        ["A", "B"],
        0,
    ),
    "an owner that cannot be read": (
        [
            {
                "user_id": "u1",
                "o": [
                    line("B", user_id=["u2"]),
                    line("C", user_id={"no": "u2"}),
                    line("D", user_id=True),
                    line("E", user_id=["u1"], memberId="u1"),
                    line("A", user_id=None, memberId=" "),
                ],
            }
        ],
        "",
        ["A"],
        4,
    ),
    "another by id in an envelope": (
        {"data": [{"id": "u1", "o": [line("A")]}, {"id": "u2", "o": [line("B")]}]},
        "",
        ["A"],
        1,
    ),
    "another by id in lists": (
        [[{"id": "u1", "o": [line("A")]}], [{"id": "u2", "o": [line("B")]}]],
        "",
        ["A"],
        1,
    ),
    "others' records are graded": (
        [
            {"id": "u1", "category": "VIP", "o": [line("A")]},
            {"id": "u2", "category": "GOLD", "o": [line("B")]},
        ],
        "",
        ["VIP", "A"],
        2,
    ),
    "a person within what another names": (
        {"header": {"userId": "u1"}, "body": {"u1": [line("A")], "u2": [line("B")]}},
        "",
        ["A"],
        1,
    ),
}


@pytest.mark.parametrize(
    ("document", "id_field", "expected", "foreign"), LEFT_OUT.values(), ids=LEFT_OUT
)
def test_lines_of_others_are_left_out(
    tmp_path: Path, document: object, id_field: str, expected: list[str], foreign: int
) -> None:
    found = summary(tmp_path, document, id_field=id_field)
    assert (list(found.categories), found.foreign_lines) == (expected, foreign)


@pytest.mark.parametrize("id_field", ["custno", "id", "header"])
def test_a_field_that_is_nowhere_lets_nothing_count(tmp_path: Path, id_field: str) -> None:
    document = {"body": {"list": [{"custNo": "u1", "o": [line()]}, {"custNo": "u2"}]}}
    with pytest.raises(UserNotFoundError, match=r"id_field names.*record_path"):
        summary(tmp_path, document, id_field=id_field)


OWN: dict[str, object] = {
    "lists of a shop": {"orders": [line("A")], "purchases": [line("B")]},
    "lists in an envelope": {"data": {"orderList": [line("A")], "주문 내역": [line("B")]}},
    "lists with other names": {"online": [line("A")], "offline": [line("B")]},
    "lists with numbers": {"orders_2022": [line("A")], "orders_2023": [line("B")]},
    "lists by month": {"data": {"2022-06": [line("A")], "2022-07": [line("B")]}},
    "lists by day": {"result": {"20220630": [line("A")], "2022. 7. 1.": [line("B")]}},
    "lists by year": {"2022": [line("A")], "2023년": [line("B")]},
    "lists by page": {"page1": [line("A")], "page2": [line("B")]},
    "pages by number": {"data": {"1": [line("A")], "2": [line("B")]}},
    "sections of operators": {"data": {"card": {"x": line("A")}, "efin-002": {"x": line("B")}}},
    "orders by number": {"orders": {"20220630-0017": line("A"), "20220701-0003": line("B")}},
    "orders that have an id": {"orders": [{"id": "o1", "items": [line("A"), line("B", id="o2")]}]},
    "orders in a list that have an id": {
        "data": {"order_list": {"x": [{"id": "o1", "x": [line("A"), line("B")]}]}}
    },
    "orders with a category and an id": [line("A", id="2022-7", x=[line("B")])],
    "records of orders": [{"orders": [line("A")]}, {"orders": [line("B")]}],
    "the user's profile": [
        {"profile": {"basic": {"user_id": "u1"}}},
        {"o": [line("A"), line("B")]},
    ],
    "the user's header": {"header": {"userId": "u1"}, "body": {"x": [line("A")], "y": [line("B")]}},
    "the user's record, whatever keys are in it": [
        {"user_id": "u1", "orders": {"u7": line("A"), "u8": line("B")}}
    ],
    "the user's record, whatever ids are in it": [
        {
            "user_id": "u1",
            "orders": [{"id": "u7", "items": [line("A")]}, {"id": "u8", "x": line("B")}],
        }
    ],
    "the user's key": {"u1": {"a1": [line("A")], "a2": [line("B")]}, "u2": {}},
}


@pytest.mark.parametrize("document", OWN.values(), ids=OWN)
def test_what_is_plainly_the_users_own_counts(tmp_path: Path, document: object) -> None:
    found = summary(tmp_path, document)
    assert (list(found.categories), found.foreign_lines) == (["A", "B"], 0)


def test_a_proposal_that_cannot_be_read_is_not_the_one_asked_for(tmp_path: Path) -> None:
    ids: tuple[object, ...] = (True, {"id": "p1"}, ["p1"], None, "p1")
    lines = [line(str(number), proposal_id=one) for number, one in enumerate(ids)]
    assert list(summary(tmp_path, [{"user_id": "u1", "o": lines}]).categories) == ["3", "4"]


# ---------------------------------------------------------------------------------------------
# Files of several people, whose lines say whose they are

PEOPLE = ("u1", "u2", "u30")
FIELDS = ("user_id", "userId", "userid", "member_id", "memberId", "customer_id", "customerId")

Wrap = Callable[[random.Random, str, str, list[Any]], Any]
"""Orders as somebody's who is named in it, by an owner field."""

WRAPS: dict[str, Wrap] = {
    "directly": lambda _, field, who, orders: {field: who, "orders": orders},
    "beside": lambda _, field, who, orders: {"buyer": {field: who}, "orders": orders},
    "in lines": lambda _, field, who, orders: {"list": [{**one, field: who} for one in orders]},
    "beside lines": lambda _, field, who, orders: {
        "list": [{**one, "order": {field: who}} for one in orders]
    },
    "around lines": lambda _, field, who, orders: {
        "list": [{"detail": {field: who, "items": [one]}} for one in orders]
    },
    "by id": lambda _, __, who, orders: {"id": who, "orders": orders},
}
UNSURE: dict[str, Wrap] = {
    "in a list": lambda _, field, who, orders: {"buyers": [{field: who}], "items": orders},
    "farther in": lambda _, field, who, orders: {"buyer": {"x": {field: who}}, "items": orders},
    "unreadable": lambda _, field, who, orders: {field: {"no": who}, "items": orders},
}


def keyed(rng: random.Random, parts: list[tuple[str, Any]]) -> Any:
    """By person, with somebody who has nothing."""
    members = dict(parts) | {"u99": rng.choice((None, [], {}, 0))}
    return members if rng.random() < 0.5 else {"data": members}


def listed(rng: random.Random, parts: list[tuple[str, Any]]) -> Any:
    values = [value for _, value in parts]
    forms: tuple[Any, ...] = (
        values,
        {"data": values},
        {"header": {"code": 0}, "body": {"list": values}},
        [[value] for value in values],
        {"result": {"page1": values[:1], "page2": values[1:]}},
    )
    return rng.choice(forms)


@pytest.mark.one_in(10)
@pytest.mark.parametrize("seed", range(300))
def test_no_line_of_another_ever_counts(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    field = rng.choice((*FIELDS, "custNo"))
    by_key = rng.random() < 0.4
    wraps = WRAPS | UNSURE if rng.random() < 0.5 else WRAPS
    parts = []
    for who in rng.sample(PEOPLE, len(PEOPLE)):
        orders = [line(f"{who}/{number}") for number in range(rng.choice((1, 3)))]
        wrap = rng.choice([*wraps.values()])
        plain = by_key and rng.random() < 0.7
        value = rng.choice((orders, {"orders": orders})) if plain else wrap(rng, field, who, orders)
        parts.append((who, value))
    document = keyed(rng, parts) if by_key else listed(rng, parts)
    for user in (*PEOPLE, "u4", "u99", "stranger"):
        try:
            found = summary(tmp_path, document, user, "custNo" if field == "custNo" else "")
        except UserNotFoundError:
            continue
        assert all(one.startswith(f"{user}/") for one in found.categories), document


@pytest.mark.parametrize("seed", range(60))
def test_one_users_file_keeps_all_his_lines(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    field = rng.choice(FIELDS)
    wrap = rng.choice([wrap for name, wrap in WRAPS.items() if name != "by id"])
    parts = [
        ("u1", wrap(rng, field, "u1", [line(f"{number}", id=number)]))
        for number in range(rng.choice((1, 2, 5)))
    ]
    found = summary(tmp_path, listed(rng, parts))
    assert (found.order_lines, found.foreign_lines) == (len(parts), 0)
