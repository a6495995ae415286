"""Conversions of which broken records are left out, with what they list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from myd_grpc.convert.model import NO_KEYS, Limits, Progress
from myd_grpc.convert.pipeline import convert
from myd_grpc.options import Layout
from tests.support.converting import Files, conversion, directory, write


@dataclass(frozen=True)
class Made:
    """What came of a conversion: its root table, what it lists, its message and its progress."""

    rows: str
    rejects: Sequence[str]
    note: str
    progress: Progress


def made_of(
    data: bytes, layout: Layout, engine: str, batch: int = 1000, most: int = 100, path: str = ""
) -> Made:
    """What comes of one file, `a.json`."""
    return made_of_files([("a.json", data)], layout, engine, batch, most, path)


def made_of_files(
    files: Files, layout: Layout, engine: str, batch: int = 1000, most: int = 100, path: str = ""
) -> Made:
    """What comes of a set, of whose records so many may be broken."""
    limits = Limits(batch_records=batch, max_record_bytes=1 << 16)
    with directory() as work:
        write(work / "data", files)
        (work / "out").mkdir()
        request = conversion(
            work / "data",
            [name for name, _ in files],
            engine=engine,
            layout=layout,
            max_rejects=most,
            limits=limits,
            record_path=path,
        )
        reports = list[Progress]()
        made = convert(request, NO_KEYS, work / "out", reports.append)
        listed = work / "out" / "rejects.csv"
        lines = listed.read_text().splitlines() if listed.exists() else []
        assert lines[:1] in ([], ["file,record,byte_offset,reason"])
        assert [one.file_name for one in made.beside].count("rejects.csv") == bool(lines)
        rows = (work / "out" / "out_1.csv").read_text()
        return Made(rows, lines[1:], made.note, reports[-1])
