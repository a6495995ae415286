"""A file of this machine as a source of bytes."""

from __future__ import annotations

import os

from msgspec.structs import replace

from myd_grpc.convert.input.byte_source import InputMark


class LocalFile:
    """An open file; `fd` is its descriptor, which is closed with it."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def mark(self) -> InputMark:
        """See `ByteSource.mark`."""
        return _mark_of(os.fstat(self.fd))

    def is_still(self, mark: InputMark) -> bool:
        """See `ByteSource.is_still`.

        To remove a file's last name changes the file, but no content.
        """
        status = os.fstat(self.fd)
        now = _mark_of(status)
        return now == mark or (
            not status.st_nlink and replace(now, changed_ns=mark.changed_ns) == mark
        )

    def read(self, offset: int, size: int) -> bytes:
        """See `ByteSource.read`."""
        return os.pread(self.fd, size, offset)

    def close(self) -> None:
        """See `ByteSource.close`."""
        os.close(self.fd)


def _mark_of(status: os.stat_result) -> InputMark:
    return InputMark(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
