"""Sets in object storage: what a worker has uploaded is there once its manifest is written.

No object can be renamed, so the commit of a set is one object, `<set>/manifest.json`, which is only
written where nothing is, or where what is there is what is to be replaced. Parts are beneath
`<set>/.parts/<job>.<attempt>/` and stay as they are, so whoever has read a manifest finds all that
it names, also while the set is replaced: `leftovers` removes later what no manifest names.
Sets are staged in a work directory of this machine. Methods block; none may run on an event loop.
"""

from __future__ import annotations

import errno
import logging
import os
import posixpath
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from myd_grpc import failpoints
from myd_grpc.beneath import components
from myd_grpc.convert.errors import Reason, ShortageError, refused
from myd_grpc.convert.output.naming import folded
from myd_grpc.convert.remedies import CHOOSE_ANOTHER, output_refused, unavailable
from myd_grpc.jobs.manifest import (
    MANIFEST,
    REPLACED,
    STAGED_MANIFEST,
    SUCCESS,
    Destination,
    decode_manifest,
    digest,
    encode_manifest,
    joined_manifest,
    parts_of,
)
from myd_grpc.jobs.publish.leftovers import remove_leftovers
from myd_grpc.jobs.publish.output_directory import OutputDirectory
from myd_grpc.jobs.publish.place import StagedSet, StagedShare
from myd_grpc.objectstore.objects import NOT_AS_WANTED, Objects, Seen

logger = logging.getLogger(__name__)

_Result = TypeVar("_Result")


