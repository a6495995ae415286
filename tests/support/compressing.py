"""Compresses as programs do: in one part or many, hard or not at all, with things to be skipped."""

from __future__ import annotations

import gzip
import struct
import sys
import zlib
from collections.abc import Callable
from typing import Any

_PART = 1000


def skipped(content: bytes) -> bytes:
    """A frame that says nothing (RFC 8878, 3.1.2)."""
    return struct.pack("<II", 0x184D2A57, len(content)) + content


SKIPPED = skipped(b"\x28\xb5\x2f\xfd!")


def zstd_library() -> Any:
    """What compresses, which newer Pythons have themselves."""
    # ruff: noqa: PLC0415
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd


def zstd(data: bytes, level: int = 3) -> bytes:
    """One frame with a checksum, as the program writes it."""
    library = zstd_library()
    parameter = library.CompressionParameter
    options = {parameter.compression_level: level, parameter.checksum_flag: 1}
    made: bytes = library.compress(data, options=options)
    return made


def in_parts(data: bytes, compress: Callable[[bytes], bytes], size: int = _PART) -> bytes:
    """Many parts one after another, one of them of nothing."""
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    return b"".join(compress(piece) for piece in [b"", *pieces])


def compressed(data: bytes, level: int = 9) -> bytes:
    """One member of gzip, the same at any time."""
    return gzip.compress(data, level, mtime=0)


def with_name(data: bytes) -> bytes:
    """As gzip writes it for a file, with a comment and a checksum of all that."""
    head = b"\x1f\x8b\x08\x1e" + bytes(6) + b"\x02\x00ab" + b"name.json\0comment\0"
    return head + struct.pack("<H", zlib.crc32(head) & 0xFFFF) + compressed(data)[10:]


COMPRESSED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": compressed,
    "gzip at its fastest": lambda data: compressed(data, 1),
    "gzip that stores": lambda data: compressed(data, 0),
    "gzip with a name": with_name,
    "gzip in members": lambda data: in_parts(data, compressed),
    "gzip in short members": lambda data: (
        in_parts(data[:90], compressed, 1) + compressed(data[90:])
    ),
    "gzip before zeros": lambda data: compressed(data) + bytes(5000),
    "gzip between zeros": lambda data: in_parts(data, lambda part: compressed(part) + bytes(40)),
    "zstd": zstd,
    "zstd at its hardest": lambda data: zstd(data, 19),
    "zstd without a checksum": lambda data: bytes(zstd_library().compress(data)),
    "zstd in frames": lambda data: in_parts(data, zstd),
    "zstd with frames to skip": lambda data: SKIPPED + in_parts(data, zstd, 9999) + 2 * SKIPPED,
}
"""How text may be compressed."""
