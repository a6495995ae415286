"""Whose a record is, and whom an object names as its owner (docs/spec.md 5.1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from myd_grpc.convert.jsontext.values import Value
from myd_grpc.shopping.objects import Members, members_of, nfc, says_nothing, text_of

KEY = "_record_id"
"""Stands for the keys of a KEYED document, as the column in which they are."""

MOST_FIELDS = 8
"""Names of members by which owners are told that are kept: they come out of the file."""


class Owner(NamedTuple):
    """Whose something is, and by which member.

    `text` is None where the member is there and names nobody who could be told: then it is nobody's
    who asks.
    """

    field: str
    text: str | None


def key_owner(key: str) -> Owner:
    """The owner of a record that has a key."""
    return Owner(KEY, nfc(key))


def record_owner(members: Members, id_field: str, fields: Sequence[str]) -> Owner | None:
    """Whose a record without a key is: by the member asked for, or else the first there is."""
    asked = [(id_field, _at(members, id_field))] if id_field else []
    return _first([*asked, *((field, members.get(field)) for field in fields)])


def owners_named(members: Members, fields: Sequence[str]) -> tuple[Owner, ...]:
    """Whom an object names, itself or in member objects of its own.

    Those without a text only where none has one; two with different texts, where there are such,
    and else no more than the first few: an object may be large, and is looked at for each line.
    """
    told: list[Owner] = []
    nobody: tuple[Owner, ...] = ()
    for owner in _all_named(members, fields):
        if owner.text is None:
            nobody = nobody or (owner,)
        elif told and owner.text != told[0].text:
            return told[0], owner
        elif len(told) < MOST_FIELDS:
            told.append(owner)
    return tuple(told) or nobody


def _all_named(members: Members, fields: Sequence[str]) -> Iterator[Owner]:
    if own := _named_directly(members, fields):
        yield own
    for name, value in members.items():
        if type(value) is tuple and (owner := _named_directly(members_of(value), fields)):
            yield Owner(f"{name}.{owner.field}", owner.text)


def _named_directly(members: Members, fields: Sequence[str]) -> Owner | None:
    if members.keys().isdisjoint(fields):  # as of most objects: quickly said
        return None
    return _first((field, members.get(field)) for field in fields)


def _first(candidates: Iterable[tuple[str, Value]]) -> Owner | None:
    """The first that names somebody, or else the first that is there at all."""
    nobody = None
    for field, value in candidates:
        if not says_nothing(value) and (text := text_of(value)):
            return Owner(field, text)
        if value is not None:
            nobody = nobody or Owner(field, None)
    return nobody


def _at(members: Members, path: str) -> Value:
    """The member of that name, or else down that path."""
    path = nfc(path)
    if members.get(path) is not None:
        return members[path]
    name, _, rest = path.partition(".")
    inner = members.get(name)
    return _at(members_of(inner), rest) if rest and type(inner) is tuple else None
