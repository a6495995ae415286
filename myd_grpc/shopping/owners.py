"""Whose a record is, and whom an object names as its owner (docs/spec.md 5.1)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from myd_grpc.convert.jsontext.values import Value, nfc
from myd_grpc.shopping.model import Query
from myd_grpc.shopping.objects import Members, members_of, says_nothing, text_of

KEY = "_record_id"
"""Stands for the keys of a KEYED document, as the column in which they are."""

ID = "id"

UNREADABLE = "\0"
"""The text of what is there and is none: no text of a file has U+0000 in it."""

MOST_FIELDS = 8
"""Names of members by which owners are told that are kept: they come out of the file."""

_OF_ANYTHING = frozenset("id _id no num number seq key code name".split())
"""Members that an order has of its own: as id_field they are looked for in records alone."""


class Owner(NamedTuple):
    """Whose something is, and by which member.

    `text` is None where the member is there and blank: then it is nobody's who asks.
    """

    field: str
    text: str | None


class Naming:
    """By which members the objects of a file name their owners."""

    def __init__(self, query: Query) -> None:
        self.fields = query.owner_fields
        asked = nfc(query.options.id_field)
        self.asked = "" if asked in _OF_ANYTHING else asked
        self._first = frozenset([*self.fields, self.asked, self.asked.partition(".")[0]])

    def direct(self, members: Members) -> tuple[Owner, ...]:
        """Whom an object names in members of its own."""
        if members.keys().isdisjoint(self._first):  # as of most objects: quickly said
            return ()
        return tuple(self._direct(members))

    def all(
        self, members: Members, user: str, holding: Collection[str | None]
    ) -> tuple[Owner, ...]:
        """Whom an object names, itself or in member objects of its own.

        Where one of these, which are `holding`, has order lines, it names the user for them alone.
        Those without a text only where none has one; two with different texts, where there are
        such, and else no more than the first few: an object may be large.
        """
        told: list[Owner] = []
        nobody: tuple[Owner, ...] = ()
        for owner in self._all(members, user, holding):
            if owner.text is None:
                nobody = nobody or (owner,)
            elif told and owner.text != told[0].text:
                return told[0], owner
            elif len(told) < MOST_FIELDS:
                told.append(owner)
        return tuple(told) or nobody

    def _all(self, members: Members, user: str, holding: Collection[str | None]) -> Iterator[Owner]:
        yield from self.direct(members)
        for name, value in members.items():
            if type(value) is tuple:
                for owner in self.direct(members_of(value)):
                    if owner.text != user or name not in holding:
                        yield Owner(f"{name}.{owner.field}", owner.text)

    def _direct(self, members: Members) -> Iterator[Owner]:
        values = [(field, members.get(field)) for field in self.fields]
        asked = [(self.asked, _at(members, self.asked))] if self.asked else []
        for candidates in (asked, values):
            if first := _first(candidates):
                yield first
        for field, value in (*asked, *values):
            if _is_unreadable(value):
                yield Owner(field, UNREADABLE)


def key_owner(key: str) -> Owner:
    """The owner of a record that has a key."""
    return Owner(KEY, nfc(key))


def record_owner(members: Members, id_field: str, fields: Sequence[str]) -> Owner | None:
    """Whose a record without a key is: by the member asked for, or else the first there is."""
    asked = [(id_field, _at(members, id_field))] if id_field else []
    return _first([*asked, *((field, members.get(field)) for field in fields)])


def _first(candidates: Iterable[tuple[str, Value]]) -> Owner | None:
    """The first that names somebody, or else the first that is there at all."""
    nobody = None
    for field, value in candidates:
        if not says_nothing(value) and (text := text_of(value)):
            return Owner(field, text)
        if value is not None:
            nobody = nobody or Owner(field, None)
    return nobody


def _is_unreadable(value: Value) -> bool:
    return not says_nothing(value) and text_of(value) is None


def _at(members: Members, path: str) -> Value:
    """The member of that name, or else down that path."""
    path = nfc(path)
    if members.get(path) is not None:
        return members[path]
    name, _, rest = path.partition(".")
    inner = members.get(name)
    return _at(members_of(inner), rest) if rest and type(inner) is tuple else None
