"""The oracle of the tests: where the records are in a document."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from tests.support.oracle_json import List, Number, Object, OracleError, Reader, Value, Word

Layout: TypeAlias = Literal["AUTO", "ARRAY", "KEYED", "LINES", "SINGLE"]

SEPARATOR = 0x1E
RECORD_PATH_NOT_FOUND = "RECORD_PATH_NOT_FOUND"

# fmt: off
DEFAULT_SECTION_NAMES = frozenset((
    "data", "result", "response", "profile", "user", "shopping", "orders",
    "header", "body", "meta", "common",
    "bank", "card", "invest", "insu", "efin", "capital", "ginsu", "telecom", "p2p", "bond", "usury",
))
# fmt: on

AUTO_WINDOW = 1 << 20


@dataclass(frozen=True)
class Record:
    """One record; `key` is its key in a KEYED document."""

    value: Value
    key: str | None = None


def read_records(
    data: bytes,
    layout: Layout,
    record_path: str,
    max_depth: int,
    section_names: Collection[str],
) -> list[Record]:
    """The records of one file."""
    return read_file(data, layout, record_path, max_depth, section_names)[1]


def read_file(
    data: bytes,
    layout: Layout,
    record_path: str,
    max_depth: int,
    section_names: Collection[str],
) -> tuple[Layout, list[Record]]:
    """The layout of one file, and its records."""
    if record_path:
        return records_at_path(data, layout, record_path, max_depth, section_names)
    if layout == "AUTO":
        layout = auto_layout(data, max_depth, section_names)
    reader = Reader(data, max_depth)
    if layout == "LINES":
        return layout, [Record(value) for value in documents(reader)]
    reader.skip_whitespace()
    check_fit(reader, layout)
    value = reader.value()
    reader.expect_end()
    return layout, split(value, layout)


def records_at_path(
    data: bytes,
    layout: Layout,
    record_path: str,
    max_depth: int,
    section_names: Collection[str],
) -> tuple[Layout, list[Record]]:
    """The layout of the value that is found at `record_path` of the one document; its records."""
    reader = Reader(data, max_depth)
    reader.skip_whitespace()
    value, start = descend(reader, record_path.split("."), layout, 0)
    reader.expect_end()
    if layout == "AUTO":
        layout = value_layout(value, start, section_names)
    return layout, split(value, layout)


def descend(reader: Reader, keys: list[str], layout: Layout, depth: int) -> tuple[Value, int]:
    """Reads the next value wholly; gives the value inside it at the path, and where it starts.

    The first fault in the order of the bytes is the one that is raised.
    """
    if not keys:
        check_fit(reader, layout)
        start = reader.at
        return reader.value(depth), start
    if reader.peek() != ord("{"):
        start_of_value = reader.peek() != -1 and reader.peek() in b'["-0123456789tfn'
        raise OracleError(RECORD_PATH_NOT_FOUND, -1) if start_of_value else reader.invalid()
    found: tuple[Value, int] | None = None
    for key in reader.keys(depth):
        if nfc(key) == nfc(keys[0]) and found is None:
            found = descend(reader, keys[1:], layout, depth + 1)
        else:
            reader.value(depth + 1)
    if found is None:
        raise OracleError(RECORD_PATH_NOT_FOUND, -1)
    return found


def nfc(text: str) -> str:
    """The text with its characters composed."""
    return unicodedata.normalize("NFC", text)


def check_fit(reader: Reader, layout: Layout) -> None:
    """Refuses a value that starts unlike what the layout needs; one value is never LINES."""
    byte = reader.peek()
    if layout == "ARRAY" and byte != ord("["):
        raise reader.invalid()
    if layout == "KEYED" and byte != ord("{"):
        raise reader.invalid()
    if layout == "LINES":
        raise reader.invalid()


def split(value: Value, layout: Layout) -> list[Record]:
    """The records in a value of this layout."""
    if layout == "ARRAY" and isinstance(value, List):
        return [Record(item) for item in value.items]
    if layout == "KEYED" and isinstance(value, Object):
        return [Record(member, key) for key, member in value.members]
    return [Record(value)]


def documents(reader: Reader) -> Iterator[Value]:
    """Each of one or more documents, one after another.

    A number or word needs something between it and a number or word that follows, and no record
    separator right after it.
    """
    skip_separators(reader)
    while True:
        value = reader.value()
        yield value
        bare = isinstance(value, Number | Word)
        if bare and reader.peek() != -1 and reader.peek() in b"-0123456789tfn\x1e":
            raise reader.invalid()
        skip_separators(reader)
        if reader.peek() == -1:
            return


def skip_separators(reader: Reader) -> None:
    """Moves over whitespace and the record separators of RFC 7464."""
    reader.skip_whitespace()
    while reader.peek() == SEPARATOR:
        reader.at += 1
        reader.skip_whitespace()


def auto_layout(data: bytes, max_depth: int, section_names: Collection[str]) -> Layout:
    """The layout of a file, judged by its first MiB.

    A first document with a fault in it raises it here: no layout would read it any better.
    """
    reader = Reader(data, max_depth)
    reader.skip_whitespace()
    if reader.peek() == ord("["):
        return "ARRAY"
    if reader.peek() == SEPARATOR:
        return "LINES"
    start = reader.at
    value = reader.value()
    reader.skip_whitespace()
    if reader.at < min(len(data), AUTO_WINDOW):
        return "LINES"
    return value_layout(value, start, section_names, AUTO_WINDOW - start)


def value_layout(
    value: Value, start: int, section_names: Collection[str], window: int = AUTO_WINDOW
) -> Layout:
    """The layout of one value that starts at `start`, judged by what begins in the window."""
    if isinstance(value, List):
        return "ARRAY"
    if not isinstance(value, Object):
        return "SINGLE"
    end = start + window
    seen = [
        (key, member)
        for (key, member), at in zip(value.members, value.starts, strict=True)
        if at < end
    ]
    objects = [member for _, member in seen if isinstance(member, Object)]
    all_sections = all(key in section_names for key, _ in seen)
    if not seen or len(objects) < len(seen) or all_sections or differ(objects, end):
        return "SINGLE"
    return "KEYED"


def differ(objects: list[Object], end: int) -> bool:
    """Whether there are several, and one shares no key with the first: parts, not records.

    One that goes on beyond `end` may share a key there. An empty one has none to compare: it
    counts only where all are empty.
    """
    whole = [one for one in objects if one.end <= end]
    if len(objects) > 1 and len(whole) == len(objects) and not any(one.members for one in whole):
        return True
    keys = [{key for key, _ in one.members} for one in whole if one.members]
    return any(keys[0].isdisjoint(other) for other in keys[1:])
