"""What masks make of cells (docs/spec.md 11.4, 11.5)."""

from __future__ import annotations

import hmac
import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

from myd_grpc.convert.columns.rules import ColumnRules, Treatment
from myd_grpc.options import MaskMethod

Mask = Callable[[str], str]
"""Makes a masked text of a cell's, which is not empty; the empty text stands for null."""

_REDACTED = "***"
_PSEUDONYM_BYTES = 16
_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = tuple(first + second for first in _BASE32 for second in _BASE32)
"""The digits of each ten bits in base32 (RFC 4648)."""
_SHIFTS = tuple(range(120, -1, -10))
_KEPT_TEXTS = 1024
_KEPT_CHARACTERS = 64
"""Longer texts are looked at anew each time: few are met again, and they take much memory."""
# Numbers of accounts, cards and telephones, as people write them: also with digits hidden.
_NUMBER = re.compile(r"[0-9* -]+")
_WITHOUT_SEPARATORS = str.maketrans("", "", "- ")
_FORMS = {MaskMethod.MONTH: "{:%Y-%m}", MaskMethod.YEAR: "{:%Y}"}


def mask_of(treatment: Treatment, rules: ColumnRules) -> Mask | None:
    """What masks the cells of a column, None where they are written as they are.

    Raises ValueError where pseudonyms lack their key. REMOVE, of cells of a column that stays,
    makes null of all.
    """
    match treatment.method:
        case None | MaskMethod.KEEP:
            return None
        case MaskMethod.PSEUDONYM:
            return _pseudonyms(rules.key, treatment.domain)
        case MaskMethod.REMOVE:
            return lambda _: ""
        case MaskMethod.REDACT:
            return lambda _: _REDACTED
        case MaskMethod.PARTIAL:
            return partly_hidden
        case MaskMethod.MONTH | MaskMethod.YEAR:
            return _dates(_FORMS[treatment.method], rules.this_year)


def _pseudonyms(key: bytes, domain: str) -> Mask:
    if not key:
        raise ValueError("pseudonyms need a key")
    prepared = hmac.new(key, domain.encode() + b"\0", "sha256")

    def pseudonym(text: str) -> str:
        digest = prepared.copy()
        digest.update(normalised(text).encode())
        # Of the last digit, three bits are of the number and two are none.
        bits = int.from_bytes(digest.digest()[:_PSEUDONYM_BYTES]) << 2
        return "p" + "".join([_PAIRS[bits >> shift & 1023] for shift in _SHIFTS])

    kept = lru_cache(_KEPT_TEXTS)(pseudonym)
    return lambda text: (kept if len(text) <= _KEPT_CHARACTERS else pseudonym)(text)


def normalised(text: str) -> str:
    """The text of which a pseudonym is made: an account is one however its number is written."""
    if not text.isascii():
        return unicodedata.normalize("NFC", text)  # no such text is a number
    return text.translate(_WITHOUT_SEPARATORS) if _NUMBER.fullmatch(text) else text


def partly_hidden(text: str) -> str:
    """The first and the last character, and a `*` for each between; nothing of a single one.

    Of two characters, the last is hidden. Characters are code points of the NFC text.
    """
    text = unicodedata.normalize("NFC", text)
    hidden = len(text) - 2
    if hidden > 0:
        return f"{text[0]}{'*' * hidden}{text[-1]}"
    return f"{text[:1]}*" if hidden == 0 else "*"


def _dates(form: str, this_year: int) -> Mask:
    # Not needed where no dates are masked.
    from myd_grpc.convert.dates import read_time  # noqa: PLC0415

    def date(text: str) -> str:
        moment = read_time(str(text), this_year)
        return form.format(moment) if moment else ""

    return date
