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

    By chance these begin so once in 4 billion times.
    """
    if _LIKELY_GZIP.match(head):
        return Compression.GZIP
    while _SKIPPED.match(head):
        size = int.from_bytes(head[4:_SKIPPED_HEAD], "little")
        head = head[_SKIPPED_HEAD + size :]
    return Compression.ZSTD if head.startswith(_ZSTD) else None
