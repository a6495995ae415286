"""Parsing of one whole JSON value with every digit kept, for the Python engine.

The standard library's scanner is strict but for NaN and Infinity, fast, and hands numbers over as
they are written. Objects come out as tuples of pairs, so that repeated keys and their order stay.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from json.decoder import JSONDecoder
from json.encoder import encode_basestring
from typing import Any, NoReturn


class Number(str):
    """A number's text, exactly as written."""

    __slots__ = ()


class Word(str):
    """The text of `true` or `false`, which is no string either."""

    __slots__ = ()


_TRUE, _FALSE = Word("true"), Word("false")


Value = Any
"""str, Number, bool, None, list of values, or tuple of (key, value) pairs for an object.

Recursive types are not worth their cost to readers here."""

# Escapes that stand for U+0000, or for a surrogate that may lack its other half.
_SUSPECT = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_SURROGATE = re.compile("[\ud800-\udfff]")
_SAME_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def _refuse(_constant: str) -> NoReturn:
    raise ValueError("not JSON")


_scan = JSONDecoder(
    parse_float=Number, parse_int=Number, parse_constant=_refuse, object_pairs_hook=tuple
).scan_once  # type: ignore[attr-defined]


def nfc(text: str) -> str:
    """The text in NFC: what macOS decomposes is the same text."""
    return unicodedata.normalize("NFC", text)


def parse(data: bytes | memoryview, levels: int | None = None) -> Value:
    """The value that `data` is the text of; raises ValueError or RecursionError when it is bad.

    With `levels`, it is also bad when it nests more containers than that. Unpaired surrogates are
    U+FFFD, and so is U+0000 outside of lists of scalars (docs/spec.md 2.4).
    """
    text = str(data, "utf-8")
    try:
        value, end = _scan(text, 0)
    except StopIteration:
        raise ValueError("not JSON") from None
    if end != len(text):
        raise ValueError("not one value")
    if levels is not None and _may_nest_deeper(data, levels) and depth_of(value) > levels:
        raise ValueError("nested too deep")
    return _clean(value) if _SUSPECT.search(data) else value


def parse_items(
    data: bytes, is_object: bool, is_scalar_list: bool
) -> list[Value] | tuple[Value, ...]:
    """Some members of an object, or elements of a list, with commas between them; see `parse`.

    `is_scalar_list` is whether all elements of that list are scalars.
    """
    items: list[Value] = parse(b"{%b}" % data if is_object else b"[%b]" % data)
    if is_object or is_scalar_list or b"\\u0000" not in data:
        return items
    return [item.replace("\0", "\ufffd") if type(item) is str else item for item in items]


def _may_nest_deeper(data: bytes | memoryview, levels: int) -> bool:
    """A quick look at the brackets alone; those in strings may mislead it to say yes."""
    brackets = bytes(data).translate(_SAME_BRACKETS, _NO_BRACKETS)
    for _ in range(levels):
        # Each round takes the innermost containers away: one level.
        brackets = brackets.replace(b"[]", b"")
    return bool(brackets)


def depth_of(value: Value) -> int:
    """How many containers it nests."""
    if type(value) is tuple:
        return 1 + max((depth_of(member) for _, member in value), default=0)
    if type(value) is list:
        return 1 + max(map(depth_of, value), default=0)
    return 0


def _clean(value: Value) -> Value:
    kind = type(value)
    if kind is str:
        return _without_surrogates(value).replace("\0", "\ufffd")
    if kind is tuple:
        return tuple((_clean(key), _clean(member)) for key, member in value)
    if kind is list:
        if is_scalar_list(value):
            return [_without_surrogates(item) if type(item) is str else item for item in value]
        return [_clean(item) for item in value]
    return value


def _without_surrogates(text: str) -> str:
    return _SURROGATE.sub("\ufffd", text)


def is_scalar_list(items: list[Value]) -> bool:
    """Whether a list holds neither an object nor a list."""
    return not any(type(item) is tuple or type(item) is list for item in items)


def compact(items: list[Value]) -> str:
    """A list of scalars as compact JSON text (docs/spec.md 3.2)."""
    return f"[{compact_items(items)}]"


def compact_items(items: Iterable[Value]) -> str:
    """Some elements of a list of scalars as compact JSON text, without brackets."""
    return ",".join(map(_scalar_text, items))


def _scalar_text(value: Value) -> str:
    if type(value) is str:
        # Escapes only what RFC 8259 requires, in its short forms where there are any.
        escaped: str = encode_basestring(value)
        return escaped
    return cell_text(value) or "null"


def cell_text(value: Value) -> str:
    """The text of a scalar that is no string, of another class; null is the empty text."""
    if value is None:
        return ""
    if value is True:
        return _TRUE
    return _FALSE if value is False else value
