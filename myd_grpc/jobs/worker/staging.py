"""A task's staging directory: owned by one worker at a time, and private while it is written."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from myd_grpc.convert.checkpoint_form import StaleCheckpointError
from myd_grpc.convert.output import disk
from myd_grpc.convert.remedies import (
    OUTPUT_DIRECTORY,
    NoRoomError,
    output_refused,
    unavailable,
)
from myd_grpc.jobs.worker.hardening import umask
from myd_grpc.jobs.worker.protocol import Task
from myd_grpc.locks import lock

_PREDECESSOR_ENDS_S = 30.0
_AT_ONCE = 8 << 20
_MOMENT_S = 60.0
_STAGED = ".myd-*"
# Where the kernel, the file system or the sandbox has no copy_file_range.
_CANNOT_COPY = {errno.ENOSYS, errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.EPERM}


@contextmanager
def output_errors(place: str) -> Iterator[None]:
    """Raise ConversionError for what the file system refuses: it is all about the output here.

    `place` is what the output is made in: where the set will be, or not.
    """
    try:
        yield
    except NoRoomError as error:
        if place == OUTPUT_DIRECTORY:
            raise
        raise error.in_place(place) from None
    except OSError as error:
        raise output_refused(f"{place} cannot be written", error, place) from None


@contextmanager
def owned(staging: Path) -> Iterator[None]:
    """Make the staging directory, or take over that of a dead worker, and lock it meanwhile."""
    with suppress(FileExistsError):
        staging.mkdir(mode=0o700)
    fd = os.open(staging, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fchmod(fd, 0o700)
        if not lock(fd, time.monotonic() + _PREDECESSOR_ENDS_S):
            raise unavailable(
                "a worker from before still writes the output", "wait until it has ended"
            )
        yield
    finally:
        os.close(fd)


def prepare_work(work: Path, but: str | None = None) -> None:
    """Make the directory in which a node stages sets, and remove from it what no worker owns.

    What is a moment old may be another worker's that is about to lock it; `but` stays, too.
    """
    work.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(PermissionError):  # another user's, who has let this one in
        work.chmod(0o700)
    for path in work.glob(_STAGED):  # whatever else is there is not ours
        with suppress(OSError):
            if str(path) != but and path.stat().st_mtime <= time.time() - _MOMENT_S:
                _remove_unowned(path)


def remove_own(task: Task) -> None:
    """Remove what a task that is over has staged, and what it went on from."""
    for staging in (task.staging, task.taken_over):
        if staging is not None:
            with suppress(OSError):
                _remove_unowned(Path(staging))


def remove_of_job(task: Task) -> None:
    """Remove what any attempt at the job of a task has staged, unless a worker owns it."""
    staging = Path(task.staging)
    for path in staging.parent.glob(f".myd-{task.job_id}.*"):
        with suppress(OSError):
            _remove_unowned(path)


def _remove_unowned(staging: Path) -> None:
    fd = os.open(staging, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if lock(fd):
            shutil.rmtree(staging)
    finally:
        os.close(fd)


def empty(staging: Path) -> None:
    """Remove whatever is in the staging directory."""
    for path in staging.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)  # as NFS may say of what it has just removed


def take_over(predecessor: Path, staging: Path) -> None:
    """Copy what an earlier attempt has staged, whose worker may still write there.

    What it adds meanwhile is beyond its checkpoint, and cut off as that is taken up; what it puts
    in place of a part is whole, and what it removes is not needed any more. Raises
    StaleCheckpointError when the directory is not there.
    """
    empty(staging)
    try:
        predecessor.stat()  # of what is not there, there is nothing to be listed, and no error
        for path in sorted(predecessor.rglob("*")):
            copy = staging / path.relative_to(predecessor)
            if path.is_dir():
                copy.mkdir()
            elif path.is_file():
                with suppress(FileNotFoundError):
                    _copy(path, copy)
    except FileNotFoundError:
        raise StaleCheckpointError from None
    disk.sync_all([*staging.rglob("*"), staging])


def _copy(source: Path, target: Path) -> None:
    """Copy a file within the file system that both are on, which may share their blocks."""
    with source.open("rb") as read, target.open("xb") as written:
        try:
            while os.copy_file_range(read.fileno(), written.fileno(), _AT_ONCE):
                pass
        except OSError as error:
            if error.errno not in _CANNOT_COPY:
                raise
            shutil.copyfileobj(read, written, _AT_ONCE)


def set_modes(staging: Path) -> None:
    """Give what another server has left the modes that this one gives."""
    mask = umask()
    for path in staging.rglob("*"):
        now = path.lstat().st_mode
        wanted = (0o777 if stat.S_ISDIR(now) else 0o666) & ~mask
        if stat.S_IMODE(now) != wanted:  # as it seldom is, and there may be very many
            _set_mode(path, wanted)


def publish_modes(staging: Path) -> None:
    """Let others at a finished set as far as the umask lets them."""
    _set_mode(staging, 0o777 & ~umask())


def _set_mode(path: Path, mode: int) -> None:
    """By a descriptor: a path that is not to be opened is not to be given another mode either."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fchmod(fd, mode)
    finally:
        os.close(fd)
