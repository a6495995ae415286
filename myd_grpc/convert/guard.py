"""Cells that Excel would show or run otherwise, and their formulas (docs/spec.md 3.15).

Texts are UTF-8 as they are between the quotes of a marked cell, where each quote is doubled.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from string import ascii_lowercase, ascii_uppercase

_MOST_UNITS = 255
"""How long a string in a formula may be, in UTF-16 code units."""
_MOST_DIGITS = 15
"""How many digits of a number Excel keeps."""
_MOST_SHOWN = 11
"""How many characters of a plain number Excel shows in any case."""

# ---------------------------------------------------------------------------------------------
# The forms of texts that Excel takes for something else. They are written so that all engines can
# read them: literals, groups, alternatives and repetitions, and classes of ASCII alone.


def _either(*forms: str) -> str:
    return f"(?:{'|'.join(forms)})"


def _maybe(*forms: str) -> str:
    return f"(?:{''.join(forms)})?"


_DIGITS, _GROUP, _UP_TO_FOUR, _YEAR = "[0-9]+", "[0-9]{1,2}", "[0-9]{1,4}", "[0-9]{4}"
_BESIDE = ("[-+%$]", "₩", "¥", "£", "€")
_BEFORE, _BEHIND = _either(*_BESIDE, r"\("), _either(*_BESIDE, r"\)")
_MANTISSA = _either(r"[0-9][0-9,]*(?:\.[0-9]*)?", r"\.[0-9]+")
_NUMBER = f"(?:{_BEFORE} *)*{_MANTISSA}(?: *e *[-+]?{_DIGITS})?(?: *{_BEHIND})*"

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
    _NUMBER,
    f"{_DATE}(?:(?:t| *){_TIME}z?)?",
    f"{_TIME}(?: +{_DATE})?",
    f"(?:{_DIGITS} +)?{_DIGITS} */ *{_DIGITS}",
    "true|false",
)
"""Texts that Excel takes for something else, once white space, width and case are folded."""

# ---------------------------------------------------------------------------------------------
# Which cells

_FORM = re.compile("|".join(FORMS))
_PLAIN = re.compile(rb"[0-9]+(?:\.[0-9]+)?")
# What texts begin with that are guarded, be it after white space; most texts begin otherwise.
_MAY_BE_GUARDED = re.compile(
    rb"[-+=@ \t\r\n.($%0-9adfjmnopstwADFJMNOPSTW]"
    rb"|\xc2[\xa0\xa3\xa5]|\xe2\x82|\xe3\x80\x80|\xec\x98\xa4|\xef[\xbc\xbd\xbf]"
)
_ASCII = "".join(map(chr, range(0x21, 0x7F)))
_FULL_WIDTH = "".join(chr(ord(character) + 0xFEE0) for character in _ASCII)
_FOLDED = str.maketrans(
    _FULL_WIDTH + "￦￥￡\u00a0\u3000" + ascii_uppercase,
    _ASCII.lower() + "₩¥£  " + ascii_lowercase,
)


def is_guarded_text(text: bytes) -> bool:
    """Whether Excel would show or run a text otherwise."""
    if not _MAY_BE_GUARDED.match(text):
        return False
    if _PLAIN.fullmatch(text):
        return not _is_shown_as_it_is(text)
    folded = text.decode().translate(_FOLDED).strip(" \t\r\n")
    is_run = text.startswith((b"\t", b"\r")) or folded.startswith(("=", "+", "-", "@"))
    return is_run or bool(_FORM.fullmatch(folded))


def _is_shown_as_it_is(plain: bytes) -> bool:
    """Whether Excel shows digits, or digits around a point, as they are."""
    begins_with_zero = plain.startswith(b"0") and plain[1:2] not in (b"", b".")
    ends_with_zero = b"." in plain and plain.endswith(b"0")
    return len(plain) <= _MOST_SHOWN and not begins_with_zero and not ends_with_zero


def is_guarded_number(number: bytes) -> bool:
    """Whether a number of JSON has more digits than Excel keeps."""
    if len(number) <= _MOST_DIGITS:  # as usual
        return False
    mantissa = number.lower().partition(b"e")[0]
    return len(mantissa.translate(None, b"-.").lstrip(b"0")) > _MOST_DIGITS


# ---------------------------------------------------------------------------------------------
# How they are guarded

_CHARACTER = re.compile('""|.', re.DOTALL)


def guarded(text: bytes) -> bytes:
    """The cell with the formula that yields a text: strings, which `&` joins."""
    return b'"=""%b"""' % b'""&""'.join(one.replace(b'""', b'""""') for one in _pieces(text))


def _pieces(text: bytes) -> Iterator[bytes]:
    """The text in pieces as long as a string in a formula may be, where quotes are doubled, too."""
    if len(text) <= _MOST_UNITS:  # UTF-8 is never shorter
        yield text
        return
    found, start = text.decode(), 0
    while start < len(found):
        end = _piece_end(found, start)
        yield found[start:end].encode()
        start = end


def _piece_end(found: str, start: int) -> int:
    units, most = 0, start + _MOST_UNITS
    for one in _CHARACTER.finditer(found, start, most + 1):
        units += 2 if one[0] == '""' or one[0] > "\uffff" else 1
        if units > _MOST_UNITS:
            return one.start()
    return most
