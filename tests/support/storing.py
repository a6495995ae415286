"""Job stores in directories of their own, and what they are told."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path

from myd_grpc.convert.model import Limits
from myd_grpc.jobs.model import (
    Change,
    DeletedJob,
    Job,
    Request,
    RequestFingerprint,
)
from myd_grpc.jobs.store.store import DATABASE_NAME, JobStore
from myd_grpc.options import (
    ColumnChoice,
    ConvertOptions,
    Layout,
    Masking,
    MaskMethod,
    MaskProfile,
    MaskRule,
    Profile,
)

HERE = "1:2:3"
MARK = RequestFingerprint("3f2504e0-4f89-41d3-9a0c-0305e82c3301", b"digest")


def request(output: str = "out") -> Request:
    return Request(file_names=("a.json",), output_file_name=output)


class Announced(list[Job]):
    """The jobs that were announced, in order, and those that were deleted."""

    def __init__(self) -> None:
        super().__init__()
        self.deleted: list[DeletedJob] = []

    def __call__(self, changes: Sequence[Change]) -> None:
        self.extend(one for one in changes if isinstance(one, Job))
        self.deleted.extend(one for one in changes if isinstance(one, DeletedJob))


@asynccontextmanager
async def opened(state_dir: Path, announced: Announced | None = None) -> AsyncIterator[JobStore]:
    """A store that is closed at the end."""
    store = JobStore(state_dir, announced if announced is not None else Announced())
    try:
        yield store
    finally:
        store.close()


def assert_sound(state_dir: Path) -> None:
    """The job database there is whole, and no row of it refers to one that is not there."""
    with closing(sqlite3.connect(state_dir / DATABASE_NAME)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []


PLAIN = Request(
    ("a.json", "b.json"),
    "out",
    ConvertOptions(Layout.AUTO, "a.b", "no", merge=True, csv_profile=Profile.DATABASE),
    limits=Limits(7, 8),
    section_names=frozenset("s"),
)
MASKED = Request(
    ("a.json",),
    "masked",
    ConvertOptions(
        include=("a.**",),
        exclude=("b", "c"),
        maps=("m",),
        masking=Masking(
            MaskProfile.MYDATA_KR,
            (MaskRule("x", MaskMethod.PSEUDONYM, "d"), MaskRule("y", MaskMethod.KEEP)),
        ),
        max_rejects=7,
        preset="team",
    ),
    needs_masking_key=True,
    this_year=2022,
    preset=ColumnChoice(("p",), ("q",), Masking(rules=(MaskRule("r", MaskMethod.YEAR),))),
)
ENCRYPTED = Request(("a.json",), "secret", encrypted=True, spare_masking_key=True)
