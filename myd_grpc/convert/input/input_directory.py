"""The files of a data directory, opened without leaving it.

A name was checked by its text (`check_name`), so that a request can be refused at once. Here is
decided: symbolic links are resolved, what that gives is checked, and then it is opened component by
component without following any link, so a file swapped in between is not reached either.
"""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Sequence
from contextlib import closing, suppress
from functools import lru_cache
from itertools import accumulate
from threading import Lock
from typing import TypeAlias

from myd_grpc.beneath import open_beneath
from myd_grpc.convert.errors import ConversionError, Reason, refused
from myd_grpc.convert.input.local import LocalFile
from myd_grpc.convert.input.no_inputs import (
    HOLDS_NO_INPUTS,
    IS_DIRECTORY,
    NO_FILE,
    NO_REGULAR_FILE,
)
from myd_grpc.convert.input.paths import Root, as_spelled_on_disk, relative_to

_Identity: TypeAlias = tuple[int, int]
"""What tells a directory from all others of the machine: its device, and its number there."""

_NO_NAMES = frozenset({"", ".", ".."})
"""Components of a path that name nothing in the directory before."""


class InputDirectory:
    """The directory `confined_to` in `data_dir`, which is reached by no link, or that itself.

    `open` may be called by several threads. Files often lie side by side: the directory of the last
    one stays open, and is the next one's as long as its path leads there.
    """

    def __init__(self, data_dir: str, excluded_dirs: Sequence[str], confined_to: str = "") -> None:
        self._root = Root(data_dir, confined_to)
        self._excluded_dirs = tuple(excluded_dirs)
        self._lock = Lock()
        self._last: _Way | None = None

    def open(self, relative: str) -> LocalFile:
        """The regular file `relative`, for reading.

        Raises ConversionError: FILE_NOT_FOUND, or FILE_UNREADABLE for anything that is no regular
        file, may not be read, or is reached only by leaving the directory.
        """
        try:
            return self._open_directly(relative) or self._open_resolved(relative)
        except (FileNotFoundError, NotADirectoryError):
            raise ConversionError(Reason.FILE_NOT_FOUND, f"{relative}: {NO_FILE}") from None
        except OSError as error:
            raise refused(Reason.FILE_UNREADABLE, relative, error) from None

    def close(self) -> None:
        """Opens no more; files that are open stay so."""
        last, self._last = self._last, None
        if last:
            last.close()

    def _open_directly(self, relative: str) -> LocalFile | None:
        """The file at its name as it is written, to which no link leads, as usual.

        None for whatever else may be meant: to find that out takes many times longer.
        """
        if not _NO_NAMES.isdisjoint(relative.split("/")):
            return None
        confined_to = self._root.confined_to
        inside = f"{confined_to}/{relative}" if confined_to else relative
        parents, _, name = inside.rpartition("/")
        try:
            with self._lock:
                return _open_regular(self._parent(parents).fd, name, relative)
        except OSError:
            return None

    def _parent(self, inside: str) -> _Way:
        """The way to a directory of files; raises OSError where none is to be opened directly."""
        root, places = self._root.data_dir, self._excluded_dirs
        hidden = _identities(places)
        if not (self._last and self._last.still_leads_to(inside)):
            self.close()
            self._last = _Way(root, inside)
        passed = self._last.passed
        if not hidden.isdisjoint(passed) or _lies_in(root, places, passed[0], hidden):
            raise FileNotFoundError
        return self._last

    def _open_resolved(self, relative: str) -> LocalFile:
        root = Root(os.path.realpath(self._root.data_dir), self._root.confined_to)
        found = os.path.realpath(as_spelled_on_disk(root, relative))
        inside = root.inside(found)
        excluded = map(os.path.realpath, self._excluded_dirs)
        if inside is None or any(relative_to(found, place) for place in excluded):
            raise ConversionError(Reason.FILE_UNREADABLE, f"{relative}: {HOLDS_NO_INPUTS}")
        parents, _, name = inside.rpartition("/")
        with closing(_Way(root.data_dir, parents)) as way:
            return _open_regular(way.fd, name, relative)


class _Way:
    """A directory `fd` that was reached by no link from `root` on, and all that were `passed`.

    The first of those is the root, the last one the directory. Raises OSError.
    """

    def __init__(self, root: str, inside: str) -> None:
        passed = list[_Identity]()
        self._inside = inside
        names = inside.split("/") if inside else ["."]
        self._paths = list(accumulate(names, posixpath.join, initial=root))[1:]
        self.fd = open_beneath(root, inside, lambda fd: passed.append(_identity(os.fstat(fd))))
        self.passed = passed

    def still_leads_to(self, inside: str) -> bool:
        """Whether it is the way to a directory, and still one without a link."""
        if inside != self._inside:
            return False
        # A Path would take as long again as the system does.
        now = [_identity(os.lstat(path)) for path in self._paths]
        return now == self.passed[-len(now) :]

    def close(self) -> None:
        """Closes the directory."""
        os.close(self.fd)


def open_input(
    data_dir: str, relative: str, excluded_dirs: Sequence[str], confined_to: str = ""
) -> int:
    """A descriptor of a file that is the only one to be opened: see `InputDirectory`."""
    with closing(InputDirectory(data_dir, excluded_dirs, confined_to)) as directory:
        return directory.open(relative).fd


def _identities(places: Sequence[str]) -> frozenset[_Identity]:
    """Which directories are at these places now, for as many as are there.

    They are told by this, as to resolve the links on the way to them takes a call for each
    directory, and that again for each of very many files.
    """
    found = list[_Identity]()
    for place in places:
        with suppress(FileNotFoundError):
            found.append(_identity(os.stat(place)))  # noqa: PTH116 - as above
    return frozenset(found)


def _identity(status: os.stat_result) -> _Identity:
    return status.st_dev, status.st_ino


@lru_cache
def _lies_in(
    directory: str, places: tuple[str, ...], _now: _Identity, _places_now: frozenset[_Identity]
) -> bool:
    """Whether a directory is one of these places or lies in it, as long as they are these."""
    path = os.path.realpath(directory)
    return any(relative_to(path, os.path.realpath(place)) for place in places)


def _open_regular(directory: int, name: str, shown: str) -> LocalFile:
    # Without O_NONBLOCK, opening a FIFO would wait for a writer for ever.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    fd = os.open(name, flags, dir_fd=directory)
    status = os.fstat(fd)
    if stat.S_ISREG(status.st_mode):
        return LocalFile(fd, status)
    os.close(fd)
    what = IS_DIRECTORY if stat.S_ISDIR(status.st_mode) else NO_REGULAR_FILE
    raise ConversionError(Reason.FILE_UNREADABLE, f"{shown}: {what}")
