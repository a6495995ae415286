"""Where a JSON value ends, found by its brackets and strings alone, fast and without checking it.

A malformed value may end too early or never; whoever parses what was found sees that.
"""

from __future__ import annotations

import re

from myd_grpc.convert.jsontext.patterns import OR_NOTHING
from myd_grpc.convert.jsontext.window import Window

STRING = rb'"[^"\\]*+(?:\\[\x00-\xff][^"\\]*+' + OR_NOTHING + rb')*+"'
# Everything up to the next bracket that matters: containers without containers in them are
# skipped as a whole, because most of a document consists of them.
FLAT = rb'[^"{}\[\]]*+(?:' + STRING + rb'[^"{}\[\]]*+' + OR_NOTHING + rb")*+"
SKIP = re.compile(FLAT + rb"(?:[\[{]" + FLAT + rb"[\]}]" + FLAT + OR_NOTHING + rb")*+")
_WHOLE_STRING = re.compile(STRING)
_SCALAR = re.compile(rb'[^ \t\n\r,:"\[\]{}]*+')


class TooLongError(Exception):
    """A value is longer than it may be, or goes on for ever."""


class UnfinishedError(Exception):
    """The file ends before the value does."""


def value_end(window: Window, start: int, max_bytes: int) -> int:
    """The position after the value at `start`; raises TooLongError or UnfinishedError."""
    first = window.data[start]
    if first in b"{[":
        end = _container_end(window, start, max_bytes)
    elif first == ord('"'):
        end = string_end(window, start, max_bytes)
    else:
        end = _scalar_end(window, start, max_bytes)
    if end - start > max_bytes:
        raise TooLongError
    return end


def string_end(window: Window, start: int, max_bytes: int) -> int:
    """The position after the string at `start`; raises TooLongError or UnfinishedError."""
    while not (match := _WHOLE_STRING.match(window.data, start)):
        _extend(window, start, max_bytes)
    if match.end() - start > max_bytes:
        raise TooLongError
    return match.end()


def _container_end(window: Window, start: int, max_bytes: int) -> int:
    depth, position = 1, start + 1
    skip = SKIP.match
    while depth:
        data = window.data
        position = skip(data, position).end()  # type: ignore[union-attr]
        if position == len(data) or data[position] == 34:
            # At the end of what was read, or before a string that goes on after it.
            _extend(window, start, max_bytes)
        else:
            depth += 1 if data[position] in b"{[" else -1
            position += 1
    return position


def _scalar_end(window: Window, start: int, max_bytes: int) -> int:
    while True:
        end = _SCALAR.match(window.data, start).end()  # type: ignore[union-attr]
        if end < len(window.data) or not window.extend():
            # At least one byte, so that whoever reads on gets ahead.
            return max(end, start + 1)
        if end - start > max_bytes:
            raise TooLongError


def _extend(window: Window, start: int, max_bytes: int) -> None:
    size = len(window.data)
    if size - start > max_bytes:
        raise TooLongError
    # A long value is read in ever longer steps: what is looked at twice stays in proportion.
    window.hold(size + max(1, (size - start) // 2))
    if len(window.data) == size:
        raise UnfinishedError
