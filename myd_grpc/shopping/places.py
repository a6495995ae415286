"""Objects of a record, those around them, and whose an order line in them is (docs/spec.md 5.1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from myd_grpc.convert.jsontext.values import nfc
from myd_grpc.shopping.model import Query
from myd_grpc.shopping.objects import Members, category, text_of
from myd_grpc.shopping.owners import ID, KEY, UNREADABLE, Naming, Owner
from myd_grpc.shopping.people import is_orders, may_be_people, written_alike


class Place:
    """An object, and those around it; `key` is the member of the nearest in which it is."""

    __slots__ = (
        "_beside",
        "_id",
        "_named",
        "_others",
        "_people",
        "around",
        "holding",
        "key",
        "members",
        "told",
    )

    def __init__(self, members: Members, around: Place | None, key: str | None) -> None:
        self.members = members
        self.around = around
        self.key = key
        self.holding: set[str | None] | None = None
        """The members that hold order lines; None for no member."""
        self._others: set[str | None] | None = None
        self._named: tuple[Owner, ...] | None = None
        self.told: dict[str | None, tuple[Owner, ...]] | None = None
        """Whose the lines in its members are, as far as that was looked at."""
        self._id: list[Owner] | None = None
        self._beside: bool | None = None
        self._people: bool | None = None

    def outward(self) -> Iterator[Place]:
        """Itself, the object around it, and so on."""
        place: Place | None = self
        while place is not None:
            yield place
            place = place.around

    def holds_line(self) -> None:
        """Tells the objects around it that it is an order line."""
        self._tell("holding")

    def names_another(self) -> None:
        """Tells the objects around it that it names another than the user."""
        self._tell("_others")

    def _tell(self, what: Literal["holding", "_others"]) -> None:
        """Adds to those members of the objects around it the one in which it is."""
        place = self
        while (around := place.around) is not None:
            members: set[str | None] | None = getattr(around, what)
            if members is None:
                setattr(around, what, members := set())
            elif place.key in members:
                return
            members.add(place.key)
            place = around

    def named(self, naming: Naming, user: str) -> tuple[Owner, ...]:
        """Whom it names; once for all the lines in it, as it may be large."""
        if self._named is None:
            self._named = naming.all(self.members, user, self.holding or ())
        return self._named

    @property
    def has_others_beside(self) -> bool:
        """Whether another is named further in, not where order lines are; looked at once."""
        if self._beside is None:
            self._beside = bool(self._others and self._others - (self.holding or set()))
        return self._beside

    def is_by_person(self, user: str, query: Query) -> bool:
        """Whether its members' names may be people."""
        if self._people is None:
            keys = filter(None, self.holding or ())
            self._people = may_be_people(keys, self.key, user, query.section_names)
        return self._people

    def owner_by_id(self, user: str) -> Owner | None:
        """The owner whose its `id` is; looked at once, as it may be deep within others."""
        if self._id is None:
            told = bool(self.holding) and self._is_persons_id(user)
            self._id = [Owner(ID, text_of(self.members[ID]))] if told else []
        return self._id[0] if self._id else None

    def _is_persons_id(self, user: str) -> bool:
        """An order's own `id` is no user's, nor is one in a list of orders, if not this user's."""
        text = text_of(self.members.get(ID))
        if text is None or text == user:
            return text is not None
        if category(self.members) is not None and not written_alike(text, user):
            return False
        return not any(is_orders(place.key) for place in self.outward())


class Owners:
    """Tells whose order lines are, in records that have an owner or in others."""

    def __init__(self, query: Query, naming: Naming, *, owned: bool) -> None:
        self._query = query
        self._naming = naming
        self._user = nfc(query.user_id)
        self._owned = owned

    def of(self, line: Place) -> tuple[Owner, ...]:
        """All the owners that the nearest object tells which tells any, the line itself first."""
        told = self._told_in(line, None)
        if _tells(told) or line.around is None:
            return told
        outer = self._told_from(line.around, line.key)
        return outer if _tells(outer) else told or outer

    def _told_from(self, start: Place, key: str | None) -> tuple[Owner, ...]:
        """Whose the lines are that an object has in a member; once for all of them."""
        if start.told is None:
            start.told = {}
        if key not in start.told:
            start.told[key] = self._told_outward(start, key)
        return start.told[key]

    def _told_outward(self, start: Place, key: str | None) -> tuple[Owner, ...]:
        nobody: tuple[Owner, ...] = ()
        for place in start.outward():
            told = self._told_in(place, key)
            if _tells(told):
                return told
            nobody = nobody or told
            key = place.key
        return nobody

    def _told_in(self, place: Place, key: str | None) -> tuple[Owner, ...]:
        """Whose a line is by the object that it is, or in whose member of that name it is."""
        named = place.named(self._naming, self._user)
        if not _tells(named) and (told := self._told_by(place, key)):
            return (told,)
        return named

    def _told_by(self, place: Place, key: str | None) -> Owner | None:
        """Whose a line is by where it is in an object that does not name its owner."""
        if key is not None and self._user in place.members:
            return Owner(KEY, self._user if key == self._user else UNREADABLE)
        if self._owned:
            # Of the record itself is known whose it is.
            beside = place.around is not None and place.has_others_beside
            return Owner(KEY, UNREADABLE) if beside else None
        by_person = key is not None and place.is_by_person(self._user, self._query)
        if by_person or place.has_others_beside:
            return Owner(KEY, UNREADABLE)
        return place.owner_by_id(self._user)


def _tells(owners: tuple[Owner, ...]) -> bool:
    return bool(owners) and owners[0].text is not None
