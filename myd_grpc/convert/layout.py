"""Where the records of a document are: down its record path, and which layout is there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from myd_grpc.convert.boundary import TooLongError, UnfinishedError, value_end
from myd_grpc.convert.engine import Outline
from myd_grpc.convert.jsontext import parse
from myd_grpc.convert.model import Layout
from myd_grpc.convert.strict import StrictReader
from myd_grpc.convert.window import Window

RECOGNISED_BYTES = 1 << 20
"""How much of a document the layout is recognised from (SPEC section 2)."""

_STRING = rb'"[^"\\]*+(?:\\[\x00-\xff][^"\\]*+)*+"'
_FLAT = rb'(?:[^][{}"]++|' + _STRING + rb")*+"
_KEY = re.compile(rb"[ \t\n\r,]*+(" + _STRING + rb")[ \t\n\r]*+:[ \t\n\r]*+")
# The usual values: all but containers in containers.
_PLAIN = re.compile(
    rb'[^][{}", \t\n\r:]++|' + _STRING + rb"|\{" + _FLAT + rb"\}|\[" + _FLAT + rb"\]"
)


def recognise(
    head: bytes,
    section_names: frozenset[str],
    *,
    documents: bool,
    outline: Outline | None = None,
) -> Layout:
    """The layout of a value that begins with `head` (SPEC section 2, AUTO).

    `documents` says whether other documents may follow; a value inside a document has none.
    Malformed text is recognised as far as it goes: reading it will fail anyway.
    """
    if head[:1] == b"[":
        return Layout.ARRAY
    is_object = head[:1] == b"{"
    window = Window.over(outline(head) if outline and is_object else head, 0)
    if documents and _another_follows(window):
        return Layout.LINES
    return Layout.KEYED if is_object and _holds_records(window, section_names) else Layout.SINGLE


def _another_follows(window: Window) -> bool:
    """Whether the first value ends in the window and something else begins after it."""
    size = len(window.data)
    end = _end(window, 0) if size else None
    return end is not None and window.skip_space(end) < size


def _holds_records(window: Window, section_names: frozenset[str]) -> bool:
    """Whether the members of the object there look like records, each with an id as its key.

    A member is seen when the first byte of its value is in the window.
    """
    objects, sections = list[_Member](), True
    for member in _members(window, 1):
        if window.data[member.start] != ord("{"):
            return False
        objects.append(member)
        sections = sections and member.key in section_names
    return not sections and not _differ(window, objects)


def _differ(window: Window, objects: Sequence[_Member]) -> bool:
    """Whether there are several, and one shares no key with the first: parts, not records.

    One that does not end in the window may share a key later. An empty one has none to compare:
    a user without data must not make a single record of all users. It counts where all are empty.
    """
    rest = iter(objects)
    first = next((one for one in rest if _is_filled(window, one)), None)
    if first is None:
        return len(objects) > 1
    wanted = {member.key for member in _within(window, first)}
    # Records mostly begin alike, which is seen at a glance.
    key = _KEY.match(window.data, first.start + 1)
    beginning = window.data[first.start : key.end()] if key else b"{"
    begins = window.data.startswith
    return any(
        not begins(beginning, one.start)
        and one.end is not None
        and _is_filled(window, one)
        and not any(member.key in wanted for member in _within(window, one))
        for one in rest
    )


def _is_filled(window: Window, one: _Member) -> bool:
    """Whether an object has members, or may have some beyond the window."""
    return one.end is None or next(_within(window, one), None) is not None


class _Member(NamedTuple):
    """A member: its key, where its value begins, and where that ends if it does."""

    key: str
    start: int
    end: int | None


def _within(window: Window, one: _Member) -> Iterator[_Member]:
    """The members of a member that is an object."""
    return _members(window, one.start + 1)


def _members(window: Window, position: int) -> Iterator[_Member]:
    """The members from `position` on, a place in an object, whose values begin in the window."""
    data = window.data
    while match := _KEY.match(data, position):
        start, key = match.end(), _key(match[1])
        if start == len(data) or key is None:
            return
        plain = _PLAIN.match(data, start)
        end = plain.end() if plain else _end(window, start)
        yield _Member(key, start, end)
        if end is None:
            return
        position = end


def _key(text: bytes) -> str | None:
    """The key that this is the text of, None if it is malformed."""
    try:
        return str(parse(text)) if b"\\" in text else text[1:-1].decode()
    except ValueError:
        return None


def _end(window: Window, start: int) -> int | None:
    """Where the value at `start` ends, None where the window ends before."""
    try:
        return value_end(window, start, len(window.data))
    except (TooLongError, UnfinishedError):
        return None


def descend(reader: StrictReader, record_path: str) -> None:
    """Reads a document from its start to the value at `record_path` ("a.b": member b of member a).

    Raises KeyError when there is none, and TextError for malformed text on the way.
    """
    for key in record_path.split("."):
        if not _enter(reader, key):
            raise KeyError(key)


def _enter(reader: StrictReader, wanted: str) -> bool:
    """Reads up to the value of the first member `wanted` of the object that comes next."""
    level = reader.depth
    token = reader.next()
    if token is None or token.kind != "{":
        return False
    while (token := reader.next()) and token.depth > level:
        if token.kind == "key" and token.depth == level + 1 and parse(token.text) == wanted:
            reader.next()
            return True
    return False
