"""A second reading of dates (docs/spec.md 5.3): of digits by the rules, of all else by heart."""

from __future__ import annotations

import calendar
import re
import unicodedata
from datetime import UTC, datetime, timedelta
from decimal import Decimal

FIRST_YEAR = 1990
LONGEST = 100

WRITTEN = {
    "2022-07-05": "2022-07",
    "2022.7.5": "2022-07",
    "2022. 7. 5.": "2022-07",
    "2022/07/31": "2022-07",
    "2022년 7월 5일": "2022-07",
    "2022년 4월 15일(금)": "2022-04",
    "2022-07-05 15:22:10": "2022-07",
    "2022.01.15 오후 3:22": "2022-01",
    "2022-06-30T23:30:00Z": "2022-07",
    "2022-07-01T00:30:00+09:00": "2022-07",
    "2022-07-01T00:30:00+14:00": "2022-06",
    "2022-12-31T20:00:00-01:00": "2023-01",
    "2021-12-31T23:59:59+09:00[Asia/Seoul]": "2021-12",
    "2022-W27-2": "2022-07",
    "2022-186": "2022-07",
    "2022-06-30 24:00": "2022-07",
}
"""The months of texts that are not digits alone, in NFC. No others are dates here."""


def month_of(text: str, this_year: int) -> str | None:
    """The month in Seoul of a date, as `YYYY-MM`; None for what is none."""
    if len(text) > LONGEST:
        return None
    plain = unicodedata.normalize("NFKC", text).strip()
    if plain in WRITTEN:
        return WRITTEN[plain]
    if not re.fullmatch(r"[0-9]+(\.[0-9]*)?(e[+-]?[0-9]{1,2})?", plain, re.IGNORECASE):
        return None
    found = of_exponent(plain) if "e" in plain.lower() else readings(*split(plain))
    return next((one for one in found if FIRST_YEAR <= int(one[:4]) <= this_year + 1), None)


def split(digits: str) -> tuple[str, str]:
    """What is before the point, and what is after it."""
    whole, _, fraction = digits.partition(".")
    return whole, fraction


def of_exponent(text: str) -> list[str]:
    """The readings of a number with an exponent, of which digits may be missing."""
    mantissa, _, exponent = text.lower().partition("e")
    if mantissa.endswith("."):
        return []
    missing = int(exponent) - len(split(mantissa)[1])
    whole, fraction = split(format(Decimal(text), "f"))
    return readings(whole, fraction, 10**missing // 2 if missing > 0 else 0)


def readings(whole: str, fraction: str, unsure: int = 0) -> list[str]:
    """The months that so many digits may stand for: on a calendar first, then by a clock."""
    if not 8 <= len(whole) <= 19:
        return []
    found = []
    if not fraction.strip("0") or len(whole) == 14:
        found.append(of_calendar(whole))
    if whole[0] != "0":
        for unit in (1, 10**3, 10**6, 10**9):
            ends = [of_clock((int(whole) + apart) // unit) for apart in (-unsure, unsure)]
            found.append(ends[0] if ends[0] == ends[1] else "")
    return [month for month in found if month]


def of_calendar(digits: str) -> str:
    """The month of digits that are a date and perhaps a time of the calendar, or nothing."""
    if len(digits) not in (8, 10, 12, 14, 17):
        return ""
    year, month, day = int(digits[:4]), int(digits[4:6]), int(digits[6:8])
    hour, minute, second = (int(digits[at : at + 2] or 0) for at in (8, 10, 12))
    if not 1 <= month <= 12 or year < 1 or not 1 <= day <= calendar.monthrange(year, month)[1]:
        return ""
    if (hour, minute, second) == (24, 0, 0) and not digits[14:].strip("0"):
        # The end of a day is the beginning of the next.
        next_day = datetime(year, month, day, tzinfo=UTC) + timedelta(days=1)
        return f"{next_day:%Y-%m}"
    is_leap = (hour, minute, second) == (8, 59, 60)
    if hour > 23 or minute > 59 or (second > 59 and not is_leap):
        return ""
    return f"{year:04}-{month:02}"


def of_clock(seconds: int) -> str:
    """The month in Seoul, so many seconds after 1970, or nothing where that is far off."""
    if not 0 <= seconds < 1 << 33:
        return ""
    moment = datetime(1970, 1, 1, 9, tzinfo=UTC) + timedelta(seconds=seconds)
    return f"{moment:%Y-%m}"
