"""A long JSON value read piece by piece, for the Python engine.

Parsed as a whole, it would take many times the memory of its text. Its containers are
walked without being held; what is short in them is parsed as usual.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from myd_grpc.convert.jsontext.boundary import (
    FLAT,
    STRING,
    TooLongError,
    UnfinishedError,
    value_end,
)
from myd_grpc.convert.jsontext.patterns import OR_NOTHING
from myd_grpc.convert.jsontext.values import Value, compact_items, depth_of, parse, parse_items
from myd_grpc.convert.jsontext.window import Window

LONG_BYTES = 1 << 20
"""Bytes of text from which on a record is read piece by piece."""

_PIECE = 64 << 10
_CLOSERS = {ord("{"): ord("}"), ord("["): ord("]")}
_SPACE = rb"[ \t\n\r]*+"
_KEY = re.compile(_SPACE + rb"(" + STRING + rb")" + _SPACE + rb":" + _SPACE)
_SPACES = re.compile(_SPACE)
_STRING_OR_FLAT = rb"(?:" + STRING + rb"|[\[{]" + FLAT + rb"[\]}])"
# Members or elements with a comma after each, that hold no container but flat ones.
_ITEM = rb'[^",{}\[\]]*+(?:' + _STRING_OR_FLAT + rb'[^",{}\[\]]*+' + OR_NOTHING + rb")*+,"
_ITEMS = re.compile(_ITEM + rb"(?:" + _ITEM + OR_NOTHING + rb"){0,999}+")
_FLAT_LIST = re.compile(rb"\[" + FLAT + rb"\]")


@dataclass(frozen=True, slots=True)
class LongValue:
    """An object or list in a text, from its bracket at `start` to that before `end`."""

    data: bytes
    start: int
    end: int

    @property
    def is_object(self) -> bool:
        """Whether it is an object."""
        return self.data[self.start] == ord("{")

    @property
    def is_scalar_list(self) -> bool:
        """Whether it holds neither an object nor a list."""
        match = _FLAT_LIST.match(self.data, self.start, self.end)
        return bool(match) and match.end() == self.end  # type: ignore[union-attr]

    def items(self) -> Iterator[Value]:
        """The members, as pairs, or the elements; raises ValueError when one is malformed."""
        for some in self.chunks():
            yield from some

    def chunks(self) -> Iterator[list[Value] | tuple[Value, ...]]:
        """The members or elements, some at a time; raises ValueError as `items` does."""
        last = self.end - 1
        if self.data[last] != _CLOSERS[self.data[self.start]]:
            raise ValueError("not its closing bracket")
        is_scalar, is_object, stop = self.is_scalar_list, self.is_object, self.start
        while stop < last:
            at = stop + 1
            items = _ITEMS.match(self.data, at, min(at + _PIECE, last))
            if not items and last - at > _PIECE:
                item, stop = self._long_item(at, is_scalar)
                yield [item]
                continue
            stop = items.end() - 1 if items else last
            some = parse_items(self.data[at:stop], is_object, is_scalar)
            if not some and (items or at > self.start + 1):
                raise ValueError("nothing between commas")
            yield some

    def _long_item(self, at: int, is_scalar: bool) -> tuple[Value, int]:
        """The member or element at `at`, and where the comma or bracket after it is."""
        data, last = self.data, self.end - 1
        key = _KEY.match(data, at) if self.is_object else None
        if self.is_object and not key:
            raise ValueError("no key")
        start = (key or _SPACES.match(data, at)).end()  # type: ignore[union-attr]
        value, end = long_value(data, start, last)
        stop = _SPACES.match(data, end).end()  # type: ignore[union-attr]
        if stop != last and data[stop] != ord(","):
            raise ValueError("no comma")
        if is_scalar:
            # Within such a list, U+0000 stays.
            [value] = parse_items(data[start:end], is_object=False, is_scalar_list=True)
        return (parse(key[1]), value) if key else value, stop


def long_value(data: bytes, start: int, limit: int) -> tuple[Value, int]:
    """The value at `start`, which ends before `limit`, and its end; a container is not read yet."""
    window = Window(lambda: b"")
    window.data, window.ended = data, True  # type: ignore[assignment] # nothing is added to it
    try:
        end = value_end(window, start, limit - start)
    except (TooLongError, UnfinishedError, IndexError):
        raise ValueError("not JSON") from None
    is_empty = _SPACES.match(data, start + 1).end() >= end - 1  # type: ignore[union-attr]
    if data[start] in b"{[" and end - start > _PIECE and not is_empty:
        return LongValue(data, start, end), end
    return parse(memoryview(data)[start:end]), end


def require_sound(value: Value, levels: int) -> None:
    """Raises ValueError when it is malformed or nests more containers than that."""
    if type(value) is not LongValue:
        if depth_of(value) > levels:
            raise ValueError("nested too deep")
        return
    if not levels:
        raise ValueError("nested too deep")
    is_object = value.is_object
    for item in value.items():
        require_sound(item[1] if is_object else item, levels - 1)


def long_list_text(value: LongValue) -> str:
    """A list of scalars as compact JSON text."""
    return f"[{','.join(compact_items(some) for some in value.chunks() if some)}]"
