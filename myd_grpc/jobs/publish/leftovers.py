"""What sets in object storage leave behind: parts that no manifest names, or names no more."""

from __future__ import annotations

import errno
import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from itertools import takewhile

from myd_grpc import failpoints
from myd_grpc.jobs.manifest import MANIFEST, PARTS, STAGED_MANIFEST, attempts_named, decode_manifest
from myd_grpc.objectstore.objects import Listed, Objects

logger = logging.getLogger(__name__)

GRACE_S = 24 * 3600
"""How long parts stay that no manifest names: readers of a manifest from before still read them."""


@dataclass(slots=True)
class _Set:
    """What was found of a set: its attempts' objects, and when its manifest was written."""

    attempts: dict[str, list[Listed]] = field(default_factory=lambda: defaultdict(list))
    published: float = 0.0

    def newest_of_jobs(self) -> dict[str, float]:
        """When the last object of each job was made: what several workers did is of one age."""
        newest = defaultdict[str, float](float)
        for attempt, files in self.attempts.items():
            newest[_job(attempt)] = max(newest[_job(attempt)], *(one.modified for one in files))
        return newest


def remove_leftovers(
    objects: Objects, under_way: Collection[str], now: float, is_wanted: Callable[[], bool]
) -> int:
    """Remove the parts of attempts that no manifest names any more, and answer of how many.

    Those of jobs `under_way` stay, and whatever is younger than GRACE_S at `now` (epoch seconds),
    or belonged to a set that was replaced since then. `under_way` must have been asked for before.
    Ends soon when it is not wanted any more. Raises OSError.
    """
    removed = 0
    for path, found in _sets(takewhile(lambda _: is_wanted(), objects.all())).items():
        newest = found.newest_of_jobs()
        old = [
            attempt
            for attempt in found.attempts
            if (job := _job(attempt)) not in under_way
            and max(found.published, newest[job]) < now - GRACE_S
        ]
        # Asked for only now: by this time an attempt from before may have been published.
        if old and (named := _named(objects, path, found.published, now)) is not None:
            for attempt in set(old) - named:
                if not is_wanted():
                    return removed
                removed += _remove(objects, path, found, attempt, now)
    return removed


def _sets(listed: Iterable[Listed]) -> dict[str, _Set]:
    """What there is of sets, by their paths with a slash at the end."""
    sets = defaultdict[str, _Set](_Set)
    for one in listed:
        # The first: directories of a set may be called so, too, or their names end so.
        place, parts, rest = f"/{one.path}".partition(f"/{PARTS}/")
        if parts:
            sets[f"{place}/".removeprefix("/")].attempts[rest.partition("/")[0]].append(one)
        elif one.path.endswith(f"/{MANIFEST}"):
            sets[one.path.removesuffix(MANIFEST)].published = one.modified
    return sets


def _named(objects: Objects, path: str, published: float, now: float) -> set[str] | None:
    """The attempts that the set's manifest names, none without one.

    Of a job that several workers did, they are many. None where it is no manifest, or is another
    than it was when it was listed, `published`: what is replaced meanwhile has readers.
    """
    found = objects.read(f"{path}{MANIFEST}")
    if found is None:
        return None if published else set()
    if found.modified >= now - GRACE_S:
        return None
    try:
        manifest = decode_manifest(found.data)
    except ValueError:
        logger.warning("%s%s is no manifest: nothing of that set is removed", path, MANIFEST)
        return None
    return attempts_named(manifest)


def _job(attempt: str) -> str:
    return attempt.partition(".")[0]


def _remove(objects: Objects, path: str, found: _Set, attempt: str, now: float) -> bool:
    """Remove what there is of an attempt, unless another server publishes it at this moment."""
    manifest = f"{path}{PARTS}/{attempt}/{STAGED_MANIFEST}"
    # It goes first: without it, nobody publishes what is left. Whoever has read it before either
    # has published by the time of the look, or sees after that that it is gone, and takes it back.
    _delete(objects, [one for one in found.attempts[attempt] if one.path == manifest])
    failpoints.reach("leftover_withdrawn")
    named = _named(objects, path, found.published, now)
    if named is None or attempt in named:
        return False
    _delete(objects, [one for one in found.attempts[attempt] if one.path != manifest])
    return True


def _delete(objects: Objects, files: list[Listed]) -> None:
    for one in files:
        try:
            objects.delete(one.path)
        except OSError as error:
            if error.errno == errno.EREMOTEIO:
                raise
            logger.warning("%s cannot be removed: %s", one.path, error.strerror)
