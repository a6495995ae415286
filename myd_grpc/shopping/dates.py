"""Times as order lines write them (docs/spec.md 5.3)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from myd_grpc.convert.jsontext.values import Number, Value
from myd_grpc.shopping.model import SEOUL

_FIRST_YEAR = 1990
_LONGEST = 100
"""Characters of a text that is looked at; no form of a time comes near."""


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.ASCII | re.IGNORECASE | re.VERBOSE)


_EXPONENT = _pattern(r"\d+(\.\d+)?e[+-]?\d{1,2}")
_DIGITS = _pattern(r"(?P<whole>\d{8,19}) (?:\.(?P<fraction>\d*))?")
_CALENDAR = _pattern(r"(\d{4})(\d\d)(\d\d) (?:(\d\d) (?:(\d\d) (?:(\d\d) (?:\d{3})?)?)?)?")
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
_WEEK_DATE = _pattern(r"\d{4}-?w\d\d")
_DATES = (
    _pattern(r"(\d{4}) \s* ([./-]) \s* (?P<month>\d\d?) \s* \2 \s* (?P<day>\d\d?) (?!\d) \.?"),
    _pattern(r"(\d{4}) \s* 년 \s* (?P<month>\d\d?) \s* 월 \s* (?P<day>\d\d?) \s* 일"),
    _pattern(r"(\d{4}) (?P<month>\d\d) (?P<day>\d\d)"),
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
            (?: \s* : \s* (?P<second>\d\d?) (?:[.,:]\d+)? )? )?"""
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
        + r"(?P<hour>\d\d) (?P<minute>\d\d) (?: (?P<second>\d\d) (?:[.,]?\d+)? )?"
        + _OFFSET
    ),
)
_HALF_DAY = 12
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


@lru_cache(maxsize=1024, typed=True)  # the lines of an order have the same, or all of a day
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
    """The text with one form for each character, a number without an exponent."""
    if type(value) is Number and _EXPONENT.fullmatch(value):
        return format(Decimal(value), "f")
    # Full-width digits, Hangul taken apart, and spaces of any kind.
    return unicodedata.normalize("NFKC", str(value)).strip()


def _readings(text: str) -> Iterator[datetime]:
    """What the text may stand for, the likelier first."""
    if digits := _DIGITS.fullmatch(text):
        yield from _of_digits(digits["whole"], digits["fraction"] or "")
    elif moment := _of_text(text):
        yield moment


def _of_digits(whole: str, fraction: str) -> Iterator[datetime]:
    calendar = _CALENDAR.fullmatch(whole)
    if calendar and (len(whole) == _SECONDS_DIGITS or not fraction.strip("0")):
        # Digits that are no date of the calendar may be an epoch.
        with suppress(ValueError):
            year, month, day, hour, minute, second = map(int, calendar.groups("0"))
            yield datetime(year, month, day, hour, minute, second, tzinfo=SEOUL)
    for unit in _EPOCH_UNITS:
        seconds = int(whole) // unit
        if seconds <= _LAST_EPOCH_S and not whole.startswith("0"):
            yield datetime.fromtimestamp(seconds, UTC)


def _of_text(text: str) -> datetime | None:
    text = _WEEKDAY.sub(" ", text).strip()
    zone = _ZONE.search(text)
    text = text[: zone.start()] if zone else text
    for date_form in _DATES:
        if date := date_form.match(text):
            times = (time_form.fullmatch(text, date.end()) for time_form in _TIMES)
            time = next(filter(None, times), None)
            return _moment(date, time.groupdict(), zone) if time else None
    if _WEEK_DATE.match(text):
        with suppress(ValueError):
            return datetime.fromisoformat(text)
    return None


def _moment(
    date: re.Match[str], time: dict[str, str | None], zone: re.Match[str] | None
) -> datetime | None:
    try:
        return datetime(
            int(date[1]),
            int(date["month"]),
            int(date["day"]),
            _hour(int(time.get("hour") or 0), time.get("before") or time.get("after")),
            int(time.get("minute") or 0),
            int(time.get("second") or 0),
            tzinfo=_offset(time["offset"], zone and zone["zone"]),
        )
    except (ValueError, LookupError, OSError):  # the last two: no such time zone
        return None


def _hour(hour: int, half: str | None) -> int:
    """The hour of the day. Raises ValueError for one that is not in that half."""
    if half is None:
        return hour
    if half.lower().startswith(_AFTERNOON):
        return hour + _HALF_DAY if hour < _HALF_DAY else hour
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
