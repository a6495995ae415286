"""What is wrong with a broken record, and in LINES where its line ends (docs/spec.md 11.8)."""

from __future__ import annotations

import re
from itertools import accumulate

from myd_grpc.convert.batch import Batch
from myd_grpc.convert.jsontext.boundary import (
    STRING,
    TooLongError,
    UnfinishedError,
    value_end,
)
from myd_grpc.convert.jsontext.strict import StrictReader
from myd_grpc.convert.jsontext.tokens import TextError
from myd_grpc.convert.jsontext.window import Window
from myd_grpc.convert.rejects import Flaw

_STRINGS = re.compile(STRING)
_BESIDE_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_LINE_END = re.compile(rb"\n")
_BLANK = b" \t\r"
_BEFORE_VALUE = (b",", b":", b"[")
_AFTER_VALUE = (",", "]", "}")
_OPENERS = ("{", "[")
_BLANK_TO_LINE_END = re.compile(rb"[ \t\r]*+\n")


def flaw_of(text: bytes, levels: int, reader: StrictReader) -> Flaw:
    """What is wrong first with a record's text, of which `reader` is one.

    It may nest so many containers.
    """
    # To read it strictly takes long.
    if text.count(b"[") + text.count(b"{") <= levels or _nesting(text) <= levels:
        return Flaw.MALFORMED
    try:
        reader.rest()
    except TextError as flaw:
        if flaw.too_deep:
            return Flaw.TOO_DEEP
    return Flaw.MALFORMED


def _nesting(text: bytes) -> int:
    """How many containers are open at once, by brackets and quotes alone."""
    brackets = _STRINGS.sub(b"", text).translate(None, _BESIDE_BRACKETS)
    return max(accumulate(1 if byte in b"[{" else -1 for byte in brackets), default=0)


def is_alone_in_line(batch: Batch, index: int, max_bytes: int) -> bool:
    """Whether nothing comes after a record up to the end of the line in which it begins.

    False also where the batch does not show it, or the line is longer than that.
    """
    start, end = batch.spans[index]
    if _LINE_END.search(batch.data, start, end):
        return False
    found = _BLANK_TO_LINE_END.match(batch.data, end)
    return bool(found) and found.end() - 1 - start <= max_bytes  # type: ignore[union-attr]


def line_end(window: Window, most: int) -> int | None:
    """Where the window's first line ends, None where that is after so many bytes."""
    end, searched = -1, 0
    while end < 0 and searched <= most:
        end = window.data.find(b"\n", searched)
        searched = len(window.data)
        if end < 0 and not window.extend():
            end = searched
    return end if 0 <= end <= most else None


def stops_at_line_end(window: Window, start: int, end: int, most: int) -> bool:
    """Whether a document from `start` on cannot go on after its first line, which ends at `end`.

    Nor with a value in a line of its own after that. It has no end in its first line, and is broken
    within so many bytes, then: after those, or before. False where that does not show by the bytes
    around the line ends.
    """
    last = bytes(memoryview(window.data)[start:end]).rstrip(_BLANK)[-1:]
    after = window.skip_space(end, most)
    if after - start > most or window.byte(after) not in _OPENERS:
        return False
    # A container begins where a value is due; within a string, the line end is a fault itself.
    return last not in _BEFORE_VALUE or _stops_after_value(window, start, after, most)


def _stops_after_value(window: Window, start: int, value: int, most: int) -> bool:
    """Whether a document from `start` on cannot go on after a value in it that is in one line."""
    line_end = window.data.find(b"\n", value)
    if line_end < 0:
        return False
    line = Window.over(memoryview(window.data)[value:line_end], 0)
    try:
        end = value + value_end(line, 0, most)
    except (TooLongError, UnfinishedError):
        return False
    after = window.skip_space(end, most)
    return after - start <= most and window.byte(after) not in _AFTER_VALUE


def spans_lines(window: Window, end: int, max_bytes: int, reader: StrictReader) -> bool:
    """Whether the document at the window's start is broken in a later line than its first.

    That ends at `end`; `reader` is one of the document. It is so where a line goes on with it as no
    document begins, with a member's name; or where it is sound so far, and longer than it may be.
    """
    line = Window.over(memoryview(window.data)[: end + 1], 0)
    try:
        if value_end(line, 0, max_bytes) <= end:
            return False
    except (TooLongError, UnfinishedError):
        pass
    if stops_at_line_end(window, 0, end, max_bytes):
        return False
    base, before, is_first = window.base, window.base, False
    try:
        while token := reader.next():
            if token.kind == ":" and is_first:
                return True
            between = window.data[before - base : token.offset - base]
            before = token.offset + len(token.text)
            is_first = token.kind == "key" and b"\n" in between
            if before - base > max_bytes:
                return True
    except TextError as flaw:
        return flaw.offset - base > max_bytes
    return False
