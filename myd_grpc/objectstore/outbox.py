"""What a broker uploads for its worker: files of one directory, as parts of sets alone."""

from __future__ import annotations

import errno
import os
import re
import stat
from pathlib import Path

from myd_grpc import failpoints
from myd_grpc.beneath import open_beneath
from myd_grpc.objectstore.access import Uploaded
from myd_grpc.objectstore.location import Location
from myd_grpc.objectstore.objects import Objects

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_PART = re.compile(r"([^./][^/]*/)+\.parts/[^./][^/]*/.+")
"""Paths beneath which no set is published, and nothing is that was: a set is its manifest."""


class Outbox:
    """Makes objects beneath `outputs` of files in the directory `staged`, until it is closed.

    Whatever has become of the worker: no manifest of a set, and no object that is there.
    """

    def __init__(self, outputs: Location, staged: str) -> None:
        self._objects = Objects(outputs)
        self._staged = staged
        self._is_open = True

    def close(self) -> None:
        """From now on, nothing is uploaded any more, and what is begun is given up."""
        self._is_open = False
        failpoints.reach("outbox_closed")

    def upload(self, path: str, file: str) -> Uploaded:
        """Make an object of a file. Raises OSError."""
        if not _PART.fullmatch(path):
            raise PermissionError(errno.EACCES, "no part of a set")
        failpoints.reach("broker_upload")
        fd = self._open(file)
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise OSError(errno.EINVAL, "no file")
            if self._objects.holds(path):
                raise FileExistsError(errno.EEXIST, "a part is never written again")
            return self._objects.upload(path, fd, self._is_wanted)
        finally:
            os.close(fd)

    def _is_wanted(self) -> bool:
        failpoints.reach("broker_read")
        return self._is_open

    def _open(self, file: str) -> int:
        """A descriptor of a file that is reached without following links, and is not waited for."""
        path = Path(file)
        directory = open_beneath(self._staged, str(path.parent))
        try:
            return os.open(path.name, _FLAGS, dir_fd=directory)
        finally:
            os.close(directory)
