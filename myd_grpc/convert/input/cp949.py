"""Text in CP949 as UTF-8 by the compiled core, where it was built: five times as fast."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

InUtf8: TypeAlias = Callable[[bytes, bool], bytes]
"""Gives the next bytes of a text in UTF-8, and is told whether they are the last.

What is no whole character yet waits for more; raises UnicodeDecodeError with all that waited.
"""


def native_decoder() -> InUtf8 | None:
    """What the core reads CP949 with, as Python does: see `in_utf8` in `cp949.rs`."""
    try:
        from myd_grpc import _native  # noqa: PLC0415 - where there is such text
    except ImportError:
        return None
    waiting = b""

    def in_utf8(data: bytes, is_last: bool) -> bytes:
        nonlocal waiting
        data = waiting + data
        text, sound = _native.cp949_in_utf8(data)
        waiting = data[sound:]
        if len(waiting) > 1 or (waiting and is_last):
            # Python says what is wrong.
            return data.decode("cp949").encode()
        return text

    return in_utf8
