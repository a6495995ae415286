"""Input file names: where they may point, and how they are opened without leaving the data root.

A name is checked twice. `check_name` looks only at its text, so a request can be refused at once.
`open_input` decides: it resolves symbolic links, checks the result, and then opens component by
component without following any link, so a file swapped in between is not reached either.
"""

from __future__ import annotations

import os
import posixpath
import stat
import unicodedata
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

from myd_grpc.beneath import open_beneath
from myd_grpc.convert.errors import ConversionError, Reason, refused

_Identity: TypeAlias = tuple[int, int]
"""What tells a directory from all others of the machine: its device, and its number there."""

_NO_NAMES = frozenset({"", ".", ".."})
"""Components of a path that name nothing in the directory before."""


def check_name(name: str, data_dir: str, excluded_dirs: Sequence[str]) -> str:
    """The path of `name` relative to `data_dir` (absolute), by its text alone (docs/spec.md 2.1).

    An absolute path inside `data_dir` is taken as it is, any other relative to `data_dir`.
    Raises ValueError with a one-line reason when it leaves `data_dir` or lies in one of
    `excluded_dirs` (absolute directories).
    """
    if not name or "\0" in name:
        raise ValueError("is not a file name")
    relative = _relative_to(posixpath.normpath(name), data_dir)
    if relative is None:
        relative = posixpath.normpath(name.lstrip("/") or ".")
    if relative == ".." or relative.startswith("../"):
        raise ValueError("lies outside the data directory")
    if any(_relative_to(posixpath.join(data_dir, relative), place) for place in excluded_dirs):
        raise ValueError("lies inside the state or output directory, which holds no inputs")
    return relative


def open_input(
    data_dir: str, relative: str, excluded_dirs: Sequence[str], confined_to: str = ""
) -> int:
    """A file descriptor of the regular file `relative`, for reading.

    It is relative to the directory `confined_to` in `data_dir`, which is reached by no link, or to
    `data_dir` itself. Raises ConversionError: FILE_NOT_FOUND, or FILE_UNREADABLE for anything that
    is no regular file, may not be read, or is reached only by leaving that directory.
    """
    try:
        direct = _open_directly(_Root(data_dir, confined_to), relative, excluded_dirs)
        if direct is not None:
            return direct
        root = _Root(os.path.realpath(data_dir), confined_to)
        found = os.path.realpath(_as_spelled_on_disk(root, relative))
        inside = root.inside(found)
        if inside is None or any(_relative_to(found, os.path.realpath(p)) for p in excluded_dirs):
            raise ConversionError(
                Reason.FILE_UNREADABLE, f"{relative}: leads to a place that holds no inputs"
            )
        return _open_file(root, inside, relative)
    except (FileNotFoundError, NotADirectoryError):
        raise ConversionError(Reason.FILE_NOT_FOUND, f"{relative}: no such file") from None
    except OSError as error:
        raise refused(Reason.FILE_UNREADABLE, relative, error) from None


def _open_directly(root: _Root, relative: str, excluded_dirs: Sequence[str]) -> int | None:
    """The file at its name as it is written, to which no link leads, as usual.

    None for whatever else may be meant: to find that out takes many times longer.
    """
    if not _NO_NAMES.isdisjoint(relative.split("/")):
        return None
    try:
        hidden = _identities(excluded_dirs)
        data = _identity(os.stat(root.data_dir))  # noqa: PTH116 - as below
        if _lies_in(root.data_dir, tuple(excluded_dirs), data, hidden):
            return None

        def look(directory: int) -> None:
            if _identity(os.fstat(directory)) in hidden:
                raise FileNotFoundError

        return _open_file(root, posixpath.join(root.confined_to, relative), relative, look)
    except OSError:
        return None


def _identities(places: Sequence[str]) -> frozenset[_Identity]:
    """Which directories are at these places now, for as many as are there.

    They are told by this, as to resolve the links on the way to them takes a call for each
    directory, and that again for each of very many files.
    """
    found = list[_Identity]()
    for place in places:
        with suppress(FileNotFoundError):
            found.append(_identity(os.stat(place)))  # noqa: PTH116 - a Path would take as long again
    return frozenset(found)


def _identity(status: os.stat_result) -> _Identity:
    return status.st_dev, status.st_ino


@lru_cache
def _lies_in(
    directory: str, places: tuple[str, ...], _now: _Identity, _places_now: frozenset[_Identity]
) -> bool:
    """Whether a directory is one of these places or lies in it, as long as they are these."""
    path = os.path.realpath(directory)
    return any(_relative_to(path, os.path.realpath(place)) for place in places)


@dataclass(frozen=True, slots=True)
class _Root:
    """Where names lead: the directory `confined_to` in `data_dir`, which is without links."""

    data_dir: str
    confined_to: str

    @property
    def path(self) -> str:
        """The directory itself."""
        return posixpath.join(self.data_dir, self.confined_to)

    def inside(self, path: str) -> str | None:
        """A path relative to `data_dir`, None when it is not in the directory."""
        if _relative_to(path, self.path) is None:
            return None
        return _relative_to(path, self.data_dir)


def _relative_to(path: str, place: str) -> str | None:
    """`path` relative to `place`, "." for the place itself, None when it is not inside."""
    place, prefix = _normalised(place)
    if path == place:
        return "."
    return path[len(prefix) :] if path.startswith(prefix) else None


@lru_cache  # the same few places for each of a hundred thousand names
def _normalised(place: str) -> tuple[str, str]:
    """A directory, and what the paths in it begin with."""
    place = posixpath.normpath(place)
    return place, place if place.endswith("/") else place + "/"


def _as_spelled_on_disk(root: _Root, relative: str) -> str:
    """The path whose components equal those of `relative` after NFC; exact spelling wins.

    macOS writes Hangul names decomposed (NFD), most other systems composed (NFC).
    """
    path = Path(root.path)
    for component in relative.split("/"):
        exact = path / component
        path = exact if os.path.lexists(exact) else path / _same_after_nfc(root, path, component)
    return str(path)


def _same_after_nfc(root: _Root, directory: Path, component: str) -> str:
    inside = root.inside(os.path.realpath(directory))
    if inside is None:
        # Of what lies outside, not even the names are read.
        return component
    fd = open_beneath(root.data_dir, inside)
    try:
        with os.scandir(fd) as entries:
            names = [entry.name for entry in entries]
    finally:
        os.close(fd)
    wanted = unicodedata.normalize("NFC", component)
    return next((name for name in names if unicodedata.normalize("NFC", name) == wanted), component)


def _open_file(
    root: _Root, inside: str, shown: str, look: Callable[[int], None] = lambda _: None
) -> int:
    """Opens a file following no link at all from the data directory on: none that is swapped in.

    Each directory on the way is shown to `look`, which raises OSError where it is a wrong one.
    """
    parents, _, last = inside.rpartition("/")
    directory = open_beneath(root.data_dir, parents, look)
    try:
        # Without O_NONBLOCK, opening a FIFO would wait for a writer for ever.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        return _regular(os.open(last, flags, dir_fd=directory), shown)
    finally:
        os.close(directory)


def _regular(fd: int, shown: str) -> int:
    mode = os.fstat(fd).st_mode
    if stat.S_ISREG(mode):
        return fd
    os.close(fd)
    kind = "a directory" if stat.S_ISDIR(mode) else "not a regular file"
    raise ConversionError(Reason.FILE_UNREADABLE, f"{shown}: is {kind}")
