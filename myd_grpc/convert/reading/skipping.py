"""Where a broken record ends, found without holding it (docs/spec.md 11.8)."""

from __future__ import annotations

import re

from myd_grpc.convert.jsontext.boundary import SKIP
from myd_grpc.convert.jsontext.patterns import OR_NOTHING
from myd_grpc.convert.jsontext.window import Window

_PIECE = 1 << 20
_CHARACTERS = re.compile(rb'[^"\\]*+(?:\\[\x00-\xff][^"\\]*+' + OR_NOTHING + rb")*+")
_SCALAR = re.compile(rb'[^ \t\n\r,:"\[\]{}]*+')
NO_VALUE = frozenset(",:]}")
"""What no value begins with: there is no record then whose end could be found."""


def skip_line(window: Window) -> None:
    """Drops what there is up to the next line feed, or to the end of the file."""
    while (end := window.data.find(b"\n")) < 0:
        window.drop(len(window.data))
        if not window.extend():
            return
    window.drop(end)


def skip_member(window: Window) -> bool:
    """Drops a member of an object; False where it has no name, colon or end."""
    if window.byte(0) != '"' or not _skip_string(window):
        return False
    window.drop_space()
    if window.byte(0) != ":":
        return False
    window.drop(1)
    window.drop_space()
    return skip_value(window)


def skip_value(window: Window) -> bool:
    """Drops a value, by its brackets and quotes alone; False where none ends there."""
    first = window.byte(0)
    if not first or first in NO_VALUE:
        return False
    if first == '"':
        return _skip_string(window)
    if first in "{[":
        return _skip_container(window)
    while True:
        window.drop(_SCALAR.match(window.data).end())  # type: ignore[union-attr]
        if window.data or not window.extend():
            return True


def _skip_string(window: Window) -> bool:
    position = 1
    while True:
        end = _CHARACTERS.match(window.data, position).end()  # type: ignore[union-attr]
        if window.byte(end) == '"':
            window.drop(end + 1)
            return True
        # A backslash at the end of what was read stays before what it escapes.
        window.drop(end)
        position = 0
        if not window.extend():
            return False


def _skip_container(window: Window) -> bool:
    depth, position = 1, 1
    while depth:
        position = SKIP.match(window.data, position).end()  # type: ignore[union-attr]
        byte = window.byte(position)
        if byte and byte in "{[]}":
            depth += 1 if byte in "{[" else -1
            position += 1
            continue
        # At the end of what was read, or before a string that goes on after it.
        window.drop(position)
        position, size = 0, len(window.data)
        if size > _PIECE:
            if not _skip_string(window):
                return False
        elif not window.extend():
            return False
    window.drop(position)
    return True
