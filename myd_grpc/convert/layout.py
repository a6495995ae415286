"""Where the records of a document are: down its record path, and which layout is there."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator

import ijson

from myd_grpc.convert.boundary import UnfinishedError, value_end
from myd_grpc.convert.engine import Outline
from myd_grpc.convert.jsontext import parse
from myd_grpc.convert.model import Layout
from myd_grpc.convert.strict import StrictReader
from myd_grpc.convert.window import Window

RECOGNISED_BYTES = 1 << 20
"""How much of a document the layout is recognised from (SPEC section 2)."""

# ijson makes a number of every digit string, which takes time quadratic in its length and kills
# the process beyond 4,300 digits; and it fails at surrogates without their other half. Neither
# has to do with the layout. Four digits keep a \uXXXX escape before them whole.
_LONG_DIGITS = re.compile(rb"[0-9]{10,}")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
# An object or a list that holds no others, or only those emptied before.
_STRING = rb'"[^"\\]*+(?:\\[\x00-\xff][^"\\]*+)*+"'
_WITHIN = rb'(?:[^][{}"]++|' + _STRING + rb"|\{\}|\[\])++"
_INNERMOST = re.compile(rb"\{" + _WITHIN + rb"\}|\[" + _WITHIN + rb"\]")
# Text in which every string ends.
_WHOLE_STRINGS = re.compile(rb'[^"]*+(?:"[^"\\]*+(?:\\[\x00-\xff][^"\\]*+)*+"[^"]*+)*+')


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
    if head[:1] == b"{":
        head = _outline(outline(head) if outline else head)
    if documents and _another_follows(head):
        return Layout.LINES
    shape = _Shape(head)
    if shape.all_objects and not shape.keys <= section_names:
        return Layout.KEYED
    return Layout.SINGLE


def _outline(head: bytes) -> bytes:
    """`head` with what is nested in the first value emptied: what is within says nothing of it."""
    first, nested, size = head[:1], head[1:], math.inf
    # Each time the innermost ones, as long as that makes it much shorter.
    while len(nested) < 0.9 * size:
        size = len(nested)
        nested = _INNERMOST.sub(lambda match: match[0][:1] + match[0][-1:], nested)
    return first + nested


def _another_follows(head: bytes) -> bool:
    """Whether the first value ends in `head` and something else begins after it."""
    window = Window.over(head, 0)
    try:
        end = value_end(window, 0, len(head))
    except UnfinishedError:
        return False
    return window.skip_space(end) < len(head)


class _Shape:
    """What the top level of a value looks like, as far as `head` goes.

    A member is one of those seen when the first byte of its value is in `head`.
    """

    def __init__(self, head: bytes) -> None:
        self.keys: set[str] = set()
        self._others = 0
        self._pending: str | None = None
        for depth, event, value in _events(head):
            if depth == 1 and event == "map_key":
                self._pending = str(value)
            else:
                self._seen(event)
        # An object would have shown itself with its first byte.
        if _cut_in_value(head):
            self._seen("cut")

    @property
    def all_objects(self) -> bool:
        """Whether there is a member, and every member's value is an object."""
        return bool(self.keys) and not self._others

    def _seen(self, event: str) -> None:
        """Takes note of the value of the key before it, if this is the first of it."""
        if self._pending is not None:
            self.keys.add(self._pending)
            self._others += event != "start_map"
            self._pending = None


def _cut_in_value(head: bytes) -> bool:
    """Whether text that ends after a key, as far as events tell, has begun that key's value."""
    if not _WHOLE_STRINGS.fullmatch(head):
        return True
    return not head.rstrip(b" \t\r\n").endswith((b":", b'"'))


def _events(head: bytes) -> Iterator[tuple[int, str, object]]:
    """ijson's events of the first value with the containers around each; the first one's is 1."""
    harmless = _SURROGATE.sub(rb"\\u1111", _LONG_DIGITS.sub(b"1111", head))
    depth = 0
    try:
        for event, value in ijson.basic_parse(io.BytesIO(harmless), multiple_values=True):
            if event in ("end_map", "end_array"):
                depth -= 1
            yield max(depth, 1), event, value
            if event in ("start_map", "start_array"):
                depth += 1
            if depth == 0:
                return
    except (ijson.JSONError, UnicodeDecodeError):
        return


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
