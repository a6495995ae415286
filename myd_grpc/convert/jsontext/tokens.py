"""Where a token of JSON text (RFC 8259) ends, and at which byte it goes wrong.

A text is given as far as it was read: `data`, which begins with the token, at the offset `base` of
the file. `last` says that nothing comes after it. The functions answer None when it takes more text
to tell.
"""

from __future__ import annotations

import re

from myd_grpc.convert.jsontext.patterns import OR_NOTHING

MALFORMED_UTF8 = "malformed UTF-8"
"""What a TextError says of bytes that are no UTF-8."""

IF_CUT_OFF = "if the file is cut off, fetch it again"
"""What a TextError says where a text ends too early."""

NO_VALUE = "there is no JSON value in the file; fetch it again, or leave it out"
"""What is said of a text of white space, or of nothing."""

_UTF8 = (
    rb"[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}"
    rb"|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}"
    rb"|\xf4[\x80-\x8f][\x80-\xbf]{2}"
)
_IN_STRING = (
    rb'(?:[^"\\\x00-\x1f\x80-\xff]++|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4}|'
    + _UTF8
    + OR_NOTHING
    + rb")*+"
)
_CHARACTERS = re.compile(_IN_STRING)
_ESCAPE = re.compile(rb"\\(?:u[0-9a-fA-F]{0,3}+)?+")
# What a number begins with, as far as it goes.
_NUMBER_PREFIX = re.compile(
    rb"-?+(?:0|[1-9][0-9]*+)?+(?:(?<=[0-9])\.[0-9]*+%b)?+(?:(?<=[0-9])[eE][+-]?+[0-9]*+%b)?+"
    % (OR_NOTHING, OR_NOTHING)
)
# A whole number.
NUMBER = rb"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?"
"""A pattern of a number."""
_NUMBER = re.compile(NUMBER)
STRING = rb'"' + _IN_STRING + rb'"'
"""A pattern of a string."""
_LITERALS = (b"true", b"false", b"null")


class TextError(Exception):
    """The text cannot go on at `offset`, or goes deeper or on for longer there than is allowed."""

    def __init__(
        self, offset: int, what: str, *, too_deep: bool = False, too_long: bool = False
    ) -> None:
        super().__init__(what)
        self.offset = offset
        self.what = what
        self.too_deep = too_deep
        self.too_long = too_long

    @property
    def is_explained(self) -> bool:
        """Whether it says more than what was expected."""
        return "; " in self.what


def string_token_end(data: bytearray, base: int, last: bool) -> int | None:
    """The position after a string; raises TextError."""
    end = _CHARACTERS.match(data, 1).end()  # type: ignore[union-attr]
    following = data[end : end + 1]
    if following == b'"':
        return end + 1
    if (
        not following
        or (following == b"\\" and _cut_escape(data, end))
        or _cut_character(data, end)
    ):
        _require_more(base + len(data), f"the text ends within a string; {IF_CUT_OFF}", last)
        return None
    if following == b"\\":
        wrong = _ESCAPE.match(data, end).end()  # type: ignore[union-attr]
        raise TextError(base + wrong, "no such escape in a string")
    if following[0] < 0x20:
        raise TextError(base + end, "a control character in a string must be escaped")
    raise TextError(base + end, MALFORMED_UTF8)


def _cut_escape(data: bytearray, end: int) -> bool:
    return _ESCAPE.match(data, end).end() == len(data)  # type: ignore[union-attr]


def _cut_character(data: bytearray, end: int) -> bool:
    """Whether the text ends within the UTF-8 sequence that begins at `end`."""
    tail = data[end:]
    if len(tail) > 3 or not tail or tail[0] < 0x80:
        return False
    try:
        tail.decode()
    except UnicodeDecodeError as error:
        return error.start == 0 and error.reason == "unexpected end of data"
    return False


def lone_scalar_end(data: bytearray, end: int, base: int, last: bool) -> int | None:
    """`end` if a document that is a lone number or literal may end there; raises TextError."""
    if end == len(data):
        return end if last else None
    if data[end] not in b' \t\n\r"[{':
        raise TextError(base + end, "expected white space after the value")
    return end


def scalar_token_end(data: bytearray, base: int, last: bool) -> int | None:
    """The position after a number or literal; raises TextError."""
    for literal in _LITERALS:
        if data[0] == literal[0]:
            return _literal_end(data, base, last, literal)
    if data[0] not in b"-0123456789":
        raise TextError(base, "expected a value")
    end = _NUMBER_PREFIX.match(data).end()  # type: ignore[union-attr]
    if end == len(data) and not last:
        return None
    if _NUMBER.fullmatch(data, 0, end):
        return end
    is_cut = end == len(data)
    what = f"the text ends within a number; {IF_CUT_OFF}" if is_cut else "expected a digit"
    raise TextError(base + end, what)


def _literal_end(data: bytearray, base: int, last: bool, literal: bytes) -> int | None:
    found = data[: len(literal)]
    same = next((i for i, (a, b) in enumerate(zip(found, literal, strict=False)) if a != b), None)
    if same is not None:
        raise TextError(base + same, f"expected {literal.decode()}")
    if len(found) < len(literal):
        _require_more(base + len(data), f"the text ends within a literal; {IF_CUT_OFF}", last)
        return None
    return len(literal)


def _require_more(offset: int, what: str, last: bool) -> None:
    if last:
        raise TextError(offset, what)
