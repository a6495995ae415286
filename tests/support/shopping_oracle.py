"""A slow and simple second reading of the rules for shopping summaries.

It takes records as `oracle.read_records` gives them, and looks every question up from the start for
every order line. When a date is, the caller has to know: `months` has the month of each text that
is one.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from tests.support.oracle import List, Number, Object, Record, String, Value, Word

OWNER_FIELDS = "user_id userId userid member_id memberId customer_id customerId".split()
DATE_FIELDS = (
    "order_date orderDate orderDateTime ordered_at orderedAt payDateTime paidAt date trans_dtime"
).split()

Chain = list[Object]
"""An object and all that are around it, the innermost first."""

NOBODY = object()
"""An owner is named, and not so that he could be told from another."""


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
        counted = [line for line in lines if whom(line) <= {user, NOBODY}]
    else:
        lines = [chain for record in records for chain in order_lines(record.value)]
        keyed = [line for line in lines if not whom(line) and by_key(line, user) == {user}]
        others = [line for line in lines if (whom(line) or by_key(line, user)) - {user}]
        mine = [line for line in lines if (whom(line) or by_key(line, user)) == {user}]
        if others and not mine:
            raise NoSuchUserError
        counted = mine if others or keyed else lines
        fields = [
            field for line in mine for field, _ in named_around(line) or [("_record_id", user)]
        ]
    foreign = len(lines) - len(counted)
    counted = [line for line in counted if proposal(line) in (None, nfc(proposal_id))]
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
    if isinstance(value, Object) and record_owner(document, id_field) is None:
        holding = [key for key, inner in value.members if isinstance(inner, Object | List)]
        if nfc(user_id) in map(nfc, holding):
            return [Record(inner, key) for key, inner in value.members]
    return [document]


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


def whom(line: Chain) -> set[object]:
    """All the owners that the nearest object names which names any."""
    return {owner for _, owner in named_around(line)}


def named_around(line: Chain) -> list[tuple[str, object]]:
    named = [named_in(value) for value in line]
    told = [[one for one in owners if one[1] is not NOBODY] for owners in named]
    return next(filter(None, told), None) or next(filter(None, named), [])


def by_key(line: Chain, user: str) -> set[object]:
    """The user or nobody, where an object around has a member that is called like the user."""
    for inner, outer in pairwise(line):
        if any(nfc(name) == user and holds(value, inner) for name, value in outer.members):
            return {user}
        if isinstance(member(outer, user), Object | List):
            return {NOBODY}
    return set()


def holds(value: Value, inner: Object) -> bool:
    """Whether it is that object, or a list of it."""
    if isinstance(value, List):
        return any(holds(item, inner) for item in value.items)
    return value is inner


def named_in(value: Object) -> list[tuple[str, object]]:
    found = [first_owner([(field, member(value, field)) for field in OWNER_FIELDS])]
    for name in dict.fromkeys(nfc(key) for key, _ in value.members):
        inner = member(value, name)
        owner = first_owner([(field, member(inner, field)) for field in OWNER_FIELDS])
        found.append(owner and (f"{name}.{owner[0]}", owner[1]))
    return [owner for owner in found if owner]


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


def proposal(line: Chain) -> str | None:
    carried = [text(member(value, "proposal_id")) for value in line]
    return next((one for one in carried if one is not None), None)


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
