"""Writes fragments as the CSV files of one output set (docs/spec.md 3.4 to 3.7).

A part's file is begun with the header its table has at that time. Rows only ever gain columns at
their end, so a column met later costs a longer header and commas at the ends of the rows before
it: such parts, and no others, are written once more when the set is finished.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from msgspec import convert, to_builtins

from myd_grpc.convert.batch import Appended, Gathered, Rows
from myd_grpc.convert.csvtext import header_bytes
from myd_grpc.convert.dialect import Dialect
from myd_grpc.convert.long_row import LongRow
from myd_grpc.convert.model import PartFile
from myd_grpc.convert.output import disk
from myd_grpc.convert.output.csv_parts import (
    NO_HEADER,
    Held,
    HeldRows,
    Part,
    Segment,
    add_segment,
)
from myd_grpc.convert.output.naming import FileNames
from myd_grpc.convert.output.rewriting import Rewrite, Rewriter
from myd_grpc.convert.output.small_files import MOST_BYTES, SmallFiles, write_at_once
from myd_grpc.convert.output.writer import Extent, Snapshot
from myd_grpc.convert.schema import Schema
from myd_grpc.convert.widening import widened
from myd_grpc.failpoints import reach

_HELD_BYTES = 8 << 20
_PIECE = 256 << 10
_LITTLE_BYTES = 256 << 10
"""Bytes of all parts of a set up to which it takes no threads to write them."""


class CsvSet:
    """Writes the rows of a set as CSV files into a directory, where others have other names.

    All methods raise OSError as the file system does.
    """

    def __init__(
        self,
        directory: Path,
        schema: Schema,
        dialect: Dialect,
        rows_per_part: int,
        behind: SmallFiles | None = None,
    ) -> None:
        self.directory = directory
        self.dialect = dialect
        self._schema = schema
        self._line_end = dialect.line_end.encode()
        self._rows_per_part = rows_per_part
        # What a header has beside names with a byte after each.
        self._beside_names = len(dialect.byte_order_mark) + len(self._line_end) - 1
        self._names = FileNames()
        self._bases: list[str] = []
        self._parts: list[list[Part]] = []
        self._files = disk.AppendOnlyFiles(directory)
        self._behind = behind
        self._held_bytes = 0
        # Rows that were not written, and parts with rows that were not reported.
        self._held: dict[str, HeldRows] = {}
        self._changed: dict[str, Part] = {}
        self._unsynced: dict[str, None] = {}
        # Parts to which gathered rows are appended, by table.
        self._open: dict[int, Part] = {}

    def size_of(self, table: Extent) -> int:
        """The bytes of a table's parts, with a comma for every cell that its rows lack.

        It takes none without rows, and never less where there is more of anything.
        """
        rows = table.rows
        headers = -(-rows // self._rows_per_part) * (table.names + self._beside_names)
        return headers + table.data + rows * table.columns - table.cells

    # Rows in

    def add(self, added: Iterable[Rows | LongRow]) -> None:
        """Takes rows, whose columns the schema has adopted already."""
        for rows in added:
            if isinstance(rows, LongRow):
                self._held_bytes += len(rows)
                self._hold(self._last_part(rows.table), (rows, rows.width, 1))
            else:
                self._add_rows(rows)
        if self._held_bytes > _HELD_BYTES:
            self._write(self._much())
            # Small tables' rows wait until they are many, unless the tables are.
            if self._held_bytes > _HELD_BYTES // 2:
                self._write(list(self._held.values()))

    def append(self, gathered: Gathered) -> tuple[Sequence[Rows], Sequence[Appended]]:
        """Takes gathered rows, and appends to files what they have of each of many tables.

        Of a part that is open for that, nothing is known until it is closed. Answers the rows that
        were added as any others, and what was appended to the parts of their tables.
        """
        if unopened := gathered.unopened(disk.DIRECT_BYTES):
            self.drain()
            for table, width, rows in unopened:
                self._open_part(gathered, table, width, rows)
        write, others, closed = gathered.append(disk.DIRECT_BYTES)
        self._files.begin(write)
        self._know(closed)
        self.add(others)
        return others, closed

    def close_parts(self, gathered: Gathered) -> Sequence[Appended]:
        """Has no more rows appended to files without a look at them; what was to each."""
        closed = gathered.close_parts()
        self._know(closed)
        return closed

    def _open_part(self, gathered: Gathered, table: int, width: int, rows: int) -> None:
        """Has rows of a table appended to its last part, if they are as that has them."""
        part = self._last_part(table)
        held = self._held.get(part.file_name) or HeldRows(part)
        room = self._rows_per_part - part.rows
        is_final = width == self._final_width(part) and part.header in (NO_HEADER, width)
        is_little = not held.has_long_row and held.size + self._missing(held) < disk.DIRECT_BYTES
        if not (is_final and is_little and rows <= room and self._is_written(part)):
            return
        self._held.pop(part.file_name, None)
        self._held_bytes -= held.size
        begin = b"".join(self._taken(held))
        self._files.put_away(part.file_name)
        gathered.open(table, f"{self.directory}/{part.file_name}", width, room, begin)
        self._open[table] = part
        self._changed[part.file_name] = part
        self._unsynced[part.file_name] = None

    def _know(self, closed: Iterable[Appended]) -> None:
        """Knows what was appended to parts, which are closed."""
        for table, rows, size in closed:
            part = self._open.pop(table)
            part.rows += rows
            part.size += size
            add_segment(part.segments, Segment(size, part.header, rows))

    def drain(self) -> None:
        """Returns when no rows are on their way to the disk."""
        self._files.drain()

    def _much(self) -> list[HeldRows]:
        """The rows of those parts that have enough of them to write them directly."""
        return [held for held in self._held.values() if held.size >= disk.DIRECT_BYTES]

    def _add_rows(self, rows: Rows) -> None:
        """Puts rows into the table's last part, and into new ones when that is full."""
        data, left = rows.data, len(rows.ends)
        self._held_bytes += len(data)
        part = self._last_part(rows.table)
        start = 0
        while (fitting := self._rows_per_part - part.rows) < left:
            stop = rows.ends[len(rows.ends) - left + fitting - 1]
            self._hold(part, (data[start:stop], rows.width, fitting))
            left, start = left - fitting, stop
            part = self._last_part(rows.table)
        self._hold(part, (data[start:] if start else data, rows.width, left))

    def _hold(self, part: Part, rows: Held) -> None:
        part.rows += rows[2]
        held = self._held.get(part.file_name)
        if held is None:
            held = self._held[part.file_name] = HeldRows(part)
        held.rows.append(rows)
        held.size += len(rows[0])
        self._changed[part.file_name] = part

    def _last_part(self, table: int) -> Part:
        """The table's part that is not yet full."""
        if table >= len(self._bases):
            self._name_tables(table)
        parts = self._parts[table]
        if not parts or parts[-1].rows >= self._rows_per_part:
            parts.append(Part(table, f"{self._bases[table]}_{len(parts) + 1}.csv"))
        return parts[-1]

    def _name_tables(self, last: int) -> None:
        # Names are claimed in the order of the tables, whichever has rows first.
        for table in self._schema.tables[len(self._bases) : last + 1]:
            self._bases.append(self._names.claim(table.name))
            self._parts.append([])

    def _described(self, part: Part) -> PartFile:
        """A part of which no rows are held."""
        return PartFile(self._schema.tables[part.table].name, part.file_name, part.rows, part.size)

    # Rows out

    def _write(self, waiting: Sequence[HeldRows], *, is_last: bool = False) -> None:
        if not waiting:
            return
        appends = list[disk.Append]()
        for held in waiting:
            file_name = held.part.file_name
            del self._held[file_name]
            self._unsynced[file_name] = None
            self._held_bytes -= held.size
            if self._missing(held) <= _HELD_BYTES and not held.has_long_row:
                appends.append((file_name, list(self._taken(held))))
            else:
                self._write_some_at_a_time(held)
        self._files.append(appends, is_last=is_last)

    def _missing(self, held: HeldRows) -> int:
        """How many empty cells a part's held rows get."""
        has_header = held.part.header != NO_HEADER
        width = held.part.header if has_header else self._final_width(held.part)
        return sum(rows * _commas(cells, width) for _, cells, rows in held.rows)

    def _write_some_at_a_time(self, held: HeldRows) -> None:
        file_name, some = held.part.file_name, list[bytes | memoryview]()
        for piece in self._taken(held):
            some.append(piece)
            if sum(map(len, some)) >= _HELD_BYTES // 2:
                self._files.append([(file_name, some)])
                some = []
        self._files.append([(file_name, some)])

    def _write_all(self) -> None:
        self._write(list(self._held.values()))
        self._files.flush()

    def _taken(self, held: HeldRows) -> Iterator[bytes | memoryview]:
        """A part's held rows, taken to be written; a file begins with the header of this moment."""
        part = held.part
        if part.header == NO_HEADER:
            part.header = self._final_width(part)
            header = self._header(part.table)
            part.size += len(header)
            yield header
        taken, held.rows = held.rows, []
        for data, width, rows in taken:
            # Rows older than the header get its columns right away.
            size = 0
            for piece in self._widened(data, _commas(width, part.header)):
                size += len(piece)
                yield piece
            add_segment(part.segments, Segment(size, max(width, part.header), rows))
            part.size += size

    def _widened(
        self, data: bytes | memoryview | LongRow, cells: int
    ) -> Iterator[bytes | memoryview]:
        """The text of rows with so many commas at the end of each."""
        pieces = data.pieces() if isinstance(data, LongRow) else iter((data,))
        return widened(pieces, cells, self._line_end, _PIECE)

    def _header(self, table: int) -> bytes:
        return header_bytes(self._schema.tables[table].written, self.dialect)

    # The end

    def complete(self) -> None:
        """Begins to write what is held: after this no rows come. `settle` has it written."""
        self._name_tables(len(self._schema.tables))
        if not self._parts[0] and self._schema.tables[0].is_written:
            part = self._last_part(0)
            self._held[part.file_name] = HeldRows(part)
        if self._is_little():
            self._write_whole()
        self._write(list(self._held.values()), is_last=True)

    def _is_little(self) -> bool:
        """Whether all parts are small, and what is held is all that is to be in them."""
        sizes = [held.size + self._missing(held) for held in self._held.values()]
        most = MOST_BYTES if self._behind else _LITTLE_BYTES
        if sum(sizes) > most or max(sizes, default=0) >= disk.DIRECT_BYTES:
            return False
        parts = self._all_parts()
        return all(part.header == NO_HEADER and self._is_written(part) for part in parts)

    def _write_whole(self) -> None:
        """Writes what is held as whole files, to which nothing will be appended."""
        place = str(self.directory)
        files = [
            (f"{place}/{name}", b"".join(self._taken(held))) for name, held in self._held.items()
        ]
        self._unsynced.update(dict.fromkeys(self._held))
        self._held.clear()
        self._held_bytes = 0
        if self._behind:
            self._behind.write(files)
        else:
            write_at_once(files)

    @property
    def needs_rewrite(self) -> bool:
        """Whether a part is not as it is to be, or not to be: then no older snapshot will fit."""
        return any(True for _ in self._unfinished())

    def finish(self) -> None:
        """Gives every part its table's final header, and removes those of tables left out.

        Nothing is told of files after this but what is known of them: rows may still be on their
        way to the disk until `settle`.
        """
        old = list[Part]()
        unfinished = list(self._unfinished())
        if unfinished:
            self._files.flush()
        for part in unfinished:
            if not self._is_written(part):
                self._remove(part)
            else:
                self._files.close_one(part.file_name)
                old.append(part)
        if old:
            sizes = Rewriter(self._line_end, _PIECE).rewrite(list(map(self._rewrite, old)))
            for part, size in zip(old, sizes, strict=True):
                part.size = size

    def settle(self) -> None:
        """Returns when all files of a finished set hold what they are to hold; closes them."""
        self._files.flush()
        self.close()

    def parts(self) -> list[PartFile]:
        """All parts of tables that are not left out, with no rows held, table by table."""
        return [self._described(part) for part in self._all_parts() if self._is_written(part)]

    def base(self, table: int) -> str:
        """What the parts of a table are named after."""
        return self._bases[table]

    def _unfinished(self) -> Iterator[Part]:
        """The parts that are not as they are to be, or not to be."""
        return (
            part
            for part in self._all_parts()
            if part.header < self._final_width(part) or not self._is_written(part)
        )

    def _all_parts(self) -> Iterator[Part]:
        return (part for parts in self._parts for part in parts)

    def _final_width(self, part: Part) -> int:
        return len(self._schema.tables[part.table].written)

    def _is_written(self, part: Part) -> bool:
        return self._schema.tables[part.table].is_written

    def close(self) -> None:
        """Closes all files."""
        self._files.close()

    def _remove(self, part: Part) -> None:
        self._files.close_one(part.file_name)
        reach("leave_out")
        (self.directory / part.file_name).unlink(missing_ok=True)
        # A checkpoint that is made while formats are would else have it synced.
        self._unsynced.pop(part.file_name, None)

    def _rewrite(self, part: Part) -> Rewrite:
        """What there is to do to a part: its final header, and rows with as many cells."""
        width, rows = self._final_width(part), sum(segment.size for segment in part.segments)
        return Rewrite(
            self.directory / part.file_name,
            self._header(part.table),
            part.size - rows,
            [(segment.size, _commas(segment.width, width)) for segment in part.segments],
        )

    # Checkpoints

    def snapshot(self) -> Snapshot:
        """Writes what is held, and describes all parts as they are then."""
        self._write_all()
        parts = to_builtins(list(self._all_parts()))
        unsynced = [self.directory / name for name in self._unsynced]
        # A table that is left out as it is may get a column: then its parts are told of.
        changed = [part for part in self._changed.values() if self._is_written(part)]
        self._unsynced.clear()
        for part in changed:
            del self._changed[part.file_name]
        return Snapshot(parts, unsynced, [self._described(part) for part in changed])

    def restore(self, state: Any, *, finishing: bool) -> Collection[str]:
        """Goes on from a snapshot's state, for a schema that is as it was then.

        Cuts off what was written since, and answers the names of its files. With `finishing`, all
        rows were there, and tables that are left out may be gone. Raises ValueError or
        FileNotFoundError when less is there than was recorded.
        """
        self._name_tables(len(self._schema.tables))
        for part in convert(state, list[Part]):
            self._parts[part.table].append(part)
            if self._is_written(part):
                self._restore_part(part)
            elif not finishing:
                self._restore_part(part)
                self._changed[part.file_name] = part
        return [part.file_name for part in self._all_parts()]

    def _restore_part(self, part: Part) -> None:
        path = self.directory / part.file_name
        if part.header < self._final_width(part) and self._is_final(part, path):
            part.header = self._final_width(part)
            part.size = path.stat().st_size
        elif path.stat().st_size < part.size:
            raise ValueError(f"{part.file_name} is shorter than it was")
        else:
            with path.open("r+b") as file:
                file.truncate(part.size)

    def _is_final(self, part: Part, path: Path) -> bool:
        """Whether the part had been written once more before the crash."""
        header, width = self._header(part.table), self._final_width(part)
        with path.open("rb") as file:
            if file.read(len(header)) != header:
                return False
        rows = sum(one.size + one.rows * _commas(one.width, width) for one in part.segments)
        if path.stat().st_size != len(header) + rows:
            raise ValueError(f"{part.file_name} is not as long as it was")
        return True


def _commas(cells: int, width: int) -> int:
    """The commas that a row of so many cells lacks to one of that width: none has none of both."""
    return max(0, max(1, width) - max(1, cells))
