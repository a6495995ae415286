"""Parquet files of a set, each made of a part of its rows (docs/spec.md 3.12)."""

from __future__ import annotations

import sys
import threading
from collections.abc import Collection, Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from myd_grpc.convert.model import PartFile
from myd_grpc.convert.output.finishing import FinishedRows, FinishedTable, Made, Report, RowFile
from myd_grpc.threads import start

_FILES = "myd_grpc.convert.output.parquet_files"

_Part = tuple[FinishedTable, RowFile, str]
"""A part of a table's rows, and the name of the file that is made of it."""


class Parquet:
    """Makes a file of each part: a `FinishingFormat`."""

    def __init__(self) -> None:
        if _FILES not in sys.modules:
            # It takes a while, in which rows come.
            with suppress(BlockingIOError):  # as whoever needs it loads it, too
                start(threading.Thread(target=_load, name="load"))

    def kept(self, directory: Path, rows: FinishedRows) -> Collection[str]:
        """The names of the files that are there."""
        return [name for _, _, name in _parts(rows) if (directory / name).exists()]

    def make(self, directory: Path, rows: FinishedRows, report: Report) -> Made:
        """Makes the files that are not there."""
        # Large, an extra, and of no use to any other set.
        from myd_grpc.convert.output.parquet_files import Wanted, make  # noqa: PLC0415

        wanted = list[Wanted]()
        for table, part, name in _parts(rows):
            if (directory / name).exists():
                report(part.rows)
            else:
                wanted.append(Wanted(table, part, directory / name))
        make(wanted, rows.dialect, report)
        return Made([_described(directory, *part) for part in _parts(rows)])


def _load() -> None:
    with suppress(ImportError):  # as whoever needs it is told
        import_module(_FILES)


def _parts(rows: FinishedRows) -> Iterator[_Part]:
    for table in rows.tables:
        for number, part in enumerate(table.parts, 1):
            yield table, part, f"{table.base}_{number}.parquet"


def _described(directory: Path, table: FinishedTable, part: RowFile, name: str) -> PartFile:
    return PartFile(table.name, name, part.rows, (directory / name).stat().st_size)
