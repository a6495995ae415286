"""What the server asks of the place where sets are published, whatever kind of place it is.

A set is staged first, where the worker writes it, and appears in its place complete and at once.
Methods block; none may run on an event loop.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from myd_grpc.convert.errors import ConversionError
from myd_grpc.jobs.manifest import Destination

_Result = TypeVar("_Result")


class NotDurableError(Exception):
    """A set is to be seen, but may not last; `why` is what its job ends with, once it is hidden."""

    def __init__(self, why: ConversionError) -> None:
        super().__init__(why.message)
        self.why = why


@dataclass(frozen=True, slots=True)
class StagedSet:
    """The complete set of a job; by `token`, a text of its place, it is known after a restart."""

    job_id: str
    token: str


@dataclass(frozen=True, slots=True)
class StagedShare:
    """What an attempt has staged of a set: these directories of it; `uploaded` as for `stage`."""

    attempt: str
    directories: Sequence[str]
    uploaded: str


class OutputPlace(Protocol):
    """A place for sets, in which callers may be confined to directories.

    One that `keeps_existing` sees to it that what is not to be replaced is not, whoever else
    publishes there.
    """

    keeps_existing: bool

    def check_path(self) -> None:
        """Raises DirectoryLostError when nobody would find what is published."""
        ...

    def within(self, directory: str, act: Callable[[OutputPlace], _Result]) -> _Result:
        """What `act` makes of a directory, relative to this one; of this one for "".

        Raises ConversionError: DirectoryMissingError, or why it cannot be opened.
        """
        ...

    def make(self, directory: str) -> None:
        """Make a directory that is to hold sets, where it is missing. Raises ConversionError."""
        ...

    def find_in(self, directory: str, name: str) -> str | None:
        """The name under which that set is there, perhaps in another case or Unicode form.

        The directory may be missing. Raises ConversionError, which may be a ShortageError.
        """
        ...

    def staging(self, directory: str, job_id: str, attempt: str) -> Path:
        """Where an attempt, or each where they have no names, stages a set for that directory."""
        ...

    def destination(self, directory: str, name: str, attempt: str) -> Destination | None:
        """Where an attempt uploads a set for that directory once it is staged; None: nowhere.

        Then it is published from where it was staged.
        """
        ...

    def check(self, name: str, wanted: int) -> None:
        """Raises ConversionError when a set of that name, of so many bytes, cannot be published."""
        ...

    def join(self, job_id: str, attempt: str, name: str, shares: Sequence[StagedShare]) -> str:
        """Let what attempts have staged for that set, in order, be staged by one; its `uploaded`.

        What is there already stays there: this may be done again after it was broken off.
        Raises ConversionError.
        """
        ...

    def has_staged(self, job_id: str, attempt: str, name: str) -> bool:
        """Whether there is still what an attempt has staged for that set. Raises ConversionError.

        It has come to the end of it.
        """
        ...

    def stage(self, job_id: str, attempt: str, uploaded: str) -> StagedSet:
        """Let what an attempt has staged be the job's. Raises ConversionError.

        `uploaded` is the digest of the manifest, where there is a destination.
        """
        ...

    def publish(self, staged: StagedSet, name: str, *, replace: bool) -> bool:
        """Let the staged set appear as `name`, in one step, and make that last.

        Returns whether something is left that is to be discarded. Raises ConversionError
        (OUTPUT_UNAVAILABLE, DISK_FULL, or a ShortageError) with nothing changed, or
        NotDurableError, after which the set has to be taken back.
        """
        ...

    def take_back(self, job_id: str, name: str) -> None:
        """Hide a set that was published, and bring back what it has replaced.

        Raises OSError; what was done by then is not done again by the next try.
        """
        ...

    def recover(self, job_id: str, token: str, name: str, *, replace: bool) -> bool:
        """After a crash, whether the set of that token is published: now, if it was staged only.

        Without a token none was complete. Raises ConversionError.
        """
        ...

    def discard(self, job_id: str, *, attempts: bool = False) -> None:
        """Remove what is left of a job beside the sets, also of all attempts. Raises ShortageError.

        What a worker that lingers writes into meanwhile is left, until the next server starts.
        """
        ...

    def sweep(self, but: Collection[str]) -> None:
        """Remove whatever is staged and no worker owns, but that of the jobs `but`."""
        ...

    def tidy(self, under_way: Collection[str], is_wanted: Callable[[], bool]) -> None:
        """Remove what was published once and nobody needs by now, or never came to be.

        `under_way` are the jobs that had not ended when this was called. Ends soon when it is not
        wanted any more.
        """
        ...
