"""The order lines of a record (docs/spec.md 5.2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from myd_grpc.convert.dates import read_time
from myd_grpc.convert.jsontext.values import Value, nfc
from myd_grpc.shopping.model import Query
from myd_grpc.shopping.objects import category, members_of, says_nothing, text_of
from myd_grpc.shopping.owners import Naming, Owner
from myd_grpc.shopping.places import Owners, Place


@dataclass(frozen=True, slots=True)
class OrderLine:
    """Something bought: its category's two levels ("" for none) and its month, if known.

    `proposed` says that it belongs to the proposal asked for, or to none; `owners` are those that
    the nearest object tells which tells any; see `Owners`.
    """

    levels: tuple[str, str]
    year_month: str | None
    proposed: bool
    owners: tuple[Owner, ...]


class RecordLines:
    """The order lines anywhere in a record, and whom the record names at all."""

    def __init__(self, record: Value, query: Query, naming: Naming, *, owned: bool) -> None:
        self.names_another = self.names_asked = False
        """Whether any object names another than the user, or has the member asked for."""
        self._query = query
        self._naming = naming
        self._user = nfc(query.user_id)
        self._owners = Owners(query, naming, owned=owned)
        self._found = list(self._lines(record))

    def __iter__(self) -> Iterator[OrderLine]:
        """In document order."""
        for place, levels in self._found:
            yield OrderLine(
                levels,
                _year_month(place, self._query),
                _proposed(place, self._query),
                self._owners.of(place),
            )

    def _lines(self, record: Value) -> Iterator[tuple[Place, tuple[str, str]]]:
        stack: list[tuple[Value, Place | None, str | None]] = [(record, None, None)]
        while stack:
            value, around, key = stack.pop()
            if type(value) is list:
                stack += [(item, around, key) for item in reversed(value) if _holds(item)]
            elif type(value) is tuple:
                place = Place(members_of(value), around, key)
                self._look_for_owners(place)
                levels = category(place.members)
                if levels is not None:
                    place.holds_line()
                    yield place, levels
                stack += [
                    (item, place, nfc(name)) for name, item in reversed(value) if _holds(item)
                ]

    def _look_for_owners(self, place: Place) -> None:
        named = self._naming.direct(place.members)
        if not named:  # as in most objects
            return
        self.names_asked |= any(owner.field == self._naming.asked for owner in named)
        if any(owner.text not in (None, self._user) for owner in named):
            self.names_another = True
            place.names_another()


def _holds(value: Value) -> bool:
    return type(value) in (tuple, list)


def _proposed(line: Place, query: Query) -> bool:
    """Whether the nearest object that carries a proposal_id, if any, carries the one asked for.

    One that is no text is none that is asked for.
    """
    for place in line.outward():
        value = place.members.get("proposal_id")
        if value is not None:
            return text_of(value) == nfc(query.proposal_id)
    return True


def _year_month(line: Place, query: Query) -> str | None:
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
