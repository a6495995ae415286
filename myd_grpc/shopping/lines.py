"""The order lines of a record (docs/spec.md 5.2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from myd_grpc.convert.jsontext.values import Value
from myd_grpc.shopping.dates import read_time
from myd_grpc.shopping.model import Query
from myd_grpc.shopping.objects import Members, members_of, nfc, says_nothing, text_of
from myd_grpc.shopping.owners import KEY, Owner, key_owner, owners_named

_PATHS = ("category", "wholeCategoryName")


@dataclass(frozen=True, slots=True)
class OrderLine:
    """Something bought: its category's two levels ("" for none) and its month, if known.

    `proposed` says that it belongs to the proposal asked for, or to none; `owners` are those that
    it, or the nearest object around it that names any, names; see `owners_named`. Where none does,
    an object around it may have a member that has the user's id as its name: the line is the user's
    if it is within that, and nobody's otherwise.
    """

    levels: tuple[str, str]
    year_month: str | None
    proposed: bool
    owners: tuple[Owner, ...]


class _Place:
    """An object, and those around it."""

    def __init__(self, members: Members, around: _Place | None, query: Query) -> None:
        self.members = members
        self._around = around
        self._query = query
        self._named: tuple[Owner, ...] | None = None

    def outward(self) -> Iterator[_Place]:
        """Itself, the object around it, and so on."""
        place: _Place | None = self
        while place is not None:
            yield place
            place = place._around

    @property
    def named(self) -> tuple[Owner, ...]:
        """Whom it names; once for all the lines in it, as it may be large."""
        if self._named is None:
            self._named = owners_named(self.members, self._query.owner_fields)
        return self._named


def order_lines(record: Value, query: Query) -> Iterator[OrderLine]:
    """The order lines anywhere in a record, in document order."""
    user = nfc(query.user_id)
    own, another = (key_owner(user),), (Owner(KEY, None),)
    stack: list[tuple[Value, _Place | None, tuple[Owner, ...]]] = [(record, None, ())]
    while stack:
        value, around, keyed = stack.pop()
        if type(value) is list:
            stack += [(item, around, keyed) for item in reversed(value) if _holds(item)]
        elif type(value) is tuple:
            place = _Place(members_of(value), around, query)
            levels = category(place.members)
            if levels is not None:
                owners = _owners(place) or keyed
                yield OrderLine(levels, _year_month(place, query), _proposed(place, query), owners)
            if user not in place.members:  # as in most objects
                stack += [(item, place, keyed) for _, item in reversed(value) if _holds(item)]
                continue
            beside = another if _holds(place.members[user]) else keyed
            stack += [
                (item, place, own if nfc(name) == user else beside)
                for name, item in reversed(value)
                if _holds(item)
            ]


def _holds(value: Value) -> bool:
    return type(value) in (tuple, list)


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


def _owners(line: _Place) -> tuple[Owner, ...]:
    nobody: tuple[Owner, ...] = ()
    for place in line.outward():
        if place.named and place.named[0].text is not None:
            return place.named
        nobody = nobody or place.named
    return nobody


def _proposed(line: _Place, query: Query) -> bool:
    """Whether the nearest object that carries a proposal_id, if any, carries the one asked for."""
    for place in line.outward():
        value = place.members.get("proposal_id")
        if value is not None and (carried := text_of(value)) is not None:
            return carried == nfc(query.proposal_id)
    return True


def _year_month(line: _Place, query: Query) -> str | None:
    """The month in Seoul of the line's time.

    That is the first there is, from the inside out: one that cannot be read has no stand-in, and
    where there are only blank ones, as exports write what is unknown, no outer one is taken.
    """
    for place in line.outward():
        if place.members.keys().isdisjoint(query.date_fields):
            continue
        blank = False
        for field in query.date_fields:
            value = place.members.get(field)
            if not says_nothing(value):
                moment = read_time(value, query.this_year)
                return f"{moment.year:04d}-{moment.month:02d}" if moment else None
            blank = blank or value is not None
        if blank:
            return None
    return None
