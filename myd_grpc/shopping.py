"""The summary of one user's shopping in one file (SPEC section 5): months and categories.

Reads records as a conversion does, one batch at a time. It is run in a worker process: no gRPC
and no SQLite here.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from myd_grpc.convert.engine import Batch, Engine, Flattening, Scanned
from myd_grpc.convert.engines import engine_for
from myd_grpc.convert.jsontext import Number, Value, parse
from myd_grpc.convert.model import (
    DEFAULT_LIMITS,
    SECTION_NAMES,
    CipherKey,
    Layout,
    Limits,
    Profile,
)
from myd_grpc.convert.probe import hinting, probe
from myd_grpc.convert.records import RecordReader
from myd_grpc.convert.source import Source
from myd_grpc.convert.window import Window
from myd_grpc.failpoints import reach

DATE_FIELDS = (
    "order_date",
    "orderDate",
    "orderDateTime",
    "ordered_at",
    "orderedAt",
    "payDateTime",
    "paidAt",
    "date",
    "trans_dtime",
)
"""Where an order line's time is looked for, in this order."""

_SEOUL = ZoneInfo("Asia/Seoul")
_PATHS = ("category", "wholeCategoryName")

Members = dict[str, Value]


class UserNotFoundError(Exception):
    """The file's records have owners, and the user is none of them."""


@dataclass(frozen=True, slots=True)
class Query:
    """Whose shopping is asked for, and where it lies; see `Conversion` for the file's part."""

    user_id: str
    proposal_id: str
    data_dir: str
    file_name: str
    layout: Layout = Layout.AUTO
    record_path: str = ""
    id_field: str = ""
    limits: Limits = DEFAULT_LIMITS
    section_names: frozenset[str] = SECTION_NAMES
    no_inputs: tuple[str, ...] = ()
    date_fields: tuple[str, ...] = DATE_FIELDS
    engine: str = "auto"
    threads: int = 0


@dataclass(frozen=True, slots=True)
class Summary:
    """When a user bought, and what.

    Distinct months ("06") and months with years ("2022-06"), both in order of time; and the
    second-level categories of each first-level one, in order of first appearance.
    """

    months: list[str]
    year_months: list[str]
    categories: dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class OrderLine:
    """Something bought: its category's two levels ("" for none) and its month, if known."""

    levels: tuple[str, str]
    year_month: str | None


def summarise(query: Query, key: CipherKey | None) -> Summary:
    """Reads the file; raises ConversionError as a conversion does, and UserNotFoundError."""
    source = Source.open(query.data_dir, query.file_name, query.no_inputs, key)
    flattening = Flattening(Profile.DATABASE, query.id_field, query.limits.max_depth)
    engine = engine_for(query.engine, flattening, query.threads)
    with engine, source:
        probe(source)
        with source.unchanged(), hinting(source):
            ahead = engine.scanning(source, query.limits.max_depth, query.user_id)
            window = Window(source.read)
            reader = RecordReader(query.file_name, window, query.limits, engine.outline, ahead)
            reader.open(query.layout, query.record_path, query.section_names)
            return _summary(engine, reader, query)


def _summary(engine: Engine, reader: RecordReader, query: Query) -> Summary:
    shopping = _Shopping(query)
    with closing(reader.batches()) as batches:
        for batch in batches:
            found = _scanned(engine, batch, query)
            for index in _that_matter(batch, found, shopping):
                try:
                    record = _parsed(batch, index, query.limits.max_depth - batch.depth)
                except (ValueError, RecursionError):
                    raise reader.bad_record(batch, index) from None
                shopping.add(*record)
            if found.sound < len(batch.spans):
                raise reader.bad_record(batch, found.sound)
            reach("batch_scanned")
    return shopping.summary()


def _scanned(engine: Engine, batch: Batch, query: Query) -> Scanned:
    if isinstance(batch.made, Scanned):
        return batch.made
    return engine.scan(batch, query.limits.max_depth, query.user_id)


def _that_matter(batch: Batch, found: Scanned, shopping: _Shopping) -> Iterator[int]:
    """The records to parse: of another's nothing matters but that it is sound and has an owner."""
    shopping.owned = shopping.owned or bool(batch.keys)
    index = 0
    while index < found.sound and not shopping.owned:
        yield index
        index += 1
    yield from found.holding[bisect_left(found.holding, index) :]


def _parsed(batch: Batch, index: int, levels: int) -> tuple[str | None, Value]:
    """A record with its key, if the document is KEYED."""
    key = parse(batch.text(batch.keys[index])) if batch.keys else None
    return key, parse(batch.text(batch.spans[index]), levels)


