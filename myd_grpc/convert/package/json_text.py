"""JSON text some at a time: a description may be longer than what is to be in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec.json import Encoder

_encode = Encoder().encode


class Lines:
    """A list of which each item is on a line of its own; they are taken when they are written."""

    def __init__(self, items: Iterable[object]) -> None:
        self.items = items


class Members(dict[str, Any]):
    """An object of which each member is on a line of its own."""


def text(value: object) -> Iterator[bytes]:
    """The text of a value, in pieces; what is neither `Lines` nor `Members` is in one line."""
    yield from _pieces(value, b"\n")
    yield b"\n"


def _pieces(value: object, line: bytes) -> Iterator[bytes]:
    """The text of a value in a line that begins so."""
    if isinstance(value, Members):
        yield from _members(value, line)
    elif isinstance(value, Lines):
        yield from _items(value, line)
    else:
        yield _encode(value)


def _members(value: Members, line: bytes) -> Iterator[bytes]:
    inner, before = line + b" ", b"{"
    for name, member in value.items():
        yield before + inner + _encode(name) + b": "
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
    if isinstance(value, Members):
        members = [
            b"%b%b: %b" % (inner, _encode(name), _whole(member, inner))
            for name, member in value.items()
        ]
        return b"{%b%b}" % (b",".join(members), line) if members else b"{}"
    if isinstance(value, Lines):
        items = [inner + _whole(item, inner) for item in value.items]
        return b"[%b%b]" % (b",".join(items), line) if items else b"[]"
    return _encode(value)
