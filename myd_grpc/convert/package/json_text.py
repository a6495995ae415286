"""JSON text a line at a time: a description may be longer than what is to be in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from msgspec import json


def lines(value: object) -> Iterator[bytes]:
    """The text of a value, each line with its end.

    Iterators become lists with an item a line, and mappings with an iterator somewhere in them
    have a member a line. What has none is one line.
    """
    for line in _lines(value, b""):
        yield line + b"\n"


def _lines(value: object, indent: bytes) -> Iterator[bytes]:
    inner = indent + b" "
    if isinstance(value, Iterator):
        yield from _enclosed(b"[", ((b"", item) for item in value), b"]", inner)
    elif isinstance(value, Mapping) and _is_long(value):
        members = ((json.encode(name) + b": ", member) for name, member in value.items())
        yield from _enclosed(b"{", members, b"}", inner)
    else:
        yield json.encode(value)


def _is_long(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(map(_is_long, value.values()))
    return isinstance(value, Iterator)


def _enclosed(
    begin: bytes, items: Iterable[tuple[bytes, object]], end: bytes, indent: bytes
) -> Iterator[bytes]:
    """Lines of a container, the first of which comes after what the container belongs to."""
    yield begin
    held = None
    for name, item in items:
        if held is not None:
            yield held + b","
        text = _lines(item, indent)
        held = indent + name + next(text)
        for line in text:
            yield held
            held = line
    if held is not None:
        yield held
    yield indent[1:] + end
