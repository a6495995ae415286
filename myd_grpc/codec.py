"""Frozen data as JSON text and back: types are checked when it is read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from msgspec import convert, to_builtins

_ENCODER = json.JSONEncoder(separators=(",", ":"))


def encode(value: object) -> str:
    """A dataclass or Struct as one line of ASCII.

    msgspec's own JSON is UTF-8, in which a path cannot be written that is no UTF-8 on the disk.
    """
    return _ENCODER.encode(to_builtins(value))


def encode_in_chunks(value: object) -> Iterator[str]:
    """What `encode` makes, piece by piece."""
    return _ENCODER.iterencode(to_builtins(value))


def decode(text: str | bytes, kind: Any) -> Any:
    """The value of that type in a text that `encode` made; raises ValueError for any other."""
    return convert(json.loads(text), kind)
