"""The server's directories: made when missing, checked, and locked against a second server."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from myd_grpc.config import Settings
from myd_grpc.convert.errors import why
from myd_grpc.environ_reader import SettingsError
from myd_grpc.errors import DirectoryLostError
from myd_grpc.locks import LOCK_FILE, is_shared, lock, locked_among_machines
from myd_grpc.objectstore.client import remedy
from myd_grpc.objectstore.location import Location

logger = logging.getLogger(__name__)


class InUseError(Exception):
    """Another server works in a directory of ours."""


def prepare(settings: Settings) -> None:
    """Make the directories. Raises SettingsError when one cannot be made or written.

    What is in object storage needs none.
    """
    places: dict[str, tuple[Path | Location, int, int]] = {
        "MYD_DATA_DIR": (settings.data_dir, 0o777, os.R_OK | os.X_OK),
        "MYD_OUTPUT_DIR": (settings.output_dir, 0o777, os.W_OK | os.R_OK | os.X_OK),
        "MYD_STATE_DIR": (settings.state_dir, 0o700, os.W_OK | os.R_OK | os.X_OK),
    }
    if isinstance(settings.output_dir, Location):
        places["MYD_WORK_DIR"] = (settings.work_dir, 0o700, os.W_OK | os.R_OK | os.X_OK)
    for variable, (place, mode, _) in places.items():
        if isinstance(place, Path):
            _make(variable, place, mode)
    keep_private(settings.state_dir)
    if isinstance(settings.output_dir, Location):
        keep_private(settings.work_dir)
    for variable, (place, _, access) in places.items():
        if isinstance(place, Path):
            _check(variable, place, access)


def try_inputs(settings: Settings) -> None:
    """Raises SettingsError when inputs in object storage cannot be read from this machine.

    Nodes of a cluster have credentials of their own, so that this machine may have none.
    """
    if isinstance(settings.data_dir, Location) and settings.executor == "local":
        # Not needed without object storage.
        from myd_grpc.objectstore.objects import Objects  # noqa: PLC0415

        try:
            Objects(settings.data_dir).check_readable()
        except OSError as error:
            raise unusable("MYD_DATA_DIR", settings.data_dir, "read", error) from None


def unusable(variable: str, location: Location, what: str, error: OSError) -> SettingsError:
    """What to raise when a location cannot be `what`, "read" or "written"."""
    rights = {"read": "get and list", "written": "get, list, write and delete"}[what]
    needed = f", which have to {rights} objects beneath its prefix"
    return SettingsError(
        f"{variable} is in object storage, and cannot be {what}: {why(error)}; "
        f"{remedy(location, error)}{needed if error.errno == errno.EKEYREJECTED else ''}"
    )


@dataclass(frozen=True, slots=True)
class PinnedPath:
    """A path that has to go on leading to the file or directory which was opened there.

    As long as that is open, no other can have its device and inode number.
    """

    what: str
    path: str
    device: int
    inode: int

    @classmethod
    def of(cls, what: str, path: Path) -> PinnedPath:
        """The path with what it leads to now; `what` is its name for people. Raises OSError."""
        found = path.stat()
        return cls(what, str(path), found.st_dev, found.st_ino)

    def check(self) -> None:
        """Raises DirectoryLostError when the path leads to something else by now, or to nothing."""
        try:
            found = os.stat(self.path)  # noqa: PTH116 - quicker, and asked for each transaction
        except OSError:
            raise DirectoryLostError(self.what) from None
        if (found.st_dev, found.st_ino) != (self.device, self.inode):
            raise DirectoryLostError(self.what)


@contextmanager
def locked(directory: Path) -> Iterator[int]:
    """A descriptor of the directory, locked meanwhile.

    Raises InUseError when another server has locked it, on this machine or on another.
    """
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if not lock(fd):
            raise _in_use(directory)
        with _locked_among_machines(directory, fd):
            yield fd
    finally:
        os.close(fd)


@contextmanager
def _locked_among_machines(directory: Path, fd: int) -> Iterator[None]:
    with ExitStack() as held:
        try:
            lock_held = held.enter_context(locked_among_machines(fd))
        except OSError as error:
            raise InUseError(f"{directory / LOCK_FILE} cannot be locked: {why(error)}") from None
        if lock_held is False:
            raise _in_use(directory)
        if lock_held is None and is_shared(fd):
            logger.warning(
                "the file system of %s has no locks: see to it that no server on another machine "
                "works there",
                directory,
            )
        yield


def _in_use(directory: Path) -> InUseError:
    return InUseError(
        f"another server is working in {directory}: stop it, or give this one directories of its "
        "own with MYD_STATE_DIR and MYD_OUTPUT_DIR"
    )


def keep_private(path: Path) -> None:
    """Let nobody but its owner at a file or directory, if that is this process's user."""
    found = path.stat()
    if found.st_uid == os.geteuid() and found.st_mode & 0o077:
        path.chmod(found.st_mode & 0o700)


def _make(variable: str, directory: Path, mode: int) -> None:
    try:
        directory.mkdir(mode=mode, parents=True, exist_ok=True)
    except FileExistsError:
        raise SettingsError(f"{variable}={directory} is not a directory") from None
    except OSError as error:
        owner = _owner(_nearest_existing(directory))
        raise SettingsError(
            f"{variable}={directory} cannot be made: {why(error)}; {owner}"
        ) from None


def _check(variable: str, directory: Path, access: int) -> None:
    if not directory.is_dir():
        raise SettingsError(f"{variable}={directory} is not a directory")
    if not os.access(directory, access):
        what = "written" if access & os.W_OK else "read"
        raise SettingsError(f"{variable}={directory} cannot be {what}; {_owner(directory)}")


def _owner(directory: Path) -> str:
    found = directory.stat()
    if (found.st_uid, found.st_gid) == (os.getuid(), os.getgid()):
        return f"{directory} belongs to this process's user already: choose another place"
    return (
        f"this process runs as {os.getuid()}:{os.getgid()}, and {directory} belongs to "
        f"{found.st_uid}:{found.st_gid}: in a container, --user {found.st_uid}:{found.st_gid} "
        "would do"
    )


def _nearest_existing(directory: Path) -> Path:
    return next(place for place in (directory, *directory.parents) if place.exists())
