"""Input file names: where they may point by their text alone, and how they are spelled on disk."""

from __future__ import annotations

import os
import posixpath
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from myd_grpc.beneath import open_beneath


def check_name(name: str, data_dir: str, excluded_dirs: Sequence[str]) -> str:
    """The path of `name` relative to `data_dir` (absolute), by its text alone (docs/spec.md 2.1).

    An absolute path inside `data_dir` is taken as it is, any other relative to `data_dir`.
    Raises ValueError with a one-line reason when it leaves `data_dir` or lies in one of
    `excluded_dirs` (absolute directories).
    """
    if not name or "\0" in name:
        raise ValueError("is not a file name")
    relative = relative_to(posixpath.normpath(name), data_dir)
    if relative is None:
        relative = posixpath.normpath(name.lstrip("/") or ".")
    if relative == ".." or relative.startswith("../"):
        raise ValueError("lies outside the data directory")
    if any(relative_to(posixpath.join(data_dir, relative), place) for place in excluded_dirs):
        raise ValueError("lies inside the state or output directory, which holds no inputs")
    return relative


@dataclass(frozen=True, slots=True)
class Root:
    """Where names lead: the directory `confined_to` in `data_dir`, which is without links."""

    data_dir: str
    confined_to: str

    @property
    def path(self) -> str:
        """The directory itself."""
        return posixpath.join(self.data_dir, self.confined_to)

    def inside(self, path: str) -> str | None:
        """A path relative to `data_dir`, None when it is not in the directory."""
        if relative_to(path, self.path) is None:
            return None
        return relative_to(path, self.data_dir)


def relative_to(path: str, place: str) -> str | None:
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


def as_spelled_on_disk(root: Root, relative: str) -> str:
    """The path whose components equal those of `relative` after NFC; exact spelling wins.

    macOS writes Hangul names decomposed (NFD), most other systems composed (NFC).
    """
    path = Path(root.path)
    for component in relative.split("/"):
        exact = path / component
        path = exact if os.path.lexists(exact) else path / _same_after_nfc(root, path, component)
    return str(path)


def _same_after_nfc(root: Root, directory: Path, component: str) -> str:
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
