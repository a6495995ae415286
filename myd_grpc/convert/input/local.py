"""A file of this machine as a source of bytes."""

from __future__ import annotations

import os

from myd_grpc.convert.input.byte_source import InputVersion

_SMALL = 16 << 10
"""A file of no more bytes is read as a whole when its first ones are asked for.

A system that has to fetch them from a disk or another machine fetches about as many at a time.
"""


class LocalFile:
    """An open file; `fd` is its descriptor, which is closed with it.

    It had the `status` when it was opened.
    """

    def __init__(self, fd: int, status: os.stat_result) -> None:
        self.fd = fd
        self._size = status.st_size
        self._changed_ns = status.st_ctime_ns
        self._just_opened: os.stat_result | None = status
        self._text: bytes | None = None

    @property
    def large_fd(self) -> int | None:
        """The descriptor, if there is more to be read of it than what was read at first."""
        return self.fd if self._size > _SMALL else None

    def version(self) -> InputVersion:
        """See `ByteSource.version`; at first that with which it was opened.

        To remove a file's last name changes the file, but no content.
        """
        status, self._just_opened = self._just_opened or os.fstat(self.fd), None
        changed_ns = status.st_ctime_ns if status.st_nlink else self._changed_ns
        return InputVersion(status.st_size, status.st_mtime_ns, changed_ns, status.st_ino)

    def read(self, offset: int, size: int) -> bytes:
        """See `ByteSource.read`."""
        if self._size > _SMALL:
            return os.pread(self.fd, size, offset)
        if self._text is None:
            self._text = self._whole()
        return self._text[offset : offset + size]

    def _whole(self) -> bytes:
        """All of it, as far as it has the size that it had."""
        text = os.pread(self.fd, self._size, 0)
        while len(text) < self._size and (more := os.pread(self.fd, self._size, len(text))):
            text += more
        return text[: self._size]

    def close(self) -> None:
        """See `ByteSource.close`."""
        os.close(self.fd)
