"""Objects of a record, as a summary looks at them."""

from __future__ import annotations

from collections.abc import Sequence

from myd_grpc.convert.jsontext.values import Number, Value, nfc

Members = dict[str, Value]

_PATHS = ("category", "wholeCategoryName")


def members_of(pairs: Sequence[tuple[str, Value]]) -> Members:
    """An object's members, by name in NFC.

    A repeated name keeps its first value, as its path does in a table.
    """
    members = dict(pairs)
    if len(members) == len(pairs) and all(map(str.isascii, members)):
        return members
    first: Members = {}
    for name, value in pairs:
        first.setdefault(nfc(name), value)
    return first


def text_of(value: Value) -> str | None:
    """A string or a number as text in NFC; None for anything else."""
    return nfc(str(value)) if type(value) is str or type(value) is Number else None


def says_nothing(value: Value) -> bool:
    """Whether a member is as good as not there: null, or a blank text as exports write it."""
    return value is None or (type(value) is str and not value.strip())


def category(members: Members) -> tuple[str, str] | None:
    """The first two levels of an object's category; None for an object that has none."""
    if type(members.get("category1")) is str:
        return _label(members["category1"]), _label(members.get("category2"))
    for name in _PATHS:
        path = members.get(name)
        if type(path) is str:
            first, _, deeper = path.partition(">")
            return _label(first), _label(deeper.split(">")[0])
    return None


def _label(value: Value) -> str:
    return nfc(value.strip()) if type(value) is str else ""
