"""Directories that are reached from another one without following links: none leads out of it."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def open_beneath(root: str, inside: str, look: Callable[[int], None] = lambda _: None) -> int:
    """A descriptor of the directory `inside`, relative to `root`; the root itself for "".

    Raises OSError, also for a link that was put in the place of a directory. `look` is given each
    directory on the way, and may raise it, too.
    """
    directory = os.open(root, _FLAGS)
    try:
        look(directory)
        for component in components(inside):
            child = open_child(directory, component)
            os.close(directory)
            directory = child
            look(directory)
    except OSError:
        os.close(directory)
        raise
    return directory


def open_child(directory: int, name: str) -> int:
    """A descriptor of a directory in another one, `directory`. Raises OSError, also for a link."""
    if name == "..":
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
    return os.open(name, _FLAGS | os.O_NOFOLLOW, dir_fd=directory)


def components(inside: str) -> list[str]:
    """The names of the directories on the way to a relative path."""
    return [component for component in inside.split("/") if component]
