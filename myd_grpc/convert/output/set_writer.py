"""Writes a set: its rows as they come, and of those the formats that it is asked for in."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, Self

from myd_grpc.convert.batch import Rows
from myd_grpc.convert.dialect import Dialect
from myd_grpc.convert.kinds import ColumnKinds
from myd_grpc.convert.model import PartFile
from myd_grpc.convert.output import disk
from myd_grpc.convert.output.csv_set import CsvSet
from myd_grpc.convert.output.finishing import FinishedRows, FinishedTable, FinishingFormat, RowFile
from myd_grpc.convert.output.finishing_progress import FinishingProgress
from myd_grpc.convert.output.formats import RowPlan, finishing
from myd_grpc.convert.output.writer import Extent, Snapshot, WriteContext
from myd_grpc.convert.plain import PlainRows
from myd_grpc.convert.schema import Table
from myd_grpc.failpoints import reach

_HIDDEN = ".rows"
"""The directory of rows of which formats are made; no file of a set has such a name."""
_PUBLISHED, _KEPT, _GUARDS = "csv", "rows", "guards"

Report = Callable[[float], None]
"""Told which part of the time that formats take has passed: 0 to 1."""


@dataclass(frozen=True, slots=True)
class FinishedSet:
    """A set as it is to be: its files table by table, and the rows of which they were made.

    `unsynced` are the names of files that are still to be synced, as is the directory.
    `cut` says how many cells were cut short in a format that holds only so much, and `guarded` how
    many were guarded, by the index of their table in the rows' tables, and theirs in its columns.
    """

    files: Sequence[PartFile]
    unsynced: Sequence[str]
    rows: FinishedRows
    cut: Mapping[tuple[int, int], int]
    guarded: Mapping[tuple[int, int], int]


class SetWriter:
    """Writes a set of rows into a directory.

    The state of its snapshots is a dictionary, of what each of those who write rows says, and of
    the cells that were guarded.
    """

    def __init__(
        self,
        context: WriteContext,
        plan: RowPlan,
        writers: Mapping[str, CsvSet],
        formats: Sequence[tuple[FinishingFormat, float]],
    ) -> None:
        self._context = context
        self._plan = plan
        self._by_name = writers
        self._writers = list(writers.values())
        self._published = writers.get(_PUBLISHED)
        self._hidden = writers.get(_KEPT)
        published = plan.published if plan.dialect.marks_text else None
        self._plain = PlainRows(published) if published else None
        self._formats = formats

    @classmethod
    @contextmanager
    def opened(cls, context: WriteContext) -> Iterator[Self]:
        """A set that is written as its options say."""
        plan = RowPlan.of(context.options)
        asked = finishing(context.options.formats).values()
        formats = [(one.make(), one.cost) for one in asked]
        writers = dict[str, CsvSet]()
        with ExitStack() as opened:

            def open_one(name: str, directory: Path, dialect: Dialect) -> None:
                writers[name] = CsvSet(
                    directory, context.schema, dialect, context.rows_per_part, context.behind
                )
                opened.callback(writers[name].close)

            if plan.published:
                open_one(_PUBLISHED, context.directory, plan.published)
            if plan.hides_rows:
                hidden = context.directory / _HIDDEN
                hidden.mkdir(exist_ok=True)
                open_one(_KEPT, hidden, plan.dialect)
            yield cls(context, plan, writers, formats)

    def size_of(self, table: Extent) -> int:
        """The bytes that such a table's rows take wherever they are written."""
        size = 0
        for writer in self._writers:
            size += writer.size_of(table)
        return size

    def add(self, rows: Sequence[Rows]) -> None:
        """Takes rows, whose columns the schema has adopted already."""
        if self._hidden:
            self._hidden.add(rows)
        if self._published:
            self._published.add(self._plain.rows(rows) if self._plain else rows)

    @property
    def appends_gathered(self) -> CsvSet | None:
        """Who writes all rows, as they are, if that is one."""
        return self._writers[0] if len(self._writers) == 1 and not self._plain else None

    def drain(self) -> None:
        """Returns when no rows are on their way to the disk."""
        for writer in self._writers:
            writer.drain()

    def snapshot(self) -> Snapshot:
        """Writes what is held, and describes the files as they are then."""
        made = {name: writer.snapshot() for name, writer in self._by_name.items()}
        states = {name: one.state for name, one in made.items()}
        if self._plain:
            states[_GUARDS] = self._plain.snapshot()
        return Snapshot(
            states,
            [*(path for one in made.values() for path in one.unsynced), *self._directories()],
            made[_PUBLISHED].changed if self._published else [],
        )

    def restore(
        self, states: Mapping[str, Any] | None, others: Collection[str] = (), *, finishing: bool
    ) -> None:
        """Brings the directory to a snapshot, or to emptiness without one.

        The `others` are files of the set that stay, too. With `finishing`, all rows were there, and
        what formats have made of them stays. Raises
        ValueError or FileNotFoundError when less is there than was described.
        """
        known = {directory: set[str]() for directory in self._directories()}
        known[self._context.directory].update(others)
        if states is not None:
            if states.keys() - {_GUARDS} != self._by_name.keys():
                raise ValueError("the set was written in other formats")
            if self._plain:
                self._plain.restore(states[_GUARDS])
            for name, writer in self._by_name.items():
                known[writer.directory].update(writer.restore(states[name], finishing=finishing))
        if finishing:
            rows = self._finished_rows()
            for made, _ in self._formats:
                known[self._context.directory].update(made.kept(self._context.directory, rows))
        for directory, names in known.items():
            for path in directory.iterdir():
                if path not in known and path.name not in names:
                    path.unlink(missing_ok=True)  # as NFS may say of what it has just removed

    def _directories(self) -> list[Path]:
        hidden = [self._context.directory / _HIDDEN] if self._plan.hides_rows else []
        return [self._context.directory, *hidden]

    def complete(self) -> None:
        """Begins to write what is held: after this no rows come. `settle` has it written."""
        for writer in self._writers:
            writer.complete()

    @property
    def needs_rewrite(self) -> bool:
        """Whether to finish changes files so that no older snapshot fits them."""
        return any(writer.needs_rewrite for writer in self._writers)

    @property
    def hides_rows(self) -> bool:
        """Whether there are rows that `remove_hidden_rows` is to remove."""
        return self._plan.hides_rows

    def settle(self) -> None:
        """Returns when all files of rows of the finished set hold what they are to hold."""
        for writer in self._writers:
            writer.settle()

    def finish(self, report: Report) -> FinishedSet:
        """Has all files as they are to be, but for rows that are on their way: see `settle`."""
        for writer in self._writers:
            writer.finish()
        if self._formats:
            self.settle()
        files, cut = list[PartFile](), dict[tuple[int, int], int]()
        if self._published:
            files = self._published.parts()
        unsynced = [file.file_name for file in files]
        rows = self._finished_rows()
        progress = FinishingProgress(rows, [cost for _, cost in self._formats], report)
        for (made, _), told_rows in zip(self._formats, progress.reports(), strict=True):
            told = made.make(self._context.directory, rows, told_rows)
            reach("format_made")
            files += told.files
            cut.update(told.cut)
        numbers = {table.name: n for n, table in enumerate(self._context.schema.tables)}
        files.sort(key=lambda file: numbers[file.table])
        return FinishedSet(files, unsynced, rows, cut, self._guarded(rows, numbers))

    def _guarded(
        self, rows: FinishedRows, numbers: Mapping[str, int]
    ) -> Mapping[tuple[int, int], int]:
        """The cells that were guarded; `numbers` are those of tables in the schema.

        Rows may have been written of tables that are left out.
        """
        places = {numbers[table.name]: index for index, table in enumerate(rows.tables)}
        guards = self._plain.guards if self._plain else {}
        return {
            (places[table], column): cells
            for (table, column), cells in guards.items()
            if table in places
        }

    def _finished_rows(self) -> FinishedRows:
        """All rows, where formats are made of them."""
        writer = self._by_name[_KEPT if self._plan.hides_rows else _PUBLISHED]
        parts = dict[str, list[RowFile]]()
        for part in writer.parts():
            file = RowFile(writer.directory / part.file_name, part.rows, part.size)
            parts.setdefault(part.table, []).append(file)
        kinds = self._kinds()
        tables = [
            FinishedTable(
                table.name,
                writer.base(number),
                table.written,
                table.written_links,
                kinds.get(number, {}),
                parts[table.name],
            )
            for number, table in enumerate(self._context.schema.tables)
            if table.name in parts
        ]
        return FinishedRows(self._context.schema.tables[0].name, writer.dialect, tables)

    def _kinds(self) -> dict[int, dict[int, ColumnKinds]]:
        """By table, and by the places of written columns."""
        tables = self._context.schema.tables
        return {
            number: _placed(columns, tables[number])
            for number, columns in self._context.kinds.tables()
        }


def remove_hidden_rows(directory: Path) -> None:
    """Removes, for good, the rows of which a set's formats were made, if they are there."""
    hidden = directory / _HIDDEN
    if hidden.exists():
        for path in hidden.iterdir():
            reach("remove_rows")
            path.unlink(missing_ok=True)  # as NFS may say of what it has just removed
        hidden.rmdir()
        disk.sync(directory)


def _placed(columns: Mapping[int, ColumnKinds], table: Table) -> dict[int, ColumnKinds]:
    """What columns have that are no links, by their places among the written ones."""
    links = table.written_links
    if len(table.written) - links == len(table.columns) - len(table.links):  # as usual
        return {links + column: one for column, one in columns.items()}
    stay = [treatment.stays for treatment in table.treatments[len(table.links) :]]
    places = list(accumulate(stay, initial=links))
    return {places[column]: one for column, one in columns.items() if stay[column]}
