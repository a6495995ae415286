"""The form in which checkpoints of every kind are kept: a line of text, with its version."""

from __future__ import annotations

from typing import Generic, TypeVar

from msgspec import Struct

from myd_grpc.codec import decode, encode

_State = TypeVar("_State")


class StaleCheckpointError(Exception):
    """A checkpoint does not fit the input or the output any more: begin from the start."""


class _Versioned(Struct, Generic[_State], frozen=True):
    """A checkpoint as it is kept; a program of another version does not know its own in it."""

    version: int
    checkpoint: _State


def to_line(checkpoint: object, version: int) -> str:
    """A checkpoint of whichever kind as one line of text, with the version of its form."""
    return encode(_Versioned(version, checkpoint))


def from_line(text: str, kind: type[_State], version: int) -> _State:
    """What `to_line` made of a checkpoint of that kind and version.

    Raises StaleCheckpointError for any other text.
    """
    try:
        found: _Versioned[_State] = decode(text, _Versioned[kind])  # type: ignore[valid-type]
    except ValueError:
        raise StaleCheckpointError from None
    if found.version != version:
        raise StaleCheckpointError
    return found.checkpoint
