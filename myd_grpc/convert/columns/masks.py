"""What masks make of cells (docs/spec.md 11.4, 11.5)."""

from __future__ import annotations

import hmac
import re
import unicodedata
from base64 import b32encode
from collections.abc import Callable

from myd_grpc.convert.columns.rules import ColumnRules, Treatment
from myd_grpc.options import MaskMethod

Mask = Callable[[str], str]
"""Makes a masked text of a cell's, which is not empty; the empty text stands for null."""

_REDACTED = "***"
_PSEUDONYM_BYTES = 16
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
    prefix = domain.encode() + b"\0"

    def pseudonym(text: str) -> str:
        digest = hmac.digest(key, prefix + normalised(text).encode(), "sha256")
        return "p" + b32encode(digest[:_PSEUDONYM_BYTES]).decode().rstrip("=").lower()

    return pseudonym


def normalised(text: str) -> str:
    """The text of which a pseudonym is made: an account is one however its number is written."""
    text = unicodedata.normalize("NFC", text)
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
