"""Which of the kinds of compressed data that are read begins somewhere (docs/spec.md 2.10)."""

from __future__ import annotations

import re
from enum import StrEnum

_GZIP = re.compile(rb"\x1f\x8b\x08[\x00-\x1f]")
# With what programs write where it says how hard and on which system it was compressed.
_LIKELY_GZIP = re.compile(rb"(?s)\x1f\x8b\x08[\x00-\x1f].{4}[\x00\x02\x04][\x00-\x0d\xff]")
_ZSTD = b"\x28\xb5\x2f\xfd"
# What may come before, says how long it is, and is to be skipped (RFC 8878, 3.1.2).
_SKIPPED = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18")
_SKIPPED_HEAD = 8
_MOST_SKIPPED = 1 << 20
"""Bytes of such a frame in what may be any: its length is a part of what tells it from others."""


class Compression(StrEnum):
    """How something is compressed."""

    GZIP = "gzip"
    ZSTD = "zstd"


def compression_of(head: bytes) -> Compression | None:
    """How something is compressed that begins with `head`; no JSON text begins so."""
    if _GZIP.match(head):
        return Compression.GZIP
    is_zstd = head.startswith(_ZSTD) or _SKIPPED.match(head)
    return Compression.ZSTD if is_zstd else None


def likely_compression_of(head: bytes) -> Compression | None:
    """The same of bytes that may be any, such as ciphertext, and what a key makes of it.

    By chance these begin so once in 4 billion times, and with a frame that is skipped and goes on
    after `head`, more seldom still.
    """
    if _LIKELY_GZIP.match(head):
        return Compression.GZIP
    skipped = False
    while len(head) >= _SKIPPED_HEAD and _SKIPPED.match(head):
        size = int.from_bytes(head[4:_SKIPPED_HEAD], "little")
        if size > _MOST_SKIPPED:
            return None
        head = head[_SKIPPED_HEAD + size :]
        skipped = True
    is_cut = skipped and (len(head) < len(_ZSTD) or _is_begun_frame(head))
    return Compression.ZSTD if is_cut or head.startswith(_ZSTD) else None


def _is_begun_frame(head: bytes) -> bool:
    """Whether it ends before the length of a frame that is skipped."""
    return len(head) < _SKIPPED_HEAD and bool(_SKIPPED.match(head))
