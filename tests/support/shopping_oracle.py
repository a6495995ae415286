"""A slow and simple second reading of the rules for shopping summaries.

It takes records as `oracle.read_records` gives them, and looks every question up from the start for
every order line. When a date is, the caller has to know: `months` has the month of each text that
is one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from tests.support.oracle_json import List, Number, Object, String, Value, Word
from tests.support.oracle_records import DEFAULT_SECTION_NAMES, Record

OWNER_FIELDS = "user_id userId userid member_id memberId customer_id customerId".split()
DATE_FIELDS = (
    "order_date orderDate orderDateTime ordered_at orderedAt payDateTime paidAt date trans_dtime"
).split()

NOT_OF_ORDERS = "id _id no num number seq key code name".split()
"""Looked for in records alone: orders have such members of their own."""
ORDERS = """
    order orders orderlist orderhistory orderlines productorder productorders productorderlist
    purchase purchases purchaselist purchasehistory pay pays payment payments paymentlist
    transaction transactions translist product products productlist goods goodslist
    item items itemlist line lines delivery deliveries deliverygroup deliverygrouplist cart carts
    주문 주문내역 주문목록 구매 구매내역 구매목록 결제 결제내역 상품 상품목록
""".split()
LISTS = """
    shopping shoppinglist history histories list lists page pages record records row rows
    content contents entries 쇼핑 쇼핑내역 내역 목록
""".split()

Chain = list[Object]
"""An object and all that are around it, the innermost first."""

NOBODY = object()
"""An owner is named with a blank text."""
ANOTHER = object()
"""An owner is named, and not so that he could be told from another; or is known to be another."""


class NoSuchUserError(Exception):
    """Nothing in the file is the user's."""


@dataclass
class Summary:
    """See the API; categories in order of first appearance."""

    year_months: list[str]
    categories: list[tuple[str, list[str]]]
    order_lines: int
    undated_lines: int
    foreign_lines: int
    owner_field: str


def summarise(
    records: list[Record],
    user_id: str,
    proposal_id: str,
    id_field: str,
    months: Mapping[str, str | None],
) -> Summary:
    """The summary, or NoSuchUserError."""
    user = nfc(user_id)
    owners = [record_owner(record, id_field) for record in records]
    named = [field for field, _ in filter(None, owners)]
    if named:
        own = [r for r, owner in zip(records, owners, strict=True) if owner and owner[1] == user]
        if not own:
            raise NoSuchUserError
        fields = named[:1] + [field for field, text in filter(None, owners) if text == user]
        lines = [chain for record in own for chain in order_lines(record.value)]
        told = [told_around(line, user, id_field, owned=True) for line in lines]
        counted = [
            line
            for line, owners in zip(lines, told, strict=True)
            if {owner for _, owner in owners} <= {user, NOBODY}
        ]
    else:
        lines = [chain for record in records for chain in order_lines(record.value)]
        told = [told_around(line, user, id_field, owned=False) for line in lines]
        whom = [{owner for _, owner in owners} for owners in told]
        mine = [line for line, owners in zip(lines, whom, strict=True) if owners == {user}]
        fields = [
            field
            for owners, texts in zip(told, whom, strict=True)
            if texts == {user}
            for field, _ in owners
        ]
        values = [record.value for record in records]
        elsewhere = any(names_another(value, user, id_field) for value in values)
        others = elsewhere or any(texts - {user} for texts in whom)
        lost = bool(id_field) and not any(has_asked(value, id_field) for value in values)
        if not mine and (others or (lost and lines)):
            raise NoSuchUserError
        doubtful = others or lost or {"_record_id", "id"} & set(fields)
        counted = mine if doubtful else lines
    foreign = len(lines) - len(counted)
    counted = [line for line in counted if proposal(line) in (NOBODY, nfc(proposal_id))]
    times = [month_of(line, months) for line in counted]
    return Summary(
        sorted({month for month in times if month}),
        categories([category(line[0]) or ("", "") for line in counted]),
        len(counted),
        times.count(None),
        foreign,
        ", ".join(dict.fromkeys(fields)),
    )


def users_of(document: Record, user_id: str, id_field: str) -> list[Record]:
    """The one record of a document, or its members as in a KEYED one, where one is the user's."""
    value = document.value
    if not isinstance(value, Object) or record_owner(document, id_field) is not None:
        return [document]
    if nfc(user_id) not in [nfc(key) for key, _ in value.members]:
        return [document]
    return [Record(inner, key) for key, inner in value.members]


def nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def member(value: Value, name: str) -> Value:
    """The first member of that name; null where there is none."""
    if isinstance(value, Object):
        for key, inner in value.members:
            if nfc(key.replace("\0", "\ufffd")) == name:
                return inner
    return Word("null")


