"""Where the records of a document are: down its record path, and which layout is there."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator

import ijson

from myd_grpc.convert.model import Layout
from myd_grpc.convert.strict import StrictReader

RECOGNISED_BYTES = 1 << 20
"""How much of a document the layout is recognised from (SPEC section 2)."""

# ijson makes a number of every digit string, which takes time quadratic in its length and kills
# the process beyond 4,300 digits; and it fails at surrogates without their other half. Neither
# has to do with the layout. Four digits keep a \uXXXX escape before them whole.
_LONG_DIGITS = re.compile(rb"[0-9]{10,}")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")


def recognise(head: bytes, section_names: frozenset[str], *, documents: bool) -> Layout:
    """The layout of a value that begins with `head` (SPEC section 2, AUTO).

    `documents` says whether other documents may follow; a value inside a document has none.
    Malformed text is recognised as far as it goes: reading it will fail anyway.
    """
    if head[:1] == b"[":
        return Layout.ARRAY
    shape = _Shape(head)
    if documents and shape.another_follows:
        return Layout.LINES
    if shape.all_objects and not shape.keys <= section_names:
        return Layout.KEYED
    return Layout.SINGLE


class _Shape:
    """What the top level of a value looks like, as far as `head` goes."""

    def __init__(self, head: bytes) -> None:
        self.keys: set[str] = set()
        self.another_follows = False
        self._others = 0
        self._pending = False
        for depth, event, value in _events(head):
            if depth == 0:
                self.another_follows = True
                break
            self._look(depth, event, value)
        # A member whose value is cut off at the end is no object, if its value began at all: an
        # object would have shown itself with its first byte.
        if self._pending and not head.rstrip(b" \t\r\n").endswith((b":", b'"')):
            self._others += 1

    @property
    def all_objects(self) -> bool:
        """Whether there is a member, and every member's value is an object."""
        return bool(self.keys) and not self._others

    def _look(self, depth: int, event: str, value: object) -> None:
        if depth == 1 and event == "map_key":
            self.keys.add(str(value))
            self._pending = True
        elif self._pending:
            self._others += event != "start_map"
            self._pending = False


def _events(head: bytes) -> Iterator[tuple[int, str, object]]:
    """ijson's events with the number of containers around each; the first one's is 1.

    Depth 0 is the first event of a second document.
    """
    harmless = _SURROGATE.sub(rb"\\u1111", _LONG_DIGITS.sub(b"1111", head))
    depth, ended = 0, False
    try:
        for event, value in ijson.basic_parse(io.BytesIO(harmless), multiple_values=True):
            if ended:
                yield 0, event, value
                return
            if event in ("end_map", "end_array"):
                depth -= 1
            yield max(depth, 1), event, value
            if event in ("start_map", "start_array"):
                depth += 1
            ended = depth == 0
    except (ijson.JSONError, UnicodeDecodeError):
        if ended:
            yield 0, "malformed", None


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
        if token.kind == "key" and token.depth == level + 1 and json.loads(token.text) == wanted:
            reader.next()
            return True
    return False
