"""Every form in which an order line's time is read (docs/spec.md 5.3)."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myd_grpc.convert.dates import read_time
from myd_grpc.convert.jsontext.values import Number
from myd_grpc.convert.timezone import SEOUL

THIS_YEAR = 2026
WEEKDAYS = "월화수목금토일"


def month(value: object, this_year: int = THIS_YEAR) -> str | None:
    moment = read_time(value, this_year)
    return f"{moment:%Y-%m}" if moment else None


MONTHS = {
    "20230105": "2023-01",
    "2023010523": "2023-01",
    "202301052359": "2023-01",
    "20230105235959": "2023-01",
    "20230105235959999": "2023-01",
    "20230105.0": "2023-01",
    "20230105235959.999": "2023-01",
    "2022063015": "2022-06",  # as an epoch it would be 2034
    "1673857454": "2023-01",
    "1690817400": "2023-08",  # 2023-07-31T15:30Z is August in Seoul
    "1690817400.5": "2023-08",
    "1690817400000": "2023-08",
    "1690817400000.25": "2023-08",
    "1690817400000000": "2023-08",
    "1690817400000000000": "2023-08",
    "946684800": "2000-01",
    "946684800000": "2000-01",
    "631119600": "1990-01",
    "2023-07-31T15:30Z": "2023-08",
    "2023-07-31t15:30z": "2023-08",
    "2023-07-31T15:30:00.123Z": "2023-08",
    "2023-07-31T15:30:00,123456789Z": "2023-08",
    "2023-07-31T15:30:00+00:00": "2023-08",
    "2023-07-31 15:30:00 +0000": "2023-08",
    "2023-07-31T15:30:00+00": "2023-08",
    "20230731T153000Z": "2023-08",
    "20230731 153000": "2023-07",
    "20230731153000Z": "2023-08",
    "2023-07-31T15": "2023-07",
    "2023-07-31T23:30:00": "2023-07",
    "2023-07-31": "2023-07",
    "2023-07-31Z": "2023-07",
    "2023-07-31+09:00": "2023-07",
    "2023-07-31-15:30": "2023-07",
    "2023-07-31 23:30": "2023-07",
    "2023-W31-1": "2023-07",
    "2023W311": "2023-07",
    "2023-W31-1T15:30Z": "2023-08",
    "2023W311T153000,5+09:00[Asia/Seoul]": "2023-07",
    "2023-W31-1 24:00": "2023-08",
    "2023-W31": None,  # which of its days may decide the month
    "2023-W311": None,
    "2023W31-1": None,
    "2023-W31-0": None,
    "2023-W31-8": None,
    "2023-W53-1": None,
    "2023-W31-1-05": None,
    "2023-212": "2023-07",
    "2023-213": "2023-08",
    "2023-212T15:30Z": "2023-08",
    "2023-212 23:30:00": "2023-07",
    "2023-212T24:00": "2023-08",
    "2024-366": "2024-12",
    "2023-366": None,
    "2023-000": None,
    "2023-212-05": None,
    "2023-21": None,
    "2023.212": None,
    "2023212": None,  # a day of the year, or a month and day with a zero left out
    "2023-01-16T17:14:51.794+09:00": "2023-01",
    "2023-08-01T00:30:00+10:00": "2023-07",
    "2023-08-01T00:30:00+09:00[Asia/Seoul]": "2023-08",
    "2023-07-31T15:30:00Z[UTC]": "2023-08",
    "2023-07-31T15:30:00[UTC]": "2023-08",
    "2023-07-31T23:30:00[Asia/Seoul]": "2023-07",
    "2023-07-31 23:30:00 KST": "2023-07",
    "2023-07-31 15:30:00 UTC": "2023-08",
    "2023-07-31 03:30 PM UTC": "2023-08",
    " 20230105 ": "2023-01",
    "\u00a02023.\u00a01.\u00a05.": "2023-01",
    "\uff12\uff10\uff12\uff13\uff0e\uff10\uff11\uff0e\uff10\uff15": "2023-01",  # full width
    "2023.1.5(목)": "2023-01",
    "2023.1.5 [목요일] 15:22": "2023-01",
    "(목) 2023.1.5 15:22": "2023-01",
    "2023.1.5 15:22 (목)": "2023-01",
    "2023-01-05(Thu) 15:22": "2023-01",
    "2023年": None,
    "2023년 1월 5일 목요일 오후 3시 22분 10초": "2023-01",
    unicodedata.normalize("NFD", "2023년 1월 5일 오후 3:22"): "2023-01",
    "2023. 1. 5. 오전 12:00:00": "2023-01",
    "2023/01/05 03:22:10 PM": "2023-01",
    "2023-01-05 오후 15:22": "2023-01",
    "2023-01-05 오전 15:22": None,
    "2023-01-05 오후 24:00": None,
    "20230230": None,
    "20231301": None,
    "20230105240000": "2023-01",
    "20230131240000": "2023-02",
    "20230131240000000": "2023-02",
    "20230131240000.0": "2023-02",
    "202301312400": "2023-02",
    "2023013124": "2023-02",
    "20230131240001": None,
    "20230131240000001": None,
    "20230131240000.5": None,
    "20230131250000": None,
    "20161231235960": None,
    "20170101085960": "2017-01",
    "20170101085960999": "2017-01",
    "20170101085961": None,
    "2023010": None,
    "202301051": None,
    "202301": None,
    "230105": None,
    "2206301522": None,
    "220630152210": None,
    "23.01.05": None,
    "05/01/2023": None,
    "2023.01-05": None,
    "2023.13.01": None,
    "2023-02-30": None,
    "2023-01-05 24:00": "2023-01",
    "2023-01-31 24:00": "2023-02",
    "2023-01-31T24:00:00": "2023-02",
    "2023-01-31T24:00:00.000+09:00": "2023-02",
    "2023-01-31T240000": "2023-02",
    "2023-01-31T24": "2023-02",
    "2023. 1. 31. 24:00": "2023-02",
    "2023년 1월 31일 24시": "2023-02",
    "2023년 1월 31일 24시 00분": "2023-02",
    "2022-12-31T24:00:00": "2023-01",
    "2023-01-31T24:00:00-09:00": "2023-02",
    "2023-01-30T24:00:00Z": "2023-01",
    "2023-01-31T24:00:00Z": "2023-02",
    "2023-01-31T24:00:00.001": None,
    "2023-01-31T24:00:01": None,
    "2023-01-31T24:01": None,
    "2023-01-31T25:00": None,
    "2023-01-31 오전 24:00": None,
    "2027-12-31T24:00": None,
    "9999-12-31T24:00": None,
    "2016-12-31T23:59:60Z": "2017-01",
    "2016-12-31T23:59:60.5+00:00": "2017-01",
    "2015-06-30T23:59:60Z": "2015-07",
    "2017-01-01T08:59:60+09:00": "2017-01",
    "2017-01-01 08:59:60": "2017-01",
    "2017년 1월 1일 8시 59분 60초": "2017-01",
    "2016-12-31T23:59:60": None,  # no leap second in Seoul: the time of another zone, or the next
    "2016-12-31T23:58:60Z": None,
    "2016-12-31T23:59:61Z": None,
    "2016-12-31T23:60": None,
    "9999-12-31T23:59:60-23:00": None,
    "0001-01-01T23:59:60+23:00": None,
    "2023-01-05 12:60": None,
    "2023-01-05 12:00 soon": None,
    "2023.01.05 ~ 2023.01.09": None,
    "2023-01-05T10:00+99:00": None,
    "2023-01-05T10:00[Nowhere/Town]": None,
    "2023-01-05T10:00[Asia]": None,
    "2023-01-05T10:00[../x]": None,
    "0000-00-00": None,
    "0": None,
    "0000001690817400": None,
    "1690817400.5.1": None,
    "1,690,817,400": None,
    "1.6908174E9": "2023-08",
    "1.6908174e+09": "2023-08",
    "1.6908174E12": "2023-08",
    "1.690817400123E12": "2023-08",
    "1.69E12": None,  # digits are missing, as where a spreadsheet has rounded it
    "1.69082E+12": None,
    "1.692e9": "2023-08",  # whatever the next digits were
    "1.7e9": None,
    "2.0230105E7": "2023-01",
    "2.0230105E13": "2023-01",
    "2.02301E+13": None,
    "2.02301E+07": None,
    "1.6908174e9Z": None,
    "e9": None,
    "어제": None,
    "": None,
    "٢٠٢٣٠١٠٥": None,
    "-1673857454": None,
    "2" * 101: None,
    "1989-12-31": None,
    "1989-12-31T20:00Z": "1990-01",
    "2027-12-31": "2027-12",
    "2027-12-31T20:00Z": None,
    "2028-01-01": None,
    "20280101": None,
    "9999-12-31T23:59-23:00": None,
    "0001-01-01T00:00+23:00": None,
}


@pytest.mark.parametrize(("text", "expected"), MONTHS.items())
def test_a_text(text: str, expected: str | None) -> None:
    assert month(text) == expected


NUMBERS = {
    "20230105": "2023-01",
    "1690817400": "2023-08",
    "1690817400.25": "2023-08",
    "1.6908174e9": "2023-08",
    "1.6908174E+9": "2023-08",
    "16908174000e-1": "2023-08",
    "2.0230105e7": "2023-01",
    "1.6908174e12": "2023-08",
    "1.69082e12": None,
    "1.7e9": None,
    "1.700000000e9": "2023-11",
    "-1690817400": None,
    "1e99": None,
    "1e999999999": None,
    "9" * 5000: None,
}


@pytest.mark.parametrize(("text", "expected"), NUMBERS.items())
def test_a_number(text: str, expected: str | None) -> None:
    assert month(Number(text)) == expected


@pytest.mark.parametrize("value", [None, True, [], (), ["20230105"]])
def test_what_is_no_text_and_no_number(value: object) -> None:
    assert month(value) is None


def test_the_year_that_is_next_is_a_date() -> None:
    assert month("2031-01-01", 2030) == "2031-01"
    assert month("2031-01-01", 2029) is None


DAYS: tuple[Callable[[datetime], str], ...] = (
    lambda day: f"{day:%Y.%m.%d}",
    lambda day: f"{day:%Y.%m.%d}.",
    lambda day: f"{day:%Y}. {day.month}. {day.day}.",
    lambda day: f"{day:%Y}.{day.month}.{day.day}",
    lambda day: f"{day:%Y/%m/%d}",
    lambda day: f"{day:%Y}/{day.month}/{day.day}",
    lambda day: f"{day:%Y-%m-%d}",
    lambda day: f"{day:%Y}-{day.month}-{day.day}",
    lambda day: f"{day:%Y}년 {day.month}월 {day.day}일",
    lambda day: f"{day:%Y}년{day:%m}월{day:%d}일",
    lambda day: f"{day:%Y%m%d}",
)
WEEKDAY_FORMS: tuple[Callable[[datetime], str], ...] = (
    lambda _day: "",
    lambda day: f"({WEEKDAYS[day.weekday()]})",
    lambda day: f" ({WEEKDAYS[day.weekday()]}요일)",
    lambda day: f" {WEEKDAYS[day.weekday()]}요일",
)
TIMES: tuple[Callable[[datetime], str], ...] = (
    lambda _time: "",
    lambda time: f" {time:%H:%M}",
    lambda time: f" {time:%H:%M:%S}",
    lambda time: f" {time:%H:%M:%S.%f}",
    lambda time: f" {half(time)} {time.hour % 12 or 12}:{time:%M}",
    lambda time: f" {half(time)} {time.hour % 12 or 12:02}:{time:%M:%S}",
    lambda time: f" {half(time)} {time.hour % 12 or 12}시 {time.minute}분",
    lambda time: f" {time.hour}시 {time.minute}분 {time.second}초",
    lambda time: f" {time:%I:%M %p}",
)
FORMS = list(product(DAYS, WEEKDAY_FORMS, TIMES))


def half(time: datetime) -> str:
    return "오후" if time.hour >= 12 else "오전"


seoul_times = st.datetimes(
    datetime(1990, 1, 1),  # noqa: DTZ001 - of Seoul, as the next line says
    datetime(2027, 12, 31, 23, 59, 59),  # noqa: DTZ001
    timezones=st.just(SEOUL),
)


@pytest.mark.parametrize("form", range(len(FORMS)))
def test_each_form_of_a_day_with_each_of_a_time(form: int) -> None:
    day, weekday, time = FORMS[form]
    for moment in (
        datetime(2022, 1, 5, 0, 4, 9, tzinfo=SEOUL),
        datetime(2022, 12, 31, 23, 59, tzinfo=SEOUL),
    ):
        read = read_time(day(moment) + weekday(moment) + time(moment), THIS_YEAR)
        assert read
        assert read.date() == moment.date()
        if time(moment):
            assert (read.hour, read.minute) == (moment.hour, moment.minute)


@given(moment=seoul_times, form=st.sampled_from(FORMS))
def test_any_day_in_each_form(
    moment: datetime, form: tuple[Callable[[datetime], str], ...]
) -> None:
    assert month("".join(part(moment) for part in form)) == f"{moment:%Y-%m}"


@given(
    moment=seoul_times,
    form=st.sampled_from(DAYS),
    end=st.sampled_from((" 24:00", "T24:00:00", "T24:00:00.0", " 24시", "T24")),
)
def test_the_end_of_any_day_is_the_next(
    moment: datetime, form: Callable[[datetime], str], end: str
) -> None:
    assert month(form(moment) + end) == month(form(moment + timedelta(days=1)))


@given(
    moment=seoul_times,
    form=st.sampled_from(("%G-W%V-%u", "%GW%V%u", "%Y-%j")),
    time=st.sampled_from(("", "T%H:%M:%S", "T%H%M%S", " %H:%M")),
)
def test_any_day_by_weeks_and_days_of_the_year(moment: datetime, form: str, time: str) -> None:
    assert month(moment.strftime(form + time)) == f"{moment:%Y-%m}"


@given(
    moment=seoul_times,
    unit=st.sampled_from((1, 10**3, 10**6, 10**9)),
    digits=st.integers(0, 20),
)
def test_a_number_that_was_rounded_is_of_its_month_or_of_none(
    moment: datetime, unit: int, digits: int
) -> None:
    epoch = int(moment.timestamp()) * unit
    calendar = int(f"{moment:%Y%m%d%H%M%S}")
    for number in (epoch, calendar):
        text = f"{Decimal(number):.{digits}e}"
        assert month(text) == month(Number(text))
        assert month(text) in (None, f"{moment:%Y-%m}")
        if digits >= len(str(number)) - 1:
            assert month(text) == f"{moment:%Y-%m}"


@given(moment=seoul_times, unit=st.sampled_from((1, 10**3, 10**6, 10**9)), fraction=st.booleans())
def test_any_epoch_is_read_unless_its_digits_are_a_date(
    moment: datetime, unit: int, fraction: bool
) -> None:
    seconds = moment.replace(microsecond=0) - datetime(1970, 1, 1, tzinfo=UTC)
    text = str(seconds // timedelta(seconds=1) * unit) + ".5" * fraction
    assert month(text) == month(Number(text))
    if not fraction and len(text) in (12, 14, 17) and month(text) == f"{text[:4]}-{text[4:6]}":
        return
    assert month(text) == f"{moment:%Y-%m}"


@given(moment=seoul_times, minutes=st.integers(-12 * 60, 14 * 60))
def test_an_offset_is_taken_to_seoul(moment: datetime, minutes: int) -> None:
    sign, (hours, rest) = "-" if minutes < 0 else "+", divmod(abs(minutes), 60)
    local = moment.astimezone(UTC) + timedelta(minutes=minutes)
    text = f"{local:%Y-%m-%dT%H:%M:%S}{sign}{hours:02}:{rest:02}"
    assert month(text) == f"{moment:%Y-%m}"


@given(
    st.decimals(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.from_regex(r"[0-9.\-/: TZ+eE년월일시()\[\]]*", fullmatch=True)
)
def test_whatever_it_is_the_year_is_one_in_which_something_was_bought(value: Decimal | str) -> None:
    for text in (str(value), Number(value)):
        moment = read_time(text, THIS_YEAR)
        assert moment is None or 1990 <= moment.year <= THIS_YEAR + 1
