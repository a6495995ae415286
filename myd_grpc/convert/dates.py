"""Times as order lines and cells write them (docs/spec.md 5.3)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from myd_grpc.convert.jsontext.values import Number, Value
from myd_grpc.convert.timezone import SEOUL

_FIRST_YEAR = 1990
_LONGEST = 100
"""Characters of a text that is looked at; no form of a time comes near."""


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.ASCII | re.IGNORECASE | re.VERBOSE)


_EXPONENT = _pattern(r"\d+(\.\d+)?e[+-]?\d{1,2}")
_DIGITS = _pattern(r"(?P<whole>\d{8,19}) (?:\.(?P<fraction>\d*))?")
_CALENDAR = _pattern(
    r"""(?P<year>\d{4}) (?P<month>\d\d) (?P<day>\d\d)
        (?:(?P<hour>\d\d) (?:(?P<minute>\d\d) (?:(?P<second>\d\d) (?P<fraction>\d{3})?)?)?)?"""
)
_SECONDS_DIGITS = 14
_EPOCH_UNITS = (1, 10**3, 10**6, 10**9)
"""Units of Unix time in a second; no number is a date in two of them, in the years of dates."""
_LAST_EPOCH_S = 1 << 33

_WEEKDAY = _pattern(
    r"""[(\[] \s* (?: [월화수목금토일](?:요일)? | [月火水木金土日]
        | (?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\.? ) \s* [)\]]
      | [월화수목금토일]요일"""
)
_ZONE = _pattern(r"\[(?P<zone>[a-z0-9_+/-]+)\]$")
_DATES = tuple(
    _pattern(r"(?P<year>\d{4})" + rest)
    for rest in (
        r"\s* ([./-]) \s* (?P<month>\d\d?) \s* \2 \s* (?P<day>\d\d?) (?!\d) \.?",
        r"\s* 년 \s* (?P<month>\d\d?) \s* 월 \s* (?P<day>\d\d?) \s* 일",
        r"(?P<month>\d\d) (?P<day>\d\d)",
        # By weeks, and by the days of the year: as ISO 8601 alone writes them, so exactly so.
        r"(-?) w (?P<week>\d\d) \2 (?P<weekday>\d) (?=[\st]|$)",
        r"- (?P<ordinal>\d{3}) (?=[\st]|$)",
    )
)
_BETWEEN = r"[\s,t_-]*"
_BEFORE = r"(?P<before>오전|오후|[ap]\.?m\.?)? \s*"
_AFTER = r"\s* (?P<after>오전|오후|[ap]\.?m\.?)?"
_OFFSET = r"\s* (?P<offset>z|utc|gmt|kst|[+-]\d\d(?::?\d\d)?)?"
# Each is all that comes after the date. What follows a date alone with a minus is its time.
_TIMES = (
    _pattern(r"\s* (?P<offset>z|\+\d\d:\d\d)?"),
    _pattern(
        _BETWEEN
        + _BEFORE
        + r"""(?P<hour>\d\d?) (?: \s* : \s* (?P<minute>\d\d?)
            (?: \s* : \s* (?P<second>\d\d?) (?:[.,:](?P<fraction>\d+))? )? )?"""
        + _AFTER
        + _OFFSET
    ),
    _pattern(
        _BETWEEN
        + _BEFORE
        + r"""(?P<hour>\d\d?) \s* 시 (?: \s* (?P<minute>\d\d?) \s* 분
            (?: \s* (?P<second>\d\d?) \s* 초 )? )?"""
        + _OFFSET
    ),
    _pattern(
        _BETWEEN
        + r"(?P<hour>\d\d) (?P<minute>\d\d) (?: (?P<second>\d\d) (?:[.,]?(?P<fraction>\d+))? )?"
        + _OFFSET
    ),
)
_HALF_DAY = 12
_DAY = 24
_LEAP_SECOND = 60
_BEFORE_LEAP = time(23, 59, 59)
"""In UTC: in Seoul it is another time of the day."""
_AFTERNOON = ("오후", "p")
_OFFSETS = {"z": UTC, "utc": UTC, "gmt": UTC, "kst": SEOUL}


def read_time(value: Value, this_year: int) -> datetime | None:
    """A member's value as a time in Seoul; without an offset it is Seoul time.

    Digits that make a calendar date (YYYYMMDD[hh[mm[ss[SSS]]]]) or else are an epoch in seconds to
    nanoseconds; ISO 8601; or as Korean exports write it. None for anything else, and for years
    before 1990 or after the one that follows `this_year`.
    """
    if (type(value) is not str and type(value) is not Number) or len(value) > _LONGEST:
        return None
    return _time(value, this_year)


@lru_cache(maxsize=1024)  # the lines of an order have the same, or all of a day
def _time(value: str, this_year: int) -> datetime | None:
    for moment in _readings(_plain(value)):
        # A day more on both sides is still far from where a calendar ends.
        if _FIRST_YEAR - 1 <= moment.year <= this_year + 2:
            in_seoul = _in_seoul(moment)
            if _FIRST_YEAR <= in_seoul.year <= this_year + 1:
                return in_seoul
    return None


def _in_seoul(moment: datetime) -> datetime:
    return moment.astimezone(SEOUL) if moment.tzinfo else moment.replace(tzinfo=SEOUL)


def _plain(value: str) -> str:
    """The text with one form for each character."""
    # Full-width digits, Hangul taken apart, and spaces of any kind.
    return unicodedata.normalize("NFKC", str(value)).strip()


def _readings(text: str) -> Iterator[datetime]:
    """What the text may stand for, the likelier first."""
    if digits := _DIGITS.fullmatch(text):
        yield from _of_digits(digits)
    elif _EXPONENT.fullmatch(text):
        number = Decimal(text)
        if digits := _DIGITS.fullmatch(format(number, "f")):
            last_place = int(number.as_tuple().exponent)
            yield from _of_digits(digits, 10**last_place // 2 if last_place > 0 else 0)
    elif moment := _of_text(text):
        yield moment


def _of_digits(digits: re.Match[str], rounded: int = 0) -> Iterator[datetime]:
    """The readings of a number that may be so much less or more, as it may have been rounded.

    That leaves the month of a calendar date as it is, as there is no day 00.
    """
    whole, fraction = digits["whole"], digits["fraction"] or ""
    calendar = _CALENDAR.fullmatch(whole)
    if calendar and (len(whole) == _SECONDS_DIGITS or not fraction.strip("0")):
        # Digits that are no date of the calendar may be an epoch.
        parts = calendar.groupdict()
        if moment := _moment(parts, {**parts, "fraction": parts["fraction"] or fraction}):
            yield moment
    for unit in _EPOCH_UNITS:
        first, number, last = ((int(whole) + apart) // unit for apart in (-rounded, 0, rounded))
        if last <= _LAST_EPOCH_S and not whole.startswith("0") and _same_month(first, last):
            yield datetime.fromtimestamp(number, UTC)


def _same_month(one_s: int, other_s: int) -> bool:
    one, other = (datetime.fromtimestamp(epoch_s, SEOUL) for epoch_s in (one_s, other_s))
    return (one.year, one.month) == (other.year, other.month)


def _of_text(text: str) -> datetime | None:
    text = _WEEKDAY.sub(" ", text).strip()
    zone = _ZONE.search(text)
    text = text[: zone.start()] if zone else text
    for date_form in _DATES:
        if day := date_form.match(text):
            times = (time_form.fullmatch(text, day.end()) for time_form in _TIMES)
            found = next(filter(None, times), None)
            parts = {**found.groupdict(), "zone": zone and zone["zone"]} if found else {}
            return _moment(day.groupdict(), parts) if found else None
    return None


_Parts = Mapping[str, str | None]
"""What the groups of a pattern have found."""


def _moment(day: _Parts, clock: _Parts) -> datetime | None:
    """A time of a day; None where there is none such."""
    try:
        zone = _offset(clock.get("offset"), clock.get("zone"))
        return _at(_date(day), clock, zone)
    except (ValueError, LookupError, OSError, OverflowError):  # the middle two: no such time zone
        return None


def _date(day: _Parts) -> date:
    """Raises ValueError."""
    year, week, ordinal = int(day["year"] or 0), day.get("week"), day.get("ordinal")
    if week:
        return date.fromisocalendar(year, int(week), int(day["weekday"] or 0))
    if not ordinal:
        return date(year, int(day["month"] or 0), int(day["day"] or 0))
    found = date(year, 1, 1) + timedelta(days=int(ordinal) - 1)
    if found.year != year:
        raise ValueError("no such day of the year")
    return found


def _at(day: date, clock: _Parts, zone: tzinfo | None) -> datetime:
    """A time of that day, also 24:00, which is its end; raises ValueError or OverflowError.

    A leap second counts to the minute that it is in. It is one where it ends a day of UTC; any
    other second 60 is doubtful.
    """
    hour = _hour(int(clock.get("hour") or 0), clock.get("before") or clock.get("after"))
    minute, second = int(clock.get("minute") or 0), int(clock.get("second") or 0)
    if hour == _DAY and not (minute or second or (clock.get("fraction") or "").strip("0")):
        return datetime.combine(day, time(), zone) + timedelta(days=1)
    if second != _LEAP_SECOND:
        return datetime.combine(day, time(hour, minute, second), zone)
    moment = datetime.combine(day, time(hour, minute, second - 1), zone)
    if _in_seoul(moment).astimezone(UTC).time() != _BEFORE_LEAP:
        raise ValueError("no leap second")
    return moment


def _hour(hour: int, half: str | None) -> int:
    """The hour of the day. Raises ValueError for one that is not in that half."""
    if half is None:
        return hour
    if half.lower().startswith(_AFTERNOON):
        hour = hour + _HALF_DAY if hour < _HALF_DAY else hour
        if hour >= _DAY:
            raise ValueError("no hour of the afternoon")
        return hour
    if hour > _HALF_DAY:
        raise ValueError("no hour of the morning")
    return hour % _HALF_DAY


def _offset(offset: str | None, zone: str | None) -> tzinfo | None:
    """The time zone; raises ValueError, LookupError or OSError for one that there is not."""
    if offset is None:
        return ZoneInfo(zone) if zone else None
    if known := _OFFSETS.get(offset.lower()):
        return known
    digits = offset[1:].replace(":", "")
    span = timedelta(hours=int(digits[:2]), minutes=int(digits[2:] or 0))
    return timezone(-span if offset[0] == "-" else span)
