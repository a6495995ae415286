"""Cells that Excel would show or run otherwise, and their formulas (docs/spec.md 3.15).

Texts are UTF-8 as they are between the quotes of a marked cell, where each quote is doubled.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_MOST_UNITS = 255
"""How long a string in a formula may be, in UTF-16 code units."""
_MOST_DIGITS = 15
"""How many digits of a number Excel keeps."""
_MOST_SHOWN = 11
"""How many characters of a plain number Excel shows in any case."""
_MOST_BYTES = 255
"""How long a text is, in UTF-8, that Excel takes for more than a formula or a plain number."""

# ---------------------------------------------------------------------------------------------
# The forms of texts that Excel takes for something else. They are written so that all engines can
# read them: literals, groups, alternatives and repetitions, and classes of ASCII alone.


def _either(*forms: str) -> str:
    return f"(?:{'|'.join(forms)})"


def _maybe(*forms: str) -> str:
    return f"(?:{''.join(forms)})?"


_DIGITS, _GROUP, _UP_TO_FOUR, _YEAR = "[0-9]+", "[0-9]{1,2}", "[0-9]{1,4}", "[0-9]{4}"
_EXPONENT = rf"(?:[0-9]+\.?[0-9]*|\.[0-9]+)e[-+]?{_DIGITS}"

_YEAR_OR_GROUP = _either(_YEAR, _GROUP)
_BETWEEN, _SLASH = " *[-/.] *", " *[-/] *"
_NUMERIC_DATE = _either(
    rf"{_YEAR_OR_GROUP}{_BETWEEN}{_GROUP}{_BETWEEN}{_GROUP}\.?",
    rf"{_GROUP}{_BETWEEN}{_GROUP}{_BETWEEN}{_YEAR}\.?",
    f"{_YEAR_OR_GROUP}{_SLASH}{_GROUP}",
    f"{_GROUP}{_SLASH}{_YEAR}",
)
_MONTH = _either(
    *("jan(?:uary)?", "feb(?:ruary)?", "mar(?:ch)?", "apr(?:il)?", "may", "june?", "july?"),
    *("aug(?:ust)?", "sep(?:t(?:ember)?)?", "oct(?:ober)?", "nov(?:ember)?", "dec(?:ember)?"),
)
_WEEKDAY = _either(
    *("mon(?:day)?", "tue(?:s(?:day)?)?", "wed(?:nesday)?", "thu(?:r(?:s(?:day)?)?)?"),
    *("fri(?:day)?", "sat(?:urday)?", "sun(?:day)?"),
)
_LOOSE = "[-/., ]"
_ENGLISH_DATE = (
    _maybe(f"{_WEEKDAY}{_LOOSE}*")
    + _either(
        f"{_UP_TO_FOUR}{_LOOSE}*{_MONTH}(?:{_LOOSE}*{_UP_TO_FOUR})?",
        f"{_MONTH}{_LOOSE}*{_UP_TO_FOUR}(?:{_LOOSE}+{_UP_TO_FOUR})?",
    )
    + f"{_LOOSE}*"
)
_KOREAN_YEAR = f"{_UP_TO_FOUR} *{_either('년', '年')}"
_KOREAN_MONTH = f"{_GROUP} *{_either('월', '月')}"
_KOREAN_DAY = f"{_GROUP} *{_either('일', '日')}"
_KOREAN_DATE = _either(
    f"{_KOREAN_YEAR} *{_KOREAN_MONTH}(?: *{_KOREAN_DAY})?", f"{_KOREAN_MONTH} *{_KOREAN_DAY}"
)
_DATE = _either(_NUMERIC_DATE, _ENGLISH_DATE, _KOREAN_DATE)

_HALF = _either("am", "pm", "오전", "오후")
_TIME = _either(
    rf"(?:{_HALF} *)?{_DIGITS} *:(?: *{_GROUP}(?: *: *{_GROUP})?(?:\.[0-9]*)?)?"
    f"(?: *{_either(_HALF, '[ap]')})?",
    f"{_GROUP} *{_HALF}",
    f"{_GROUP} +[ap]",
    f"(?:{_HALF} *)?{_GROUP} *{_either('시', '時', '时')}"
    f"(?: *{_GROUP} *{_either('분', '分')}(?: *{_GROUP} *{_either('초', '秒')})?)?",
)

FORMS = (
    _EXPONENT,
    f"{_DATE}(?:(?:t| *){_TIME}z?)?",
    f"{_TIME}(?: +{_DATE})?",
    f"(?:{_DIGITS} +)?{_DIGITS} */ *{_DIGITS}",
    "true|false",
)
"""Texts that Excel takes for something else, in small letters."""

# ---------------------------------------------------------------------------------------------
# Which cells

_FORM = re.compile("|".join(FORMS))
_PLAIN = re.compile(rb"[0-9]+\.?[0-9]*|\.[0-9]+")
_LEADING_ZERO = re.compile(rb"0[0-9]")
_MANY_DIGITS = re.compile(rb"-?[0.]*+(?:[0-9]\.?){%d}" % (_MOST_DIGITS + 1))
# What texts begin with that are guarded; most texts begin otherwise.
_MAY_BE_GUARDED = re.compile(
    rb"[-+=@\t\r.0-9adfjmnopstwADFJMNOPSTW]|\xec\x98\xa4|\xef\xbc[\x8b\x8d\x9d\xa0]"
)
# Some versions of Excel run what begins with one of these in full width, too.
_RUN = re.compile(rb"[-+=@\t\r]|\xef\xbc[\x8b\x8d\x9d\xa0]")


def is_guarded_text(text: bytes | memoryview) -> bool:
    """Whether Excel would show or run a text otherwise."""
    if not _MAY_BE_GUARDED.match(text):
        return False
    if _RUN.match(text):
        return True
    if _PLAIN.fullmatch(text):
        return len(text) > _MOST_SHOWN or bool(_LEADING_ZERO.match(text))
    return len(text) <= _MOST_BYTES and bool(_FORM.fullmatch(bytes(text).lower().decode()))


def is_guarded_number(number: bytes | memoryview) -> bool:
    """Whether a number of JSON has more digits than Excel keeps."""
    return len(number) > _MOST_DIGITS and bool(_MANY_DIGITS.match(number))


# ---------------------------------------------------------------------------------------------
# How they are guarded

_CHARACTER = re.compile(rb'""|[\x00-\x7f]|[\xc0-\xdf].|[\xe0-\xef]..|[\xf0-\xff]...', re.DOTALL)
# A character has at most three bytes for each unit.
_ENOUGH_BYTES = 3 * (_MOST_UNITS + 2)


def guarded(text: bytes) -> bytes:
    """The cell with the formula that yields a text: strings, which `&` joins."""
    return b"".join(guarded_pieces(text))


def guarded_pieces(text: bytes | memoryview) -> Iterator[bytes]:
    """The same in pieces."""
    yield b'"=""'
    start = 0
    while start < len(text):
        end = _string_end(text, start)
        yield bytes(text[start:end]).replace(b'""', b'""""')
        if end < len(text):
            yield b'""&""'
        start = end
    yield b'"""'


def _string_end(text: bytes | memoryview, start: int) -> int:
    """Where a string ends that begins there and is as long as Excel takes it, quotes doubled."""
    if len(text) - start <= _MOST_UNITS:  # UTF-8 is never shorter
        return len(text)
    units = 0
    for one in _CHARACTER.finditer(text, start, start + _ENOUGH_BYTES):
        units += 2 if one[0] == b'""' or len(one[0]) == 4 else 1
        if units > _MOST_UNITS:
            return one.start()
    return len(text)
