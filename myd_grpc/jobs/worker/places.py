"""Where a worker process may read and write: the same for all the tasks that it is given."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

from msgspec import Struct

from myd_grpc.objectstore.location import is_url

Version: TypeAlias = tuple[tuple[int, ...], ...]


class Places(Struct, frozen=True):
    """Inputs are read from `data_dir`, sets are written in `output_dir` (absolute directories).

    What lies in one of `hidden`, directories that may be in `data_dir`, is not read. A directory of
    inputs may also be the URL of a location in object storage, which a worker has a broker for; so
    is `uploads`, where sets go that are written in `output_dir`, unless they are published there.
    """

    data_dir: str
    output_dir: str
    hidden: tuple[str, ...] = ()
    uploads: str = ""

    @property
    def is_remote(self) -> bool:
        """Whether anything of it is in object storage."""
        return is_url(self.data_dir) or bool(self.uploads)

    @property
    def directories(self) -> tuple[str, ...]:
        """The directory of the inputs, if it is one of this machine."""
        return () if is_url(self.data_dir) else (self.data_dir,)

    def inputs(self) -> Iterator[str]:
        """The files and directories that together are all inputs that there are now.

        That is one, unless something in it is hidden.
        """
        hidden = self._hidden()
        for directory in self.directories:
            yield from _without(os.path.realpath(directory), hidden, _around(hidden))

    def version(self) -> Version:
        """Changes when a worker that was confined before may lack something that is there now.

        Then a directory is another one, or holds others where `inputs` had to name each.
        """
        with suppress(OSError):
            whole, parted = [_identity(self.output_dir)], set[str]()
            for directory in map(os.path.realpath, self.directories):
                whole.append(_identity(directory))
                around = _around(self._hidden())
                parted |= {one for one in around if Path(one).is_relative_to(directory)}
            return (*whole, *map(_entries_version, sorted(parted)))
        return ()

    def _hidden(self) -> frozenset[str]:
        return frozenset(os.path.realpath(one) for one in self.hidden if not is_url(one))


def _without(place: str, hidden: frozenset[str], around: frozenset[str]) -> Iterator[str]:
    """What is in a directory, named as a whole where nothing in it is hidden."""
    if place in hidden:
        return
    if place not in around:
        yield place
        return
    with suppress(OSError), os.scandir(place) as entries:
        for entry in entries:
            # A link leads to what is named itself, or to what is no input.
            if not entry.is_symlink():
                yield from _without(entry.path, hidden, around)


def _around(hidden: Iterable[str]) -> frozenset[str]:
    """The directories in which something is hidden."""
    return frozenset(str(parent) for one in hidden for parent in Path(one).parents)


def _identity(place: str) -> tuple[int, ...]:
    found = Path(place).stat()
    return found.st_dev, found.st_ino


def _entries_version(place: str) -> tuple[int, ...]:
    return *_identity(place), Path(place).stat().st_mtime_ns
