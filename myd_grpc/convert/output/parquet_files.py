"""Writes Parquet files of rows: one thread reads these while another writes those before.

Others wait for the disk, which takes several files at once.

This loads pyarrow, and is only loaded where such files are made.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
from pyarrow import csv, parquet

from myd_grpc.convert.dialect import Dialect
from myd_grpc.convert.output import disk
from myd_grpc.convert.output.finishing import FinishedTable, Report, RowFile
from myd_grpc.convert.output.parquet_types import schema_of
from myd_grpc.convert.output.row_pieces import whole_rows
from myd_grpc.failpoints import reach
from myd_grpc.threads import Threads

_PIECE = 4 << 20
"""Bytes of CSV that become columns at a time, unless a row is longer."""
_GROUP = 16 << 20
"""From so many bytes of columns on, as they are in memory, a row group is written."""
# Thousands of columns cost more than what is in so few of their rows: there are at least so many
# bytes for each.
_PIECE_FOR_COLUMN, _GROUP_FOR_COLUMN = 1 << 10, 8 << 10
# No other file of a set has such a name.
_UNFINISHED = ".unfinished-{}.parquet"
_SYNCS = 4
# What its error says then, whose type is that of all that it has no type for.
_NO_THREAD = "Failed to launch worker thread"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A part of a table's rows, and the file that is to be made of it."""

    table: FinishedTable
    part: RowFile
    path: Path


def make(wanted: Sequence[Wanted], dialect: Dialect, report: Report) -> None:
    """Writes these files, one after another.

    Raises OSError as the file system does, or as the system does where it lets no thread begin.
    """
    pa.set_io_thread_count(1)
    # They would take a thread, and where none begins, the process ends.
    pa.enable_signal_handlers(False)
    groups = ((one, group) for one in wanted for group in _row_groups(one, dialect))
    with closing(_one_ahead(groups)) as ahead, Threads(_SYNCS, "finish") as pool:
        finishing = list[Future[None]]()
        for one, its_groups in groupby(ahead, itemgetter(0)):
            unfinished = one.path.with_name(_UNFINISHED.format(len(finishing)))
            _write(one, unfinished, (group for _, group in its_groups), report)
            finishing.append(pool.submit(_finish, unfinished, one.path))
        for finished in finishing:
            finished.result()
    # What this allocator keeps, no other gets.
    pa.default_memory_pool().release_unused()


def _one_ahead(items: Iterator[T]) -> Generator[T]:
    """The same items; the next one is already made, by another thread, while one is used."""
    with Threads(1, "read") as pool:
        coming = pool.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, items, None)
            yield item
            del item  # else there would be three of them


def _row_groups(one: Wanted, dialect: Dialect) -> Iterator[pa.Table]:
    """A part's rows, as row groups; at least one, which may have no rows."""
    schema = schema_of(one.table)
    most = max(_GROUP, _GROUP_FOR_COLUMN * len(schema))
    held, size = [pa.Table.from_batches([], schema)], 0
    for columns in _columns(one, schema, dialect):
        held.append(columns)
        size += columns.nbytes
        if size >= most:
            yield pa.concat_tables(held)
            held, size = [], 0
    if held:
        yield pa.concat_tables(held)


def _columns(one: Wanted, schema: pa.Schema, dialect: Dialect) -> Iterator[pa.Table]:
    """A part's rows as columns, some at a time."""
    parsing = csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False)
    converting = csv.ConvertOptions(
        column_types=schema,
        null_values=[""],
        true_values=["true"],
        false_values=["false"],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    )
    piece = max(_PIECE, _PIECE_FOR_COLUMN * len(schema))
    with one.part.path.open("rb", buffering=0) as file:
        file.seek(len(dialect.byte_order_mark))
        header = 1
        for text in whole_rows(file, piece):
            # One block, else pyarrow would cut it up once more, with bounds on rows of its own.
            reading = csv.ReadOptions(
                use_threads=False,
                block_size=len(text),
                column_names=schema.names,
                skip_rows_after_names=header,
            )
            with _thread_refusals():
                columns = csv.read_csv(pa.BufferReader(text), reading, parsing, converting)
            header = 0
            del text  # which may be long, and is of no use while what was made of it is waiting
            yield columns


@contextmanager
def _thread_refusals() -> Iterator[None]:
    """Raises BlockingIOError where pyarrow can begin no thread, without which it reads no CSV."""
    try:
        yield
    except pa.ArrowException as error:
        if _NO_THREAD not in str(error):
            raise
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN)) from None


def _write(one: Wanted, unfinished: Path, groups: Iterator[pa.Table], report: Report) -> None:
    """Writes a file under another name."""
    rows = 0
    with _opened(unfinished, schema_of(one.table)) as writer:
        for group in groups:
            if group.num_rows:
                writer.write_table(group, row_group_size=group.num_rows)
            rows += group.num_rows
            report(group.num_rows)
    if rows != one.part.rows:
        raise RuntimeError(f"{rows} rows were read of {one.part.rows}")


def _finish(unfinished: Path, path: Path) -> None:
    """Gives a file its own name when it is synced."""
    disk.sync(unfinished)
    reach("replace")
    unfinished.replace(path)


def _opened(path: Path, schema: pa.Schema) -> parquet.ParquetWriter:
    # Of the least and the greatest text there would be several copies, and it may be a long one.
    measured = [field.name for field in schema if not pa.types.is_string(field.type)]
    return parquet.ParquetWriter(
        path,
        schema,
        version="2.6",
        compression="zstd",
        write_statistics=measured,
        store_schema=False,
    )
