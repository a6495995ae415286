"""A frame of zstd data (RFC 8878), be it one that is skipped; its checksum has to be right."""

from __future__ import annotations

import sys
from functools import cache
from types import ModuleType
from typing import Any

from myd_grpc.convert.input.damage import (
    DamageError,
    DictionaryError,
    NoPartError,
    WindowError,
)

WINDOW_LOG = 23
"""A frame may refer back so far: 8 MiB, as every decoder is advised to take (RFC 8878, 3.1.1.1.2).

All levels of the program up to 19 keep to it.
"""


@cache
def _zstd() -> ModuleType:
    """The library, which is loaded where there is such data."""
    # ruff: noqa: PLC0415
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd


class ZstdFrame:
    """See `Part`."""

    def __init__(self) -> None:
        zstd = _zstd()
        options = {zstd.DecompressionParameter.window_log_max: WINDOW_LOG}
        self._frame: Any = zstd.ZstdDecompressor(options=options)
        self._error: type[Exception] = zstd.ZstdError

    @property
    def ended(self) -> bool:
        """See `Part.ended`."""
        return bool(self._frame.eof)

    @property
    def unused(self) -> int:
        """See `Part.unused`."""
        return len(self._frame.unused_data)

    @property
    def wants_more(self) -> bool:
        """See `Part.wants_more`."""
        return bool(self._frame.needs_input)

    def expand(self, data: bytes, most: int) -> bytes:
        """See `Part.expand`."""
        try:
            made: bytes = self._frame.decompress(data, most)
        except self._error as error:
            said = str(error).rpartition(": ")[2].rstrip(".").lower()
            if "too much memory" in said:
                raise WindowError from None
            if "unknown frame descriptor" in said:
                raise NoPartError from None
            if "dictionary mismatch" in said:
                raise DictionaryError from None
            raise DamageError(said) from None
        return made
