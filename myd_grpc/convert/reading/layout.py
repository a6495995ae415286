"""Which layout the records of a document have."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import ijson

from myd_grpc.convert.jsontext.boundary import TooLongError, UnfinishedError, value_end
from myd_grpc.convert.jsontext.patterns import OR_NOTHING
from myd_grpc.convert.jsontext.window import Window
from myd_grpc.options import Layout

RECOGNISED_BYTES = 1 << 20
"""How much of a document the layout is recognised from (docs/spec.md 2.5)."""

# How many more containers are open after an event of ijson.
_STEPS = {"start_map": 1, "start_array": 1, "end_map": -1, "end_array": -1}
# ijson fails at surrogates without their other half.
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
# ijson makes a number of every digit string, which takes time quadratic in its length and kills
# the process beyond 4,300 digits.
_MANY_DIGITS = re.compile(rb"[0-9]{1000}")
# Nor can it make a decimal of some of these.
_LARGE_EXPONENT = re.compile(rb"[eE][+-]?+[0-9]{16}")
# What is left of many digits where one byte of _DISTANCE is looked at, which is quick.
SEPARATOR = "\x1e"
"""That of records, with which each document begins in RFC 7464."""

_FEW_DIGITS = re.compile(rb"[0-9]{9}")
# A prime, as records may all have the same length.
_DISTANCE = 101
_CHARACTERS = rb'[^"\\]*+(?:\\[\x00-\xff][^"\\]*+' + OR_NOTHING + rb")*+"
_STRINGS_AND_DIGITS = re.compile(rb'"' + _CHARACTERS + rb'"?|[0-9]{10,}')
# A pair, the half of one, any other escape.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(u[dD][89a-fA-F][0-9a-fA-F]{2})|[\x00-\xff])"
)
# Text in which every string ends.
_WHOLE_STRINGS = re.compile(rb'[^"]*+(?:"' + _CHARACTERS + rb'"[^"]*+' + OR_NOTHING + rb")*+")


def recognise(
    head: bytes,
    section_names: frozenset[str],
    *,
    documents: bool,
    outline: Callable[[bytes], bytes],
) -> Layout:
    """The layout of a value that begins with `head` (docs/spec.md 2.5).

    `documents` says whether other documents may follow; a value inside a document has none.
    `outline` is an engine's.
    Malformed text is recognised as far as it goes: reading it will fail anyway.
    """
    if head[:1] == b"[":
        return Layout.ARRAY
    is_object = head[:1] == b"{"
    if is_object:
        head = outline(head)
    if documents and _another_follows(head):
        return Layout.LINES
    return Layout.KEYED if is_object and _holds_records(head, section_names) else Layout.SINGLE


def _another_follows(head: bytes) -> bool:
    """Whether the first value ends in `head` and something else begins after it."""
    window = Window.over(head, 0)
    try:
        end = value_end(window, 0, len(head))
    except (TooLongError, UnfinishedError):
        return False
    # A record separator is what follows: after the last document, too, there are no others.
    return window.skip_space(end) < len(head)


def _holds_records(head: bytes, section_names: frozenset[str]) -> bool:
    """Whether the members of the object there look like records, each with an id as its key.

    They are parts, not records, where there are several, and one shares no key with the first. One
    that does not end in the head may share a key later. An empty one has none to compare: a user
    without data must not make a single record of all users. It counts where all are empty.
    """
    are_sections, empty = True, 0
    first: _Member | None = None
    for one in _members(head):
        if not one.is_object:
            return False
        are_sections = are_sections and one.key in section_names
        if one.is_whole and not one.keys:
            empty += 1
            continue
        first = first or one
        if one.is_whole and first.keys.isdisjoint(one.keys):
            return False
    return not are_sections and (first is not None or empty == 1)


@dataclass(slots=True)
class _Member:
    """A member of an object; if it is one itself, its keys, and whether its end was seen."""

    key: str
    is_object: bool
    keys: set[str] = field(default_factory=set)
    is_whole: bool = False


def _members(head: bytes) -> Iterator[_Member]:
    """The members of the object that `head` begins with, each as far as it is there.

    A member is one of those seen when the first byte of its value is in `head`.
    """
    depth = 0
    key: str | None = None
    one: _Member | None = None
    for event, value in _events(head):
        if depth > 2:
            # Most of a document: nothing but where it ends tells anything.
            depth += _STEPS.get(event, 0)
            continue
        if event == "map_key":
            if one is None:
                key = str(value)
            else:
                one.keys.add(str(value).replace("\0", "\ufffd"))
            continue
        step = _STEPS.get(event, 0)
        if key is not None:
            one, key = _Member(key, event == "start_map"), None
        depth += step
        if one and depth == 1:
            one.is_whole = True
            yield one
            one = None
        if depth == 0:
            return
    if one:
        yield one
    # An object would have shown itself with its first byte.
    elif key is not None and _cut_in_value(head):
        yield _Member(key, is_object=False)


def _cut_in_value(head: bytes) -> bool:
    """Whether text that ends after a key, as far as events tell, has begun that key's value."""
    if not _WHOLE_STRINGS.fullmatch(head):
        return True
    return not head.rstrip(b" \t\r\n").endswith((b":", b'"'))


def _events(head: bytes) -> Iterator[tuple[str, object]]:
    """ijson's events of what `head` begins with, as far as they go."""
    if _is_harmful(head):
        head = _STRINGS_AND_DIGITS.sub(_harmless, head)
    try:
        yield from ijson.basic_parse(io.BytesIO(head), multiple_values=True)
    except (ijson.JSONError, UnicodeDecodeError):
        return


def _is_harmful(head: bytes) -> bool:
    has_many_digits = _FEW_DIGITS.search(head[::_DISTANCE]) and _MANY_DIGITS.search(head)
    return bool(has_many_digits or _SURROGATE.search(head) or _LARGE_EXPONENT.search(head))


def _harmless(found: re.Match[bytes]) -> bytes:
    """A string with halves of surrogates as they are read, or fewer digits."""
    if not found[0].startswith(b'"'):
        return b"1"
    if b"\\u" not in found[0]:
        return found[0]
    return _ESCAPE.sub(lambda escape: rb"\ufffd" if escape[1] else escape[0], found[0])
