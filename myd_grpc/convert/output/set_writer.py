"""The writers of one set, side by side: each format gets all rows and has files of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, Self

from myd_grpc.convert.batch import Fragment
from myd_grpc.convert.model import PartFile
from myd_grpc.convert.output import disk
from myd_grpc.convert.output.formats import FORMATS
from myd_grpc.convert.output.writer import Extent, Snapshot, TableWriter, WriteContext


class SetWriter:
    """Has all writers of a set do what a `TableWriter` does.

    The state of its snapshots is a dictionary of theirs, by format.
    """

    def __init__(self, context: WriteContext, writers: Mapping[str, TableWriter]) -> None:
        self._context = context
        self._by_format = writers
        self._writers = list(writers.values())

    @classmethod
    @contextmanager
    def opened(cls, context: WriteContext) -> Iterator[Self]:
        """A set that is written in all formats."""
        writers = dict[str, TableWriter]()
        with ExitStack() as opened:
            for name, make in FORMATS.items():
                writers[name] = make(context)
                opened.callback(writers[name].close)
            yield cls(context, writers)

    def size_of(self, table: Extent) -> int:
        """The bytes that such a table takes in all formats."""
        size = 0
        for writer in self._writers:
            size += writer.size_of(table)
        return size

    def add(self, fragment: Fragment) -> None:
        """Takes a fragment's rows, whose columns the schema has adopted already."""
        for writer in self._writers:
            writer.add(fragment)

    def drain(self) -> None:
        """Returns when no rows are on their way to the disk."""
        for writer in self._writers:
            writer.drain()

    def snapshot(self) -> Snapshot:
        """Writes what is held, and describes the files as they are then."""
        made = {name: writer.snapshot() for name, writer in self._by_format.items()}
        return Snapshot(
            {name: one.state for name, one in made.items()},
            [*(path for one in made.values() for path in one.unsynced), self._context.directory],
            [file for one in made.values() for file in one.changed],
        )

    def restore(self, states: Mapping[str, Any] | None) -> None:
        """Brings the directory to a snapshot, or to emptiness without one.

        Raises ValueError or FileNotFoundError when less is there than was described.
        """
        known = set[str]()
        if states is not None:
            if states.keys() != self._by_format.keys():
                raise ValueError("the set was written in other formats")
            for name, writer in self._by_format.items():
                known.update(writer.restore(states[name]))
        for path in self._context.directory.iterdir():
            if path.name not in known:
                path.unlink()

    def complete(self) -> None:
        """Writes what is held: after this no rows come."""
        for writer in self._writers:
            writer.complete()

    @property
    def needs_rewrite(self) -> bool:
        """Whether to finish changes files so that no older snapshot fits them."""
        return any(writer.needs_rewrite for writer in self._writers)

    def finish(self) -> list[PartFile]:
        """Has all files as they are to be, and synced; answers them table by table."""
        files = [file for writer in self._writers for file in writer.finish()]
        disk.sync(self._context.directory)
        numbers = {table.name: n for n, table in enumerate(self._context.schema.tables)}
        return sorted(files, key=lambda file: numbers[file.table])