def is_null(value: Value) -> bool:
    return isinstance(value, Word) and value.text == "null"


def text(value: Value) -> str | None:
    """The text of a string or number."""
    if isinstance(value, String | Number):
        return nfc(value.text.replace("\0", "\ufffd"))
    return None


# ---------------------------------------------------------------------------------------------
# Owners


def record_owner(record: Record, id_field: str) -> tuple[str, object] | None:
    if record.key is not None:
        return "_record_id", nfc(record.key)
    if not isinstance(record.value, Object):
        return None
    values = [(field, member(record.value, field)) for field in OWNER_FIELDS]
    if id_field:
        values.insert(0, (id_field, down(record.value, id_field)))
    if category(record.value) is None:
        values.append(("id", member(record.value, "id")))
    return first_owner(values)


def first_owner(values: list[tuple[str, Value]]) -> tuple[str, object] | None:
    there = [(field, value) for field, value in values if not is_null(value)]
    for field, value in there:
        if (text(value) or "").strip():
            return field, text(value)
    return (there[0][0], NOBODY) if there else None


def down(value: Value, path: str) -> Value:
    """The member of that name; or else the one of the rest of it in the one of its first part."""
    whole = member(value, path)
    if is_null(whole) and "." in path:
        first, rest = path.split(".", 1)
        return down(member(value, first), rest)
    return whole


def told_around(line: Chain, user: str, id_field: str, *, owned: bool) -> list[tuple[str, object]]:
    """The owners that the nearest object tells which tells any; blank ones where none does."""
    blank: list[tuple[str, object]] = []
    inner: Object | None = None
    for place, around in zip(line, [*line[1:], None], strict=True):
        named = named_in(place, user, id_field)
        texts = [one for one in named if one[1] is not NOBODY]
        if texts:
            return texts
        blank = blank or named
        if inner is not None and user in [nfc(name) for name, _ in place.members]:
            return [("_record_id", user if user in keys_of(inner, place) else ANOTHER)]
        if (around is not None or not owned) and names_another_beside(place, user, id_field):
            return [("", ANOTHER)]
        if not owned:
            names = keys_of(place, around) if around else []
            if inner is not None and people(list(filter(None, holding(place))), names, user):
                return [("", ANOTHER)]
            if id_names(line[line.index(place) :], user):
                return [("id", text(member(place, "id")))]
        inner = place
    return blank


def id_names(places: Chain, user: str) -> bool:
    """Whether the `id` of the first may be the one of whom the lines in it are."""
    place = places[0]
    one = text(member(place, "id"))
    if one is None or not holding(place):
        return False
    if one == user:
        return True
    names = [name for inner, outer in pairwise(places) for name in keys_of(inner, outer)]
    order = category(place) is not None and form(one) != form(user)
    return not order and not any(map(is_orders, names))


def keys_of(inner: Object, outer: Object) -> list[str]:
    """The name of the member of the outer object in which the inner one is."""
    return [nfc(name) for name, value in outer.members if holds(value, inner)]


def holds(value: Value, inner: Object) -> bool:
    """Whether it is that object, or a list of it."""
    if isinstance(value, List):
        return any(holds(item, inner) for item in value.items)
    return value is inner


def holding(place: Object) -> list[str]:
    """The members that hold order lines."""
    return [nfc(name) for name, value in place.members if any(order_lines(value))]


def names_another_beside(place: Object, user: str, id_field: str) -> bool:
    return any(
        names_another(value, user, id_field)
        for name, value in place.members
        if nfc(name) not in holding(place)
    )


def objects_in(value: Value) -> Iterator[Object]:
    if isinstance(value, Object):
        yield value
    inside = [inner for _, inner in value.members] if isinstance(value, Object) else []
    for inner in value.items if isinstance(value, List) else inside:
        yield from objects_in(inner)


def names_another(value: Value, user: str, id_field: str) -> bool:
    """Whether any object in it does, of its own."""
    found = [one for inner in objects_in(value) for one in named_directly(inner, id_field)]
    return any(owner not in (user, NOBODY) for _, owner in found)


def has_asked(value: Value, id_field: str) -> bool:
    return id_field not in NOT_OF_ORDERS and any(
        not is_null(down(inner, id_field)) for inner in objects_in(value)
    )


def named_in(value: Object, user: str, id_field: str) -> list[tuple[str, object]]:
    """Whom it names itself, or in member objects: the user not in one that has lines itself."""
    found = named_directly(value, id_field)
    for name in dict.fromkeys(nfc(key) for key, _ in value.members):
        inner = named_directly(member(value, name), id_field)
        found += [
            (f"{name}.{field}", owner)
            for field, owner in inner
            if owner != user or name not in holding(value)
        ]
    return found


