"""JSON text some at a time: a description may be longer than what is to be in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from msgspec.json import Encoder

encoded = Encoder().encode
"""The text of a value in one line."""

_NAMES = 256


class Lines:
    """A list of which each item is on a line of its own; they are taken when they are written."""

    def __init__(self, items: Iterable[object]) -> None:
        self.items = items


class Members(dict[str, Any]):
    """An object of which each member is on a line of its own."""


def text(value: object) -> Iterator[bytes]:
    """The text of a value, in pieces; what is none of the above is in one line.

    Bytes are JSON text already.
    """
    yield from _pieces(value, b"\n")
    yield b"\n"


def _pieces(value: object, line: bytes) -> Iterator[bytes]:
    """The text of a value in a line that begins so."""
    if isinstance(value, Members):
        yield from _members(value, line)
    elif isinstance(value, Lines):
        yield from _items(value, line)
    else:
        yield _whole(value, line)


def _members(value: Members, line: bytes) -> Iterator[bytes]:
    inner, before = line + b" ", b"{"
    for name, member in value.items():
        yield before + inner + _begun(name)
        yield from _pieces(member, inner)
        before = b","
    yield b"{}" if before == b"{" else line + b"}"


def _items(value: Lines, line: bytes) -> Iterator[bytes]:
    inner, before = line + b" ", b"["
    for item in value.items:
        yield before + inner + _whole(item, inner)
        before = b","
    yield b"[]" if before == b"[" else line + b"]"


def _whole(value: object, line: bytes) -> bytes:
    """The text of an item at once: in pieces, each would be handed on as often as it lies deep."""
    inner = line + b" "
    match value:
        case bytes():
            return value
        case Members():
            members = (_begun(name) + _whole(member, inner) for name, member in value.items())
            return object_of(members, line)
        case Lines():
            return list_of([_whole(item, inner) for item in value.items], line)
        case _:
            return encoded(value)


def object_of(members: Iterable[bytes], line: bytes) -> bytes:
    """The text of an object, with the texts of its members, in a line that begins so."""
    inner = line + b" "
    text = (b"," + inner).join(members)
    return b"{%b%b%b}" % (inner, text, line) if text else b"{}"


def list_of(items: Iterable[bytes], line: bytes) -> bytes:
    """The text of a list, with the texts of its items, in a line that begins so."""
    inner = line + b" "
    text = (b"," + inner).join(items)
    return b"[%b%b%b]" % (inner, text, line) if text else b"[]"


@lru_cache(_NAMES)
def _begun(name: str) -> bytes:
    """What the text of a member begins with."""
    return encoded(name) + b": "
