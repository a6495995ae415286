"""The output directory: sets are written beside it all, and appear by one rename.

`.myd-<job_id>` is a job's staging directory: hidden, and owned by a worker that holds a lock on
it. Where a worker that was given up may linger, each attempt has `.myd-<job_id>.<attempt>` to
itself; the one that came to its end gets the job's name. After an exchange it holds the set that
was replaced. `.myd-<job_id>-old` is a replaced set on a filesystem that cannot exchange. A caller
who is confined to a directory in it has all that in there. Methods block; none may run on an event
loop.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
import stat
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from myd_grpc import failpoints
from myd_grpc.convert.errors import ConversionError, Reason, ShortageError, is_full, refused
from myd_grpc.convert.output.naming import folded
from myd_grpc.convert.remedies import (
    CHOOSE_ANOTHER,
    OUTPUT_DIRECTORY,
    NoRoomError,
    output_refused,
    unavailable,
)
from myd_grpc.directories import PinnedPath
from myd_grpc.jobs.publish import sub_directories
from myd_grpc.jobs.publish.directory_id import DirectoryId
from myd_grpc.jobs.publish.place import NotDurableError, StagedSet, StagedShare
from myd_grpc.jobs.publish.rename import NOT_SUPPORTED, exchange, rename, rename_new
from myd_grpc.jobs.publish.sub_directories import DirectoryMissingError
from myd_grpc.locks import lock

logger = logging.getLogger(__name__)

_STAGING = ".myd-"
_OLD = "-old"
_ORPHAN_PATIENCE_S = 5.0
_LINGERS_S = 1.0
_LEAVE_ALONE = "see that nothing else moves or removes what is in the output directory"
_REMOVALS = 3
"""Tries, as NFS may say of what it has just removed that it was not there; the rest still is."""

_Result = TypeVar("_Result")


def staging_name(job_id: str, attempt: str = "") -> str:
    """The name of a job's staging directory in the output directory, or of an attempt's own."""
    return f"{_STAGING}{job_id}" + (f".{attempt}" if attempt else "")


class OutputDirectory:
    """An `OutputPlace`: sets are staged beside where they appear. `fd` is of the directory."""

    keeps_existing = True

    def __init__(self, path: Path, fd: int, pinned: PinnedPath | None = None) -> None:
        self.path = path
        self._fd = fd
        self._pinned = pinned or PinnedPath.of(OUTPUT_DIRECTORY, path)

    def check_path(self) -> None:
        """See `OutputPlace.check_path`."""
        self._pinned.check()

    def within(self, directory: str, act: Callable[[OutputDirectory], _Result]) -> _Result:
        """See `OutputPlace.within`."""
        if not directory:
            return act(self)
        with sub_directories.opened(self._fd, directory) as fd:
            return act(OutputDirectory(self.path / directory, fd, self._pinned))

    def make(self, directory: str) -> None:
        """See `OutputPlace.make`."""
        sub_directories.make(self._fd, directory)

    def find_in(self, directory: str, name: str) -> str | None:
        """See `OutputPlace.find_in`."""
        try:
            return self.within(directory, lambda place: place.find(name))
        except DirectoryMissingError:
            return None

    def staging(self, directory: str, job_id: str, attempt: str) -> Path:
        """See `OutputPlace.staging`."""
        return self.path / directory / staging_name(job_id, attempt)

    def holds(self, name: str) -> bool:
        """Whether anything of that name is there."""
        return self._mode(name) is not None

    def find(self, name: str) -> str | None:
        """The name under which that set is there, perhaps in another case or Unicode form.

        Raises ConversionError, which may be a ShortageError.
        """
        if self.holds(name):
            return name
        wanted = folded(name)
        try:
            names = self._names()
        except OSError as error:
            raise output_refused("the output directory cannot be read", error) from None
        return next((one for one in names if folded(one) == wanted), None)

    def check(self, name: str, wanted: int) -> None:
        """See `OutputPlace.check`."""
        self._check_target(name)
        self.check_space(wanted)

    def _check_target(self, name: str) -> None:
        mode = self._mode(self.find(name) or name)
        if mode is not None and not stat.S_ISDIR(mode):
            raise ConversionError(
                Reason.OUTPUT_UNAVAILABLE,
                f"{name}: something that is no directory is in the way: choose another name",
            )

    def check_space(self, wanted: int) -> None:
        """Raises ConversionError when there is no room for so many bytes."""
        volume = os.fstatvfs(self._fd)
        free = volume.f_bavail * volume.f_frsize
        if volume.f_blocks and free < wanted:
            place = self._pinned.what
            raise NoRoomError(
                f"the output may take {_mib(wanted)}, and {place} has {_mib(free)} left",
                place=place,
            )

    def destination(self, directory: str, name: str, attempt: str) -> None:
        """See `OutputPlace.destination`."""

    def stage(self, job_id: str, attempt: str, uploaded: str = "") -> StagedSet:
        """See `OutputPlace.stage`."""
        del uploaded
        if attempt:
            self._adopt(job_id, attempt)
        identity = self._identity(staging_name(job_id))
        if identity is None:
            raise unavailable("the staged output has disappeared", _LEAVE_ALONE)
        return StagedSet(job_id, identity.token)

    def _adopt(self, job_id: str, attempt: str) -> None:
        try:
            self._remove(staging_name(job_id))
            self._rename(staging_name(job_id, attempt), staging_name(job_id))
        except OSError as error:
            raise output_refused("the staged output cannot be published", error) from None

    def join(self, job_id: str, attempt: str, name: str, shares: Sequence[StagedShare]) -> str:
        """See `OutputPlace.join`: each directory is renamed."""
        del name
        try:
            self._begin_joining(job_id, staging_name(job_id, attempt))
            with self._opened(staging_name(job_id, attempt)) as joined:
                for share in shares:
                    with self._opened(staging_name(job_id, share.attempt)) as source:
                        _move(share.directories, source, joined)
                os.fsync(joined)
        except OSError as error:
            raise output_refused("the staged output cannot be put together", error) from None
        return ""

    def has_staged(self, job_id: str, attempt: str, name: str) -> bool:
        """See `OutputPlace.has_staged`."""
        del name
        return self.holds(staging_name(job_id, attempt))

    def _begin_joining(self, job_id: str, joined: str) -> None:
        if self.holds(joined):
            return
        if self.holds(staging_name(job_id)):  # which was adopted, but not published
            self._rename(staging_name(job_id), joined)
        else:
            os.mkdir(joined, dir_fd=self._fd)

    @contextmanager
    def _opened(self, name: str) -> Iterator[int]:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC
        fd = os.open(name, flags, dir_fd=self._fd)
        try:
            yield fd
        finally:
            os.close(fd)

    def publish(self, staged: StagedSet, name: str, *, replace: bool) -> bool:
        """See `OutputPlace.publish`: what is left is the set that was replaced."""
        directory = staging_name(staged.job_id)
        try:
            failpoints.reach("before_publish")
            replaced = self._put_in_place(directory, name, replace)
        except OSError as error:
            raise _unpublishable(error, name) from None
        try:
            failpoints.reach("after_rename")
            os.fsync(self._fd)
        except OSError as error:
            raise NotDurableError(_unpublishable(error, name)) from None
        return replaced

    def take_back(self, job_id: str, name: str) -> None:
        """See `OutputPlace.take_back`."""
        failpoints.reach("take_back")
        staged, aside = staging_name(job_id), staging_name(job_id) + _OLD
        if self.holds(aside):
            if self.holds(name):
                self._rename(name, staged)
            self._rename(aside, name)
        elif self.holds(staged):
            exchange(self._fd, staged, name)
        else:
            self._rename(name, staged)

    def discard(self, job_id: str, *, attempts: bool = False) -> None:
        """See `OutputPlace.discard`."""
        for name in (staging_name(job_id), staging_name(job_id) + _OLD):
            self._remove(name)
        if attempts:
            self._discard_attempts(f"{staging_name(job_id)}.")

    def _discard_attempts(self, prefix: str) -> None:
        deadline = time.monotonic() + _LINGERS_S  # for all of them: most have ended by now
        for name in self._names():
            if name.startswith(prefix):
                self._wait_until_ownerless(name, deadline)
                self._remove(name)

    def recover(self, job_id: str, token: str, name: str, *, replace: bool) -> bool:
        """See `OutputPlace.recover`."""
        identity = _identity_of(token)
        if identity and self._is(name, identity):
            return True
        self.restore(job_id, name)
        if identity and self._is(staging_name(job_id), identity):
            try:
                self.publish(StagedSet(job_id, token), name, replace=replace)
            except NotDurableError as error:
                self.take_back(job_id, name)
                raise error.why from None
            return True
        return False

    def restore(self, job_id: str, name: str) -> None:
        """Bring back a set that was put aside when its replacement did not come to an end."""
        aside = staging_name(job_id) + _OLD
        if self.holds(aside) and not self.holds(name):
            self._rename(aside, name)
            os.fsync(self._fd)

    def sweep(self, but: Collection[str]) -> None:
        """See `OutputPlace.sweep`."""
        deadline = time.monotonic() + _ORPHAN_PATIENCE_S
        kept = set(map(staging_name, but))
        for name in self._names():
            if not name.startswith(_STAGING) or _job_part(name) in kept:
                continue
            if self._wait_until_ownerless(name, deadline):
                with suppress(ShortageError):  # the next start removes it
                    self._remove(name)
            else:
                logger.warning("%s belongs to a worker that does not end; it is left", name)

    def tidy(self, under_way: Collection[str], is_wanted: Callable[[], bool]) -> None:
        """See `OutputPlace.tidy`: nothing is left in a directory."""

    def _put_in_place(self, staged: str, name: str, replace: bool) -> bool:
        """Rename the staged set; one that was there gets its name then, or is put aside.

        Returns whether one is left that was there before.
        """
        found = self.find(name)
        if found and not replace:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        if found and found != name:
            self._check_target(name)
            # First it gets the new form of its name: whatever happens next, it can be replaced.
            self._rename_new(found, name)
        try:
            self._rename_new(staged, name)
        except FileExistsError:
            if not replace:
                raise
            self._check_target(name)
            self._exchange(staged, name)
            return True
        return self.holds(staged + _OLD)  # which a try before this one may have put aside

    def _rename_new(self, source: str, target: str) -> None:
        try:
            failpoints.reach("rename")
            rename_new(self._fd, source, target)
        except OSError as error:
            if error.errno not in NOT_SUPPORTED:
                raise
            # Between look and rename nobody else writes here: the directory is locked.
            if self.holds(target):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from None
            self._rename(source, target)

    def _exchange(self, staged: str, name: str) -> None:
        try:
            failpoints.reach("exchange")
            exchange(self._fd, staged, name)
        except OSError as error:
            if error.errno not in NOT_SUPPORTED:
                raise
            self._rename(name, staged + _OLD)
            failpoints.reach("put_aside")
            self._rename(staged, name)

    def _rename(self, source: str, target: str) -> None:
        rename(self._fd, source, target)

    def _names(self) -> list[str]:
        """All names in the directory: there may be many thousands. Raises OSError."""
        # What is read of a descriptor, another thread that reads of it or of a copy would not get.
        fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self._fd)
        try:
            return os.listdir(fd)  # noqa: PTH208 - no Path is made for each of them
        finally:
            os.close(fd)

    def _remove(self, name: str) -> None:
        """Remove a directory and all in it; what cannot be removed is logged and left.

        Raises ShortageError.
        """
        try:
            for _ in range(_REMOVALS):
                with suppress(FileNotFoundError):
                    shutil.rmtree(name, dir_fd=self._fd)
        except OSError as error:
            failure = refused(Reason.OUTPUT_UNAVAILABLE, f"{name} cannot be removed", error)
            if isinstance(failure, ShortageError):
                raise failure from None
            logger.warning("%s", failure.message)

    def _wait_until_ownerless(self, name: str, deadline: float) -> bool:
        """Whether nobody holds the lock; a killed worker may take a moment to let go of it."""
        try:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC
            fd = os.open(name, flags, dir_fd=self._fd)
        except OSError:
            return True
        try:
            return lock(fd, deadline)
        finally:
            os.close(fd)

    def _mode(self, name: str) -> int | None:
        with suppress(FileNotFoundError):
            return os.stat(name, dir_fd=self._fd, follow_symlinks=False).st_mode
        return None

    def _is(self, name: str, identity: DirectoryId) -> bool:
        found = self._identity(name)
        return found is not None and identity.matches(found)

    def _identity(self, name: str) -> DirectoryId | None:
        with suppress(FileNotFoundError):
            return DirectoryId.of(os.stat(name, dir_fd=self._fd, follow_symlinks=False))
        return None


def _move(names: Iterable[str], source: int, target: int) -> None:
    """Rename what is in one directory (a descriptor) into another; others stay."""
    for name in names:
        failpoints.reach("join")
        try:
            os.rename(name, name, src_dir_fd=source, dst_dir_fd=target)
        except FileNotFoundError:
            os.stat(name, dir_fd=target, follow_symlinks=False)


def _identity_of(token: str) -> DirectoryId | None:
    """What a token names; None for one of another kind of place, where sets went before."""
    with suppress(ValueError):
        return DirectoryId.parse(token)
    return None


def _job_part(name: str) -> str:
    """The name of the staging directory of the job to which one of that name belongs."""
    return _STAGING + name.removeprefix(_STAGING).partition(".")[0]


def _mib(size: int) -> str:
    return f"{size / (1 << 20):,.0f} MiB"


def _unpublishable(error: OSError, name: str) -> ConversionError:
    if is_full(error):
        return NoRoomError("the output directory is full", error)
    if error.errno == errno.EEXIST:
        what = f"{name}: the output set exists by now, and it is not to be replaced"
        return unavailable(what, CHOOSE_ANOTHER)
    return output_refused(f"{name}: the output set cannot be published", error)
