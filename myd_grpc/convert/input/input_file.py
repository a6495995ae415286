"""One input file as it lies, as long as it does not change."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from myd_grpc.convert.errors import ConversionError, Reason, ShortageError, refused
from myd_grpc.convert.input.byte_source import ByteSource, InputVersion
from myd_grpc.convert.input.damage import FETCH_AGAIN

HEAD = 4096
"""Bytes at either end from which it is told what a file is."""

_HASHED_AT_ONCE = 4 << 20


class InputFile:
    """A file that is open; `version` is what it was when it was first looked at."""

    def __init__(self, file: ByteSource, name: str, version: InputVersion | None) -> None:
        self.name = name
        self._file = file
        self.version = version or self._version()
        self._was_just_opened = version is None
        self._head: bytes | None = None

    @property
    def size(self) -> int:
        """The size of the file when it was first looked at."""
        return self.version.size

    @property
    def head(self) -> bytes:
        """The first bytes of the file as it lies."""
        if self._head is None:
            self._head = self.at(0, HEAD)
        return self._head

    def at(self, offset: int, size: int) -> bytes:
        """The `size` bytes at a position of the file as it lies, fewer at its end."""
        try:
            return self._file.read(offset, size)
        except OSError as error:
            raise self._failure(error) from None

    def sha256(self, read: Callable[[int], None]) -> str:
        """The SHA-256 of the file as it lies; `read` is told of the bytes that were read."""
        digest, position = hashlib.sha256(), 0
        while data := self.at(position, min(_HASHED_AT_ONCE, self.size - position)):
            digest.update(data)
            position += len(data)
            read(len(data))
        if position < self.size:
            raise self.cut_off(position)
        return digest.hexdigest()

    def _failure(self, error: OSError) -> ConversionError:
        """What to raise when the file cannot be read, or looked at."""
        match error.errno:
            case errno.ESTALE:
                return self.unreadable(self._change() or _changed("it is another one"))
            case errno.ENOENT:
                return self.unreadable(_changed("it was removed"))
            case _:
                return refused(Reason.FILE_UNREADABLE, self.name, error)

    def _version(self) -> InputVersion:
        """What the file is at this moment."""
        try:
            return self._file.version()
        except OSError as error:
            raise self._failure(error) from None

    def cut_off(self, offset: int) -> ConversionError:
        """The failure of a file that ends before an offset within the size that it had."""
        return self.unreadable(
            self._change() or f"ends before byte {offset} of {self.size}; {FETCH_AGAIN}"
        )

    def _change(self) -> str | None:
        """What has become of the file since it was looked at; None for one that is as it was."""
        now, size = self._version(), self.size
        if now == self.version:
            return None
        if now.size < size:
            what = f"became shorter while it was read ({now.size} of {size} bytes were left)"
        elif now.size > size:
            what = f"became longer while it was read ({size} bytes at first, then {now.size})"
        else:
            what = "time" if now.etag == self.version.etag else "content"
            return _changed(f"its {what} is another than at the start")
        return f"{what}; {_BETTER}"

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """Sees to it that what is read within is the file as it was when it was looked at.

        Raises ConversionError, FILE_UNREADABLE, where it has changed, also in place of a failure:
        that may have come of the change.
        """
        if self._was_just_opened:
            self._was_just_opened = False
        else:
            self._require_unchanged()
        try:
            yield
        except ShortageError:
            raise
        except Exception:
            self._require_unchanged()
            raise
        self._require_unchanged()

    def _require_unchanged(self) -> None:
        if change := self._change():
            raise self.unreadable(change) from None

    def unreadable(self, why: str) -> ConversionError:
        """The failure of a file that cannot be read, or not as it should be."""
        return ConversionError(Reason.FILE_UNREADABLE, f"{self.name}: {why}")


_BETTER = (
    "convert it again when it is complete; write files under another name, and rename them then"
)


def _changed(how: str) -> str:
    return f"changed while it was read ({how}); {_BETTER}"
