"""A file of this machine as a source of bytes."""

from __future__ import annotations

import os

from myd_grpc.convert.input.byte_source import InputVersion


class LocalFile:
    """An open file; `fd` is its descriptor, which is closed with it."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._changed_ns = os.fstat(fd).st_ctime_ns

    def version(self) -> InputVersion:
        """See `ByteSource.version`.

        To remove a file's last name changes the file, but no content.
        """
        status = os.fstat(self.fd)
        changed_ns = status.st_ctime_ns if status.st_nlink else self._changed_ns
        return InputVersion(status.st_size, status.st_mtime_ns, changed_ns, status.st_ino)

    def read(self, offset: int, size: int) -> bytes:
        """See `ByteSource.read`."""
        return os.pread(self.fd, size, offset)

    def close(self) -> None:
        """See `ByteSource.close`."""
        os.close(self.fd)
