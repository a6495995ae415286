"""Overwriting keys in memory, where that is ours to do.

Memory that is freed keeps what was in it until it is used again. What others have copied (gRPC,
protobuf, any `str`) cannot be reached (docs/security.md, "Keys in memory").
"""

from __future__ import annotations

import ctypes
import sys

from myd_grpc.convert.model import Keys

# Where the bytes of a `bytes` object begin in CPython: behind its head, before the zero at its end.
_HEAD = bytes.__basicsize__ - 1
_CPYTHON = sys.implementation.name == "cpython"


def wipe(keys: Keys) -> None:
    """Overwrite keys that were made of a request, or of a pipe, and that nobody needs any more."""
    cipher = (keys.cipher.key, keys.cipher.iv) if keys.cipher else ()
    if _CPYTHON:
        for secret in (*cipher, keys.masking):
            ctypes.memset(id(secret) + _HEAD, 0, len(secret))
