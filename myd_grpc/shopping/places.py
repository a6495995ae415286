"""Objects of a record, those around them, and whose an order line in them is (docs/spec.md 5.1)."""

from __future__ import annotations

from collections.abc import Iterator

from myd_grpc.shopping.model import Query
from myd_grpc.shopping.objects import Members, category, nfc, text_of
from myd_grpc.shopping.owners import ID, KEY, UNREADABLE, Naming, Owner
from myd_grpc.shopping.people import is_orders, may_be_people, written_alike


class Place:
    """An object, and those around it; `key` is the member of the nearest in which it is."""

    __slots__ = ("_named", "_others", "_people", "around", "holding", "key", "members")

    def __init__(self, members: Members, around: Place | None, key: str | None) -> None:
        self.members = members
        self.around = around
        self.key = key
        self.holding: set[str | None] | None = None
        """The members that hold order lines; None for no member."""
        self._others: set[str | None] | None = None
        self._named: tuple[Owner, ...] | None = None
        self._people: bool | None = None

    def outward(self) -> Iterator[Place]:
        """Itself, the object around it, and so on."""
        place: Place | None = self
        while place is not None:
            yield place
            place = place.around

    def holds_line(self) -> None:
        """Tells the objects around it that it is an order line."""
        place = self
        while (around := place.around) is not None:
            if around.holding is None:
                around.holding = set()
            if place.key in around.holding:
                return
            around.holding.add(place.key)
            place = around

    def names_another(self) -> None:
        """Tells the objects around it that it names another than the user."""
        place = self
        while (around := place.around) is not None:
            if around._others is None:
                around._others = set()
            if place.key in around._others:
                return
            around._others.add(place.key)
            place = around

    def named(self, naming: Naming, user: str) -> tuple[Owner, ...]:
        """Whom it names; once for all the lines in it, as it may be large."""
        if self._named is None:
            self._named = naming.all(self.members, user, self.holding or ())
        return self._named

    @property
    def has_others_beside(self) -> bool:
        """Whether another is named further in, not where order lines are."""
        return self._others is not None and not self._others <= (self.holding or set())

    def is_by_person(self, user: str, query: Query) -> bool:
        """Whether its members' names may be people."""
        if self._people is None:
            keys = filter(None, self.holding or ())
            self._people = may_be_people(keys, self.key, user, query.section_names)
        return self._people


class Owners:
    """Tells whose order lines are, in records that have an owner or in others."""

    def __init__(self, query: Query, naming: Naming, *, owned: bool) -> None:
        self._query = query
        self._naming = naming
        self._user = nfc(query.user_id)
        self._owned = owned

    def of(self, line: Place) -> tuple[Owner, ...]:
        """All the owners that the nearest object tells which tells any, the line itself first."""
        nobody: tuple[Owner, ...] = ()
        inner: Place | None = None
        for place in line.outward():
            named = place.named(self._naming, self._user)
            if named and named[0].text is not None:
                return named
            nobody = nobody or named
            if told := self._told_by(place, inner):
                return (told,)
            inner = place
        return nobody

    def _told_by(self, place: Place, inner: Place | None) -> Owner | None:
        """Whose a line is by where it is in an object that does not name its owner."""
        if inner is not None and self._user in place.members:
            return Owner(KEY, self._user if inner.key == self._user else UNREADABLE)
        if self._owned:
            # Of the record itself is known whose it is.
            beside = place.around is not None and place.has_others_beside
            return Owner(KEY, UNREADABLE) if beside else None
        if place.has_others_beside or (
            inner is not None and place.is_by_person(self._user, self._query)
        ):
            return Owner(KEY, UNREADABLE)
        return self._told_by_id(place)

    def _told_by_id(self, place: Place) -> Owner | None:
        """An order's own `id` is no user's, nor is one in a list of orders, if not this user's."""
        text = text_of(place.members.get(ID)) if place.holding else None
        if text is None or text == self._user:
            return None if text is None else Owner(ID, text)
        if any(is_orders(one.key) for one in place.outward()):
            return None
        if category(place.members) is not None and not written_alike(text, self._user):
            return None
        return Owner(ID, text)
