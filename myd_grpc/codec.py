"""Frozen data as JSON text and back: types are checked when it is read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from msgspec import convert, to_builtins
from msgspec.json import Decoder, Encoder

_FAST_ENCODER = Encoder()
_KINDS = 32

_ENCODER = json.JSONEncoder(separators=(",", ":"))


def encode(value: object) -> str:
    """A dataclass or Struct as one line of ASCII.

    msgspec's own JSON is UTF-8, in which a path cannot be written that is no UTF-8 on the disk.
    """
    return _ENCODER.encode(to_builtins(value))


def encode_line(value: object) -> bytes:
    """The same as bytes, in UTF-8 where that can be, which takes a tenth of the time."""
    try:
        return _FAST_ENCODER.encode(value)
    except UnicodeEncodeError:
        return encode(value).encode()


def encode_in_chunks(value: object) -> Iterator[str]:
    """What `encode` makes, piece by piece."""
    return _ENCODER.iterencode(to_builtins(value))


def decode(text: str | bytes, kind: Any) -> Any:
    """The value of that type in a text that one of these made; raises ValueError for any other."""
    try:
        return _decoder(kind).decode(text)
    except ValueError:  # as of a path that is no UTF-8 on the disk
        return convert(json.loads(text), kind)


@lru_cache(_KINDS)
def _decoder(kind: Any) -> Decoder[Any]:
    return Decoder(kind)
