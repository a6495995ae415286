"""What shows that files are as they were: their SHA-256, and what each column has in them.

All of it is read: the inputs again, and a set once it is finished, so that what was written amiss
shows here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar

from myd_grpc.convert.output.finishing import FinishedRows, FinishedTable, RowFile
from myd_grpc.convert.package.counting import (
    Counting,
    FileCounts,
    MiscountError,
    Read,
    sha256_of,
)
from myd_grpc.convert.package.facts import Checksums, Counts, TableFacts
from myd_grpc.options import Format
from myd_grpc.threads import Threads

_REPORT_S = 0.2

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class CheckedInput:
    """An input file: its bytes, and what reads all of them and answers their SHA-256."""

    size: int
    sha256: Callable[[Read], str]


def taken(
    directory: Path,
    tables: Sequence[TableFacts],
    rows: FinishedRows,
    inputs: Sequence[CheckedInput],
    counting: Counting,
    threads: int,
    report: Callable[[float], None],
) -> Checksums:
    """Reads a finished set in its directory, and its inputs.

    `report` is told several times a second which part has been read: 0 to 1. Raises MiscountError
    where a file has other rows, or a column other cells, than were written.
    """
    row_files = [
        _row_files(directory, facts, table)
        for facts, table in zip(tables, rows.tables, strict=True)
    ]
    sizes = {directory / file.file_name: file.size for one in tables for file in one.all_files()}
    counted = {file.path: file.size for files in row_files for file in files}
    total = sum(one.size for one in inputs) + sum((sizes | counted).values())
    with _Reading(threads, total, report) as reading:
        hashed = [reading.begin(one.sha256) for one in inputs]
        counts = {
            file.path: reading.begin(partial(counting.count, file.path, len(facts.columns)))
            for facts, files in zip(tables, row_files, strict=True)
            for file in files
        }
        others = {
            path: reading.begin(partial(sha256_of, path)) for path in sizes if path not in counts
        }
        reading.wait()
    found = {path: one.result() for path, one in counts.items()}
    files = {path: one.sha256 for path, one in found.items()}
    files |= {path: one.result() for path, one in others.items()}
    return Checksums(
        [one.result() for one in hashed],
        {path.name: files[path] for path in sizes},
        [_added([(file, found[file.path]) for file in one]) for one in row_files],
    )


def _row_files(directory: Path, facts: TableFacts, table: FinishedTable) -> Sequence[RowFile]:
    """The files with a table's rows as text: those that are published, if any are."""
    published = facts.files.get(Format.CSV)
    if published is None:
        return table.parts
    return [RowFile(directory / file.file_name, file.rows, file.size) for file in published]


def _added(files: Sequence[tuple[RowFile, FileCounts]]) -> Sequence[Counts]:
    """What the columns of a table have in all of its files."""
    for file, found in files:
        if found.rows != file.rows or any(sum(one) != file.rows for one in found.columns):
            raise MiscountError(file.path.name)
    return [_sum(column) for column in zip(*(found.columns for _, found in files), strict=True)]


def _sum(counts: Sequence[Counts]) -> Counts:
    values, nulls, empty = (sum(one) for one in zip(*counts, strict=True))
    return values, nulls, empty


class _Reading:
    """Reads files in threads, and tells how far that is.

    What no thread reads is read by whoever begins it, and that tells of it, too.
    """

    def __init__(self, threads: int, total: int, report: Callable[[float], None]) -> None:
        self._pool = Threads(threads, "checksums")
        self._total = total
        self._report = report
        self._begun: list[Future[Any]] = []
        self._lock = threading.Lock()
        self._read = 0
        self._waiting = threading.current_thread()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def begin(self, read: Callable[[Read], _Answer]) -> Future[_Answer]:
        """Has a file read, which is told of the bytes that were."""
        future = self._pool.submit(read, self._add)
        self._begun.append(future)
        return future

    def _add(self, size: int) -> None:
        with self._lock:
            self._read += size
        if threading.current_thread() is self._waiting:
            self._tell()

    def _tell(self) -> None:
        self._report(self._read / self._total)

    def wait(self) -> None:
        """Returns when all files have been read; raises what any has raised."""
        left = set(self._begun)
        while left:
            done, left = wait(left, _REPORT_S, FIRST_EXCEPTION)
            for one in done:
                one.result()
            self._tell()
