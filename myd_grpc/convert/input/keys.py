"""Input names in object storage: which object each leads to.

There are no links, so a name is checked by its text alone; and no absolute names, so that a URL is
a name like any other.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from myd_grpc.convert.errors import ConversionError, Reason, refused
from myd_grpc.convert.input.no_inputs import HOLDS_NO_INPUTS, IS_DIRECTORY, NO_FILE
from myd_grpc.objectstore.location import Location, is_url

if TYPE_CHECKING:
    from myd_grpc.objectstore.access import Found, ObjectAccess


def check_key(name: str, location: Location, excluded_dirs: Sequence[str], confined_to: str) -> str:
    """The path of `name` relative to `confined_to` in the location (docs/spec.md 10.2).

    Raises ValueError with a one-line reason when it leaves that or lies in one of `excluded_dirs`.
    """
    if not name or "\0" in name:
        raise ValueError("is not a file name")
    relative = posixpath.normpath(name.lstrip("/") or ".")
    if relative == ".." or relative.startswith("../"):
        raise ValueError("lies outside the data directory")
    if _is_in(posixpath.join(confined_to, relative), hidden_in(location, excluded_dirs)):
        raise ValueError("lies inside the state or output directory, which holds no inputs")
    return relative


def hidden_in(location: Location, excluded_dirs: Iterable[str]) -> tuple[str, ...]:
    """Those of the directories that lie in the location, relative to it."""
    places = (Location.parse(one).beneath(location) for one in excluded_dirs if is_url(one))
    return tuple(one for one in places if one)


def find_object(
    access: ObjectAccess, relative: str, hidden: Sequence[str], confined_to: str
) -> tuple[str, Found]:
    """The path of the object that `relative` leads to, and what it is.

    It is relative to `confined_to`. An exact spelling wins, else names are the same that are so
    after NFC. Raises ConversionError: FILE_NOT_FOUND, or FILE_UNREADABLE for what is no object, may
    not be read, or lies in one of `hidden`; a ShortageError when the store does not answer.
    """
    if relative == ".":
        raise _is_directory(relative)
    path = posixpath.join(confined_to, relative)
    try:
        try:
            found = access.find(_readable(path, relative, hidden))
        except FileNotFoundError:
            path = _as_spelled(access, relative, confined_to)
            found = access.find(_readable(path, relative, hidden))
    except FileNotFoundError:
        raise ConversionError(Reason.FILE_NOT_FOUND, f"{relative}: {NO_FILE}") from None
    except OSError as error:
        raise refused(Reason.FILE_UNREADABLE, relative, error) from None
    return path, found


def _readable(path: str, relative: str, hidden: Sequence[str]) -> str:
    if _is_in(path, hidden):
        raise ConversionError(Reason.FILE_UNREADABLE, f"{relative}: {HOLDS_NO_INPUTS}")
    return path


def _is_in(path: str, places: Iterable[str]) -> bool:
    return any(f"{path}/".startswith(f"{place}/") for place in places)


def _as_spelled(access: ObjectAccess, relative: str, confined_to: str) -> str:
    """The path of the object whose components equal those of `relative` after NFC.

    Raises FileNotFoundError where there is none, ConversionError where it has others beneath it.
    """
    path = confined_to
    *parents, last = relative.split("/")
    for component in parents:
        path = posixpath.join(path, _same(component, access.alike(path, component).directories))
    found = access.alike(path, last)
    if found.directories and not found.objects:
        raise _is_directory(relative)
    return posixpath.join(path, _same(last, found.objects))


def _is_directory(relative: str) -> ConversionError:
    return ConversionError(Reason.FILE_UNREADABLE, f"{relative}: {IS_DIRECTORY}")


def _same(component: str, names: Sequence[str]) -> str:
    """The name that is the component, or another of them. Raises FileNotFoundError for none."""
    if not names:
        raise FileNotFoundError
    return component if component in names else names[0]
