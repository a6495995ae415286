"""Objects of a record, as a summary looks at them."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from myd_grpc.convert.jsontext.values import Number, Value

Members = dict[str, Value]


def nfc(text: str) -> str:
    """The text in NFC: what macOS decomposes is the same text."""
    return unicodedata.normalize("NFC", text)


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
