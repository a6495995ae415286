"""The seam of output: what writes the tables of one set, in whichever format."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from msgspec import Struct

from myd_grpc.convert.batch import Fragment
from myd_grpc.convert.kinds import SetKinds
from myd_grpc.convert.model import PartFile
from myd_grpc.convert.schema import Schema
from myd_grpc.options import Profile


@dataclass(frozen=True, slots=True)
class WriteContext:
    """What the writers of a set are made for: where its files go, and how its tables are written.

    The schema and the kinds grow with the fragments: a writer finds the columns of a fragment in
    the schema, and all kinds there are once no rows come any more.
    """

    directory: Path
    schema: Schema
    kinds: SetKinds
    profile: Profile
    rows_per_part: int


class Extent(Struct, array_like=True):
    """How large a table is, as text: `data` bytes of its rows, which have so many cells.

    Of its columns there are so many, too, and their names are `names` bytes.
    """

    rows: int = 0
    cells: int = 0
    data: int = 0
    columns: int = 0
    names: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A writer's files between two batches.

    `state` is what a checkpoint keeps, and only the writer reads: plain data, of numbers, texts,
    lists and dictionaries, and nothing of a cell. `unsynced` are the files written since the last
    snapshot, and `changed` the files that got rows since then, as far as they are.
    """

    state: Any
    unsynced: Sequence[Path]
    changed: Sequence[PartFile]


class TableWriter(Protocol):
    """Writes a set's tables into a directory, in which others write files of other names.

    All methods raise OSError as the file system does.
    """

    def size_of(self, table: Extent) -> int:
        """The bytes that such a table takes, with all its rows as wide as it is.

        It takes none without rows, and never less where there is more of anything.
        """
        ...

    def add(self, fragment: Fragment) -> None:
        """Takes a fragment's rows, whose columns the schema has adopted already."""
        ...

    def drain(self) -> None:
        """Returns when no rows are on their way to the disk."""
        ...

    def snapshot(self) -> Snapshot:
        """Writes what is held, and describes the files as they are then."""
        ...

    def restore(self, state: Any) -> Collection[str]:
        """Goes on from a snapshot's state, for a schema that is as it was then.

        What was written to its files since is gone then; answers their names, as files of no writer
        are deleted. Raises ValueError or FileNotFoundError when less is there than was described.
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