def named_directly(value: Value, id_field: str) -> list[tuple[str, object]]:
    asked = [(id_field, down(value, id_field))] if id_field not in ["", *NOT_OF_ORDERS] else []
    fields = [(field, member(value, field)) for field in OWNER_FIELDS]
    odd = [
        (field, ANOTHER)
        for field, one in asked + fields
        if not is_null(one) and not isinstance(one, String | Number)
    ]
    return [*filter(None, [first_owner(asked), first_owner(fields)]), *odd]


# ---------------------------------------------------------------------------------------------
# Names that may be people's


def people(keys: Collection[str], called: list[str], user: str) -> bool:
    """Whether these members of an object that is called so may be people's."""
    left = [key for key in keys if not is_part(key)]
    alike = [key for key in left if form(key) == form(user)]
    if len(alike) > 1 or any(map(is_id, alike)):
        return True
    return not any(map(is_orders, called)) and any(is_id(key) and not is_date(key) for key in left)


def is_part(key: str) -> bool:
    if key in DEFAULT_SECTION_NAMES or plain(key) in LISTS + ORDERS:
        return True
    return plain(key) in DEFAULT_SECTION_NAMES - {"user", "profile"}


def is_orders(name: str) -> bool:
    return plain(name) in ORDERS


def plain(name: str) -> str:
    return "".join(
        c for c in nfc(name).casefold() if c not in "-_" and not c.isspace() and not c.isdecimal()
    )


def is_id(key: str) -> bool:
    return any(c == "@" or c.isdecimal() for c in key)


def is_date(key: str) -> bool:
    """Two digits at most, or a year with a month or a quarter and a day."""
    if re.fullmatch("[0-9]{1,2}월?", key):
        return True
    rest = re.fullmatch(r"(?:19|20)[0-9]{2}(.*)", key.lower(), re.DOTALL)
    month = r"\s*[-./_년]?\s*([01]?[0-9]|q[1-4])"
    day = r"\s*[-./_월]?\s*[0-3]?[0-9]"
    end = r"\s*[년월일.]?"
    forms = (end, month + end, month + day + end)
    return rest is not None and any(re.fullmatch(one, rest[1], re.ASCII) for one in forms)


def form(text: str) -> list[str]:
    """What kinds of characters follow each other; signs stand for themselves."""
    kinds = [kind(c) for c in text]
    runs = ("digit", "latin", "letter")
    return [k for n, k in enumerate(kinds) if n == 0 or k != kinds[n - 1] or k not in runs]


def kind(c: str) -> str:
    if c.isdecimal():
        return "digit"
    if re.fullmatch("[A-Za-z]", c):
        return "latin"
    return "letter" if re.fullmatch(r"[^\W_]", c) else c


# ---------------------------------------------------------------------------------------------
# Order lines


def order_lines(value: Value, around: Chain | None = None) -> Iterator[Chain]:
    """Every object with a category, in document order."""
    if isinstance(value, List):
        for item in value.items:
            yield from order_lines(item, around)
    if isinstance(value, Object):
        chain = [value, *(around or [])]
        if category(value) is not None:
            yield chain
        for _, inner in value.members:
            yield from order_lines(inner, chain)


def category(value: Value) -> tuple[str, str] | None:
    one, two = member(value, "category1"), member(value, "category2")
    if isinstance(one, String):
        return label(one.text), label(two.text) if isinstance(two, String) else ""
    for name in ("category", "wholeCategoryName"):
        path = member(value, name)
        if isinstance(path, String):
            levels = [*path.text.split(">"), ""]
            return label(levels[0]), label(levels[1])
    return None


def label(part: str) -> str:
    return nfc(part.strip())


def categories(levels: list[tuple[str, str]]) -> list[tuple[str, list[str]]]:
    firsts = dict.fromkeys(first for first, _ in levels if first)
    return [
        (first, list(dict.fromkeys(two for one, two in levels if one == first and two)))
        for first in firsts
    ]


def proposal(line: Chain) -> object:
    """The nearest that is there; None where that is no text, NOBODY where there is none."""
    carried = [member(value, "proposal_id") for value in line]
    return next((text(one) for one in carried if not is_null(one)), NOBODY)


def month_of(line: Chain, months: Mapping[str, str | None]) -> str | None:
    for value in line:
        for field in DATE_FIELDS:
            date = member(value, field)
            if not is_null(date) and text(date) is None:
                return None
            if (text(date) or "").strip():
                return months.get(text(date) or "")
        if any(not is_null(member(value, field)) for field in DATE_FIELDS):
            return None
    return None
