"""A member of gzip data (RFC 1952): it ends in a checksum and a length, which have to be right."""

from __future__ import annotations

from functools import cache
from types import ModuleType
from typing import Any

from myd_grpc.convert.input.damage import DamageError, NoPartError

_GZIP_WBITS = 31
# What zlib says of bytes with which no member begins.
_HEADER = ("incorrect header check", "unknown compression method", "unknown header flags")
_CHECKS = {
    "incorrect data check": "its checksum does not match",
    "incorrect length check": "its length does not match",
}


@cache
def _zlib() -> ModuleType:
    """The library, which is loaded where there is such data: twice as fast where there is a wheel.

    Both are called alike, and say the same of what is damaged.
    """
    # ruff: noqa: PLC0415
    try:
        from zlib_ng import zlib_ng
    except ImportError:
        import zlib

        return zlib
    found: ModuleType = zlib_ng
    return found


class GzipMember:
    """See `Part`."""

    def __init__(self) -> None:
        library = _zlib()
        self._inflater: Any = library.decompressobj(wbits=_GZIP_WBITS)
        self._error: type[Exception] = library.error
        self._is_full = False

    @property
    def ended(self) -> bool:
        """See `Part.ended`."""
        return bool(self._inflater.eof)

    @property
    def unused(self) -> int:
        """See `Part.unused`."""
        return len(self._inflater.unused_data)

    @property
    def wants_more(self) -> bool:
        """See `Part.wants_more`."""
        return not self._is_full

    def expand(self, data: bytes, most: int) -> bytes:
        """See `Part.expand`."""
        inflater = self._inflater
        try:
            made: bytes = inflater.decompress(inflater.unconsumed_tail + data, most)
        except self._error as error:
            said = str(error).rpartition(": ")[2]
            if said.startswith(_HEADER):
                raise NoPartError from None
            raise DamageError(_CHECKS.get(said, said)) from None
        # More may be held back, also where all that came was taken in.
        self._is_full = len(made) == most
        return made
