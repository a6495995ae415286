"""The seam of output: what writes the tables of one set, in whichever format."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from myd_grpc.convert.batch import Fragment
from myd_grpc.convert.model import PartFile

State = TypeVar("State")


class TableWriter(Protocol[State]):
    """Writes a set's tables into a directory that exists and is empty.

    Its `State` is what a checkpoint holds of it: plain data. All methods raise OSError as the file
    system does.
    """

    rows: int
    """How many it was given."""

    def add(self, fragment: Fragment) -> None:
        """Takes a fragment's rows, whose columns the schema has adopted already."""
        ...

    def drain(self) -> None:
        """Returns when no rows are on their way to the disk."""
        ...

    def changed_parts(self) -> list[PartFile]:
        """The parts that got rows since the last call, as far as they are."""
        ...

    def snapshot(self) -> State:
        """Writes what is held, and describes the files as they are then."""
        ...

    def unsynced(self) -> Sequence[Path]:
        """The files written since the last call, and their directory."""
        ...

    def restore(self, state: State) -> None:
        """Goes on from a snapshot, for a schema that is as it was then.

        What was written since is gone then. Raises ValueError or FileNotFoundError when less is
        there than was described.
        """
        ...

    def complete(self) -> None:
        """Writes what is held: after this no rows come."""
        ...

    @property
    def needs_rewrite(self) -> bool:
        """Whether to finish changes files so that no older snapshot fits them."""
        ...

    def finish(self) -> list[PartFile]:
        """Has all files as they are to be, and synced; answers them table by table."""
        ...

    def close(self) -> None:
        """Closes all files, finished or not."""
        ...
