"""What counts of the order lines that were found, and for whom (docs/spec.md 5.1, 5.4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeGuard

from myd_grpc.convert.jsontext.values import Value, nfc
from myd_grpc.shopping.lines import OrderLine, RecordLines
from myd_grpc.shopping.model import Query, Summary, UserNotFoundError
from myd_grpc.shopping.objects import category, members_of
from myd_grpc.shopping.owners import ID, KEY, MOST_FIELDS, Naming, Owner, key_owner, record_owner

_MOST_BYTES = 2 << 20
"""Bytes of categories in a message: callers' gRPC libraries take no more than 4 MiB in all."""
_BESIDE_LABEL = 16
"""Bytes that a message has for each label beside its text, or fewer."""

_LONGEST_FIELD = 100
"""Members' names come out of the file, and may be as long as they like."""


_LOST_FIELD = (
    "no record belongs to this user: nothing has the member that id_field names; another id_field, "
    "or a record_path to where the records are, may find it"
)


class TooManyCategoriesError(Exception):
    """The summary would be larger than callers can take."""


class ShoppingCollector:
    """One user's shopping, record by record."""

    def __init__(self, query: Query) -> None:
        self.owned = False
        """Whether a record with an owner was seen."""
        self._query = query
        self._naming = Naming(query)
        self._user = nfc(query.user_id)
        self._user_seen = self._told_apart = False
        # What records name that have no owner themselves.
        self._names_another = self._names_asked = False
        self._fields: list[str] = []
        self._lines = _Lines()

    def own_by(self, field: str) -> None:
        """Records have owners, which that member names.

        Those without one belonged to the user only as long as there was none.
        """
        if not self.owned:
            self.owned, self._user_seen = True, False
            self._fields, self._lines = [], _Lines()
            self._note(field)

    def add(self, key: str | None, record: Value) -> None:
        """Takes the next record that may be the user's, or may be the first that has an owner."""
        owner = key_owner(key) if key is not None else _owner(record, self._query)
        if owner is not None:
            self.own_by(owner.field)
        if owner is not None and owner.text == self._user:
            self._saw(owner)
        elif self.owned:
            return
        lines = RecordLines(record, self._query, self._naming, owned=self.owned)
        self._names_another |= lines.names_another
        self._names_asked |= lines.names_asked
        for line in lines:
            self._take(line)

    def add_document(self, document: Value) -> None:
        """Takes a document of one record.

        Where it has the user among its keys and names no owner, its keys are users, as in a KEYED
        document: people whose members have no key in common look like the parts of one.
        """
        if _names_user(document, self._user) and _owner(document, self._query) is None:
            for name, value in document:
                self.add(name, value)
        else:
            self.add(None, document)

    def summary(self) -> Summary:
        """What was found; raises UserNotFoundError."""
        lines = self._lines
        doubtful = not self.owned and self._is_doubtful()
        if not self._user_seen:
            self._require_own(doubtful=doubtful)
        counted = lines.claimed if doubtful else lines.all
        foreign = lines.foreign + (lines.unclaimed if doubtful else 0)
        return counted.summary(foreign, ", ".join(self._fields))

    def _is_doubtful(self) -> bool:
        """Whether lines that name nobody may be others'.

        So they are where others are named anywhere, where some are told apart by an id or key that
        is the user's, and where the member that tells is not where the request says.
        """
        return (
            bool(self._lines.foreign) or self._names_another or self._told_apart or self._lost_field
        )

    @property
    def _lost_field(self) -> bool:
        return bool(self._query.options.id_field) and not self._names_asked

    def _require_own(self, *, doubtful: bool) -> None:
        if self.owned:
            raise UserNotFoundError(_missing(self._fields[0]))
        if self._lines.foreign or self._names_another:
            raise UserNotFoundError(_missing(None))
        if doubtful and self._lines.unclaimed:
            raise UserNotFoundError(_LOST_FIELD)

    def _take(self, line: OrderLine) -> None:
        named = {owner.text for owner in line.owners}
        if self.owned and named == {None}:
            named = set()  # the record says more
        if named - {self._user}:
            self._lines.foreign += 1
            return
        claimed = bool(named) and not self.owned
        if claimed:
            for owner in line.owners:
                self._saw(owner)
        self._lines.add(line, claimed=claimed)

    def _saw(self, owner: Owner) -> None:
        """The user is there, by that member."""
        self._user_seen = True
        self._told_apart = self._told_apart or owner.field in (KEY, ID)
        self._note(owner.field)

    def _note(self, field: str) -> None:
        field = field if len(field) <= _LONGEST_FIELD else "…"
        if field not in self._fields and len(self._fields) < MOST_FIELDS:
            self._fields.append(field)


class _Lines:
    """Order lines by what they say of their owner.

    Where records have none, `claimed` are those that name the user.
    """

    def __init__(self) -> None:
        self.all, self.claimed = _Collected(), _Collected()
        self.unclaimed = self.foreign = 0

    def add(self, line: OrderLine, *, claimed: bool) -> None:
        self.unclaimed += not claimed
        if line.proposed:
            self.all.add(line)
            if claimed:
                self.claimed.add(line)


class _Collected:
    """What was found so far."""

    def __init__(self) -> None:
        self._order_lines = self._undated_lines = 0
        self._year_months: set[str] = set()
        # The keys of the inner dictionaries are ordered sets.
        self._categories: dict[str, dict[str, None]] = {}
        self._bytes = 0

    def add(self, line: OrderLine) -> None:
        self._order_lines += 1
        first, second = line.levels
        if first:
            self._categorise(first, second)
        if line.year_month:
            self._year_months.add(line.year_month)
        else:
            self._undated_lines += 1

    def _categorise(self, first: str, second: str) -> None:
        if first not in self._categories:
            self._categories[first] = {}
            self._require_room(first)
        if second and second not in self._categories[first]:
            self._categories[first][second] = None
            self._require_room(second)

    def _require_room(self, label: str) -> None:
        self._bytes += len(label.encode()) + _BESIDE_LABEL
        if self._bytes > _MOST_BYTES:
            raise TooManyCategoriesError

    def summary(self, foreign_lines: int, owner_field: str) -> Summary:
        year_months = sorted(self._year_months)
        return Summary(
            months=list(dict.fromkeys(year_month[5:] for year_month in year_months)),
            year_months=year_months,
            categories={first: list(seconds) for first, seconds in self._categories.items()},
            order_lines=self._order_lines,
            undated_lines=self._undated_lines,
            foreign_lines=foreign_lines,
            owner_field=owner_field,
        )


def _owner(record: Value, query: Query) -> Owner | None:
    if type(record) is not tuple:
        return None
    members = members_of(record)
    # An order's own `id` is no user's.
    own = () if category(members) is not None else (ID,)
    return record_owner(members, query.options.id_field, (*query.owner_fields, *own))


def _names_user(document: Value, user: str) -> TypeGuard[Sequence[tuple[str, Value]]]:
    """Whether an object has a member of that name, in NFC."""
    return type(document) is tuple and any(nfc(name) == user for name, _ in document)


def _missing(field: str | None) -> str:
    """A message that the user is not there; `field` names the owner of the file's records."""
    if field == KEY:
        return (
            "no record belongs to this user: the keys of the document name the owners, as it is "
            "KEYED; where they do not, another layout or a record_path lets id_field name a member"
        )
    if field is None:
        told = "no order line belongs to this user: others are named in them, around or beside them"
    else:
        told = f"no record belongs to this user: the owner is named by {field}"
    return f"{told}; id_field can name another member of a record"