class _Shopping:
    """One user's shopping; `owned` says that a record with an owner was seen."""

    def __init__(self, query: Query) -> None:
        self.owned = False
        self._query = query
        self._user_seen = False
        self._collected = _Collected()

    def add(self, key: str | None, record: Value) -> None:
        """Takes the next record that may be the user's, or may be the first that has an owner."""
        owner = key if key is not None else _owner(record, self._query.id_field)
        if owner is not None and not self.owned:
            # Records without an owner belonged to the user only as long as no record had one.
            self.owned, self._collected = True, _Collected()
        if owner == self._query.user_id or (owner is None and not self.owned):
            self._user_seen = self._user_seen or owner is not None
            self._collected.add(order_lines(record, self._query))

    def summary(self) -> Summary:
        """What was found; raises UserNotFoundError."""
        if self.owned and not self._user_seen:
            raise UserNotFoundError
        return self._collected.summary()


class _Collected:
    """What was found so far."""

    def __init__(self) -> None:
        self._year_months: set[str] = set()
        # The keys of the inner dictionaries are ordered sets.
        self._categories: dict[str, dict[str, None]] = {}

    def add(self, lines: Iterable[OrderLine]) -> None:
        for line in lines:
            first, second = line.levels
            if first:
                seconds = self._categories.setdefault(first, {})
                if second:
                    seconds[second] = None
            if line.year_month:
                self._year_months.add(line.year_month)

    def summary(self) -> Summary:
        year_months = sorted(self._year_months)
        months = list(dict.fromkeys(year_month[5:] for year_month in year_months))
        return Summary(months, year_months, {k: list(v) for k, v in self._categories.items()})


def _owner(record: Value, id_field: str) -> str | None:
    """Whose record it is: the first of its identifying members that has a text."""
    if type(record) is not tuple:
        return None
    members = _members(record)
    fields = [id_field, "user_id"] if id_field else ["user_id"]
    if _levels(members) is None:
        # An order's own `id` is no user's.
        fields.append("id")
    return next((text for field in fields if (text := _text(members.get(field))) is not None), None)


def order_lines(record: Value, query: Query) -> Iterator[OrderLine]:
    """The order lines of a proposal anywhere in a record, in document order."""
    stack: list[tuple[Value, tuple[Members, ...]]] = [(record, ())]
    while stack:
        value, around = stack.pop()
        if type(value) is list:
            stack += [(item, around) for item in reversed(value) if type(item) in (tuple, list)]
        elif type(value) is tuple:
            around = (_members(value), *around)
            levels = _levels(around[0])
            if levels is not None and _is_of(query.proposal_id, around):
                yield OrderLine(levels, _year_month(around, query.date_fields))
            stack += [(item, around) for _, item in reversed(value) if type(item) in (tuple, list)]


def _members(pairs: Sequence[tuple[str, Value]]) -> Members:
    """An object's members; a repeated key keeps its first value, as its path does in a table."""
    members = dict(pairs)
    return members if len(members) == len(pairs) else dict(reversed(pairs))


def _levels(members: Members) -> tuple[str, str] | None:
    """The first two levels of an object's category; None for an object that has none."""
    if type(members.get("category1")) is str:
        return _label(members["category1"]), _label(members.get("category2"))
    path = next((members[name] for name in _PATHS if type(members.get(name)) is str), None)
    if path is None:
        return None
    first, _, deeper = path.partition(">")
    return _label(first), _label(deeper.split(">")[0])


def _label(value: Value) -> str:
    return unicodedata.normalize("NFC", value.strip()) if type(value) is str else ""


def _is_of(proposal_id: str, around: tuple[Members, ...]) -> bool:
    """Whether the nearest object that carries a proposal_id, if any, carries this one."""
    carried = (_text(members.get("proposal_id")) for members in around)
    return next((text for text in carried if text is not None), proposal_id) == proposal_id


def _text(value: Value) -> str | None:
    """A string or a number as text; None for anything else."""
    return str(value) if type(value) is str or type(value) is Number else None


def _year_month(around: tuple[Members, ...], fields: Sequence[str]) -> str | None:
    """The month in Seoul of the first time that can be read, from the inside out."""
    for members in around:
        for field in fields:
            text = _text(members.get(field))
            moment = read_time(text) if text is not None else None
            if moment is not None:
                return f"{moment.year:04d}-{moment.month:02d}"
    return None


def read_time(text: str) -> datetime | None:
    """A time in Seoul: YYYYMMDD[hhmmss], epoch seconds or milliseconds, or ISO 8601.

    Without an offset it is Seoul time. None for anything else.
    """
    text = text.strip()
    try:
        if text.isascii() and text.isdigit():
            return _read_digits(text)
        moment = datetime.fromisoformat(text)
        return moment.astimezone(_SEOUL) if moment.tzinfo else moment.replace(tzinfo=_SEOUL)
    except (ValueError, OverflowError):
        return None


def _read_digits(digits: str) -> datetime | None:
    if len(digits) in (8, 14):
        form = "%Y%m%d" if len(digits) == 8 else "%Y%m%d%H%M%S"
        return datetime.strptime(digits, form).replace(tzinfo=_SEOUL)
    if len(digits) in (10, 13):
        seconds = int(digits) / (1 if len(digits) == 10 else 1000)
        return datetime.fromtimestamp(seconds, UTC).astimezone(_SEOUL)
    return None