class ObjectPrefix:
    """An `OutputPlace`: the objects beneath a location, and a directory in which sets are staged.

    `keeps_existing` says that the store heeds conditions. `directory` is the caller's, "" for all.
    """

    def __init__(
        self,
        objects: Objects,
        work: OutputDirectory,
        *,
        keeps_existing: bool,
        directory: str = "",
    ) -> None:
        self.keeps_existing = keeps_existing
        self._objects = objects
        self._work = work
        self._directory = directory

    def check_path(self) -> None:
        """See `OutputPlace.check_path`: it is the work directory's."""
        self._work.check_path()

    def within(self, directory: str, act: Callable[[ObjectPrefix], _Result]) -> _Result:
        """See `OutputPlace.within`."""
        if not directory:
            return act(self)
        self.make(directory)
        inside = self._path(directory)
        place = ObjectPrefix(
            self._objects, self._work, keeps_existing=self.keeps_existing, directory=inside
        )
        return act(place)

    def make(self, directory: str) -> None:
        """See `OutputPlace.make`: there are none to be made, but some cannot be."""
        if any(name.startswith(".") for name in components(directory)):
            error = PermissionError(errno.EPERM, os.strerror(errno.EPERM))
            what = "the directory in which the caller's sets are cannot be opened"
            raise output_refused(what, error)

    def find_in(self, directory: str, name: str) -> str | None:
        """See `OutputPlace.find_in`."""
        return self.within(directory, lambda place: place.find(name))

    def find(self, name: str) -> str | None:
        """The name under which that set is there, perhaps in another case or Unicode form.

        Raises ConversionError, which may be a ShortageError.
        """
        try:
            return name if self._holds(name) else next(iter(self._others(name)), None)
        except OSError as error:
            raise output_refused("sets cannot be looked for", error) from None

    def staging(self, directory: str, job_id: str, attempt: str) -> Path:
        """See `OutputPlace.staging`: in the work directory, for whichever directory."""
        del directory
        return self._work.staging("", job_id, attempt)

    def destination(self, directory: str, name: str, attempt: str) -> Destination:
        """See `OutputPlace.destination`."""
        return Destination(self._path(directory, name), attempt)

    def check(self, name: str, wanted: int) -> None:
        """See `OutputPlace.check`: what a set takes is room in the work directory."""
        del name
        self._work.check_space(wanted)

    def join(self, job_id: str, attempt: str, name: str, shares: Sequence[StagedShare]) -> str:
        """See `OutputPlace.join`: files stay where they are, and one manifest names all."""
        try:
            staged = [StagedSet(job_id, _token(one.attempt, one.uploaded)) for one in shares]
            manifests = (decode_manifest(self._staged_manifest(one, name)) for one in staged)
            data = encode_manifest(joined_manifest(job_id, attempt, manifests))
            self._objects.write(self._path(name, parts_of(job_id, attempt), STAGED_MANIFEST), data)
            failpoints.reach("manifests_joined")
        except OSError as error:
            what = f"{name}: what was uploaded cannot be put together"
            raise output_refused(what, error) from None
        return digest(data)

    def has_staged(self, job_id: str, attempt: str, name: str) -> bool:
        """See `OutputPlace.has_staged`: its manifest is uploaded last, and removed first."""
        try:
            return self._objects.holds(self._path(name, parts_of(job_id, attempt), STAGED_MANIFEST))
        except OSError as error:
            what = f"{name}: what was uploaded cannot be looked for"
            raise output_refused(what, error) from None

    def stage(self, job_id: str, attempt: str, uploaded: str) -> StagedSet:
        """See `OutputPlace.stage`: the attempt, and the digest of its manifest."""
        return StagedSet(job_id, _token(attempt, uploaded))

    def publish(self, staged: StagedSet, name: str, *, replace: bool) -> bool:
        """See `OutputPlace.publish`: what is left is what was staged on this machine."""
        try:
            failpoints.reach("before_publish")
            manifest = self._staged_manifest(staged, name)
            replaced = self._commit(staged, name, manifest, replace=replace)
        except OSError as error:
            what = f"{name}: the output set cannot be published"
            raise output_refused(what, error) from None
        self._finish(name, replaced)
        return True

    def take_back(self, job_id: str, name: str) -> None:
        """See `OutputPlace.take_back`: what a store has taken lasts, so nothing ever has to be."""

    def recover(self, job_id: str, token: str, name: str, *, replace: bool) -> bool:
        """See `OutputPlace.recover`."""
        if not token:
            return False
        staged = StagedSet(job_id, token)
        try:
            manifest = self._found_manifest(staged, name)
            there = self._objects.read(self._manifest(name))
            is_there = self._is(there, staged)
            replaced = self._older(name, there) if there and is_there and replace else {}
        except OSError as error:
            what = f"{name}: whether the output set is published cannot be told"
            raise output_refused(what, error) from None
        if is_there:
            self._finish(name, replaced)
        elif manifest is not None:
            self.publish(staged, name, replace=replace)
        else:
            return False
        return True

    def discard(self, job_id: str, *, attempts: bool = False) -> None:
        """See `OutputPlace.discard`: on this machine; what is in the store goes later."""
        self._work.discard(job_id, attempts=attempts)

    def sweep(self, but: Collection[str]) -> None:
        """See `OutputPlace.sweep`: all directories stage in one."""
        if not self._directory:
            self._work.sweep(but)

    def tidy(self, under_way: Collection[str], is_wanted: Callable[[], bool]) -> None:
        """See `OutputPlace.tidy`."""
        try:
            now = self._objects.now()  # this machine's clock may be another than all others'
            removed = remove_leftovers(self._objects, under_way, now, is_wanted)
        except OSError as error:
            failure = refused(Reason.OUTPUT_UNAVAILABLE, "leftovers are not removed", error)
            logger.warning("%s", failure.message)
        else:
            logger.info("leftovers of %d attempts removed", removed)

    # In the store

    def _commit(
        self, staged: StagedSet, name: str, manifest: bytes, *, replace: bool
    ) -> dict[str, Seen]:
        """Write the manifest in its place; the sets that this replaces under other names.

        Raises OSError, or ConversionError.
        """
        path = self._manifest(name)
        seen = self._objects.read(path)
        if seen and self._is(seen, staged):
            return self._older(name, seen) if replace else {}
        others = self._seen_others(name)
        if not replace and (seen or others):
            what = f"{name}: the output set exists by now, and it is not to be replaced"
            raise unavailable(what, CHOOSE_ANOTHER)
        try:
            failpoints.reach("write_manifest")
            self._write(path, manifest, seen)
            failpoints.reach("manifest_written")
            self._see_that_parts_stay(staged, name, seen)
        except OSError as error:
            if error.errno not in NOT_AS_WANTED:
                raise
            # It may be there since a try whose answer was lost.
            if self._is(self._objects.read(path), staged):
                return others
            raise unavailable(
                f"{name}: another writer has published or removed the output set meanwhile; what "
                "it has published stays",
                "choose another name, or wait until it has ended",
            ) from None
        return others

    def _see_that_parts_stay(self, staged: StagedSet, name: str, before: Seen | None) -> None:
        """Take back what is published where another server removes it as a leftover meanwhile.

        Then the manifest of the attempt has gone before its parts; see `leftovers`.
        """
        beneath = parts_of(staged.job_id, staged.token.partition(":")[0])
        if self._objects.holds(self._path(name, beneath, STAGED_MANIFEST)):
            return
        path = self._manifest(name)
        mine = self._objects.read(path)
        if mine and self._is(mine, staged):
            if before is None:
                self._objects.delete(path)
            else:
                self._write(path, before.data, mine)
        raise unavailable(
            f"{name}: what was uploaded has disappeared: another server took it away",
            "have only one server at a time go on with the jobs of a state directory",
        )

    def _write(self, path: str, manifest: bytes, seen: Seen | None) -> None:
        if not self.keeps_existing:
            self._objects.write(path, manifest)
        elif seen is None:
            self._objects.create(path, manifest)
        else:
            self._objects.replace(path, manifest, seen)

    def _finish(self, name: str, replaced: Mapping[str, Seen]) -> None:
        """Mark the set, and hide what it has replaced that had its name in another form.

        Raises ShortageError. Whatever else goes wrong takes nothing from the set, which is there.
        """
        try:
            self._mark(name)
            for other, seen in replaced.items():
                self._hide(other, seen)
        except OSError as error:
            what = f"{name}: what goes with a published set cannot be written"
            failure = refused(Reason.OUTPUT_UNAVAILABLE, what, error)
            if isinstance(failure, ShortageError):
                raise failure from None
            logger.warning("%s", failure.message)

    def _hide(self, name: str, seen: Seen) -> None:
        """Have a set be there no more, unless another writer has published it since it was seen."""
        if self._objects.read(self._manifest(name)) != seen:
            return
        with suppress(ValueError):  # of no manifest, there are no parts that anybody reads
            manifest = decode_manifest(seen.data)
            beneath = parts_of(manifest.job, manifest.attempt)
            self._objects.write(self._path(name, beneath, REPLACED), b"")
        self._objects.delete(self._path(name, SUCCESS))
        self._objects.delete(self._manifest(name))

    def _mark(self, name: str) -> None:
        """Write what some tools look for beside a set that is there."""
        if self._holds(name):
            self._objects.write(self._path(name, SUCCESS), b"")

    def _staged_manifest(self, staged: StagedSet, name: str) -> bytes:
        """The manifest that the attempt has uploaded. Raises OSError, or ConversionError."""
        manifest = self._found_manifest(staged, name)
        if manifest is None:
            raise unavailable(
                f"{name}: what was uploaded has disappeared, or was changed",
                "see that nothing else writes or removes what is there",
            )
        return manifest

    def _found_manifest(self, staged: StagedSet, name: str) -> bytes | None:
        """The manifest that the attempt has uploaded; None where it is not there, or another."""
        attempt, _, wanted = staged.token.partition(":")
        beneath = parts_of(staged.job_id, attempt)
        found = self._objects.read(self._path(name, beneath, STAGED_MANIFEST))
        return found.data if found and digest(found.data) == wanted else None

    def _is(self, seen: Seen | None, staged: StagedSet) -> bool:
        """Whether a manifest is that of the staged set."""
        if seen is None:
            return False
        try:
            manifest = decode_manifest(seen.data)
        except ValueError:
            return False
        attempt = staged.token.partition(":")[0]
        return (manifest.job, manifest.attempt) == (staged.job_id, attempt)

    def _holds(self, name: str) -> bool:
        return self._objects.holds(self._manifest(name))

    def _others(self, name: str) -> list[str]:
        """The sets whose names differ from this one in case or Unicode form alone."""
        names = self._objects.directories(self._directory)
        wanted = folded(name)
        alike = (one for one in names if one != name and folded(one) == wanted)
        return [one for one in alike if self._holds(one)]

    def _seen_others(self, name: str) -> dict[str, Seen]:
        """The manifests of those sets, by their names."""
        seen = ((one, self._objects.read(self._manifest(one))) for one in self._others(name))
        return {one: manifest for one, manifest in seen if manifest}

    def _older(self, name: str, seen: Seen) -> dict[str, Seen]:
        """Those that this set, whose manifest is there, has replaced: not what came after it."""
        others = self._seen_others(name)
        return {one: found for one, found in others.items() if found.modified <= seen.modified}

    def _manifest(self, name: str) -> str:
        return self._path(name, MANIFEST)

    def _path(self, *names: str) -> str:
        """A path relative to the location, of one that is relative to this directory."""
        return posixpath.join(self._directory, *names)


def _token(attempt: str, uploaded: str) -> str:
    return f"{attempt}:{uploaded}"
