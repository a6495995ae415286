"""Sets that are staged in object storage and published there, without a server around it."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path

import pytest

from myd_grpc import failpoints
from myd_grpc.convert.model import BesideFile, PartFile
from myd_grpc.jobs.manifest import decode_manifest
from myd_grpc.jobs.publish.leftovers import GRACE_S
from myd_grpc.jobs.publish.object_prefix import ObjectPrefix
from myd_grpc.jobs.publish.place import StagedSet
from myd_grpc.jobs.worker.uploading import Uploader
from myd_grpc.objectstore.access import Uploaded
from myd_grpc.objectstore.objects import Objects

BIG = 20 << 20


def upload(objects: Objects) -> Callable[[str, Path], Future[Uploaded]]:
    def begin(path: str, file: Path) -> Future[Uploaded]:
        future = Future[Uploaded]()
        with file.open("rb") as opened:
            future.set_result(objects.upload(path, opened.fileno(), lambda: True))
        return future

    return begin


def stage(
    place: ObjectPrefix,
    objects: Objects,
    files: dict[str, bytes],
    *,
    job_id: str = "j1",
    attempt: str = "aa",
    name: str = "out",
    directory: str = "",
    parts: Sequence[PartFile] = (),
) -> StagedSet:
    """Upload a set as a worker does; of files that are not all of one table, with their parts.

    What is no part then is beside the tables.
    """
    staging = place.staging(directory, job_id, attempt)
    found = []
    for file_name, content in files.items():
        (staging / file_name).parent.mkdir(parents=True, exist_ok=True)
        (staging / file_name).write_bytes(content)
        table = file_name.rpartition("/")[2].partition("_")[0]
        found.append(PartFile(table, file_name, content.count(b"\n"), len(content)))
    parts = parts or found
    known = {part.file_name for part in parts}
    beside = [BesideFile(name, len(files[name])) for name in files if name not in known]
    destination = place.destination(directory, name, attempt)
    assert destination
    uploader = Uploader(upload(objects), staging, lambda: None)
    return place.stage(job_id, attempt, uploader.run(job_id, destination, parts, beside))


def downloaded(objects: Objects, name: str = "out") -> dict[str, bytes]:
    """What a reader gets who goes by the manifest."""
    found = objects.read(f"{name}/manifest.json")
    if found is None:
        return {}
    files = {}
    for one in decode_manifest(found.data).files:
        part = objects.read(f"{name}/{one.path}")
        assert part
        assert (len(part.data), hashlib.sha256(part.data).hexdigest()) == (one.bytes, one.sha256)
        files[one.name] = part.data
    return files


SHARED = {
    "a/out_1.csv": b"x\n1\n",
    "a/out_2.csv": b"x\n2\n",
    "a/out.xlsx": b"workbook",
    "a/out.tr_1.csv": b"y\n",
    "a/datapackage.json": b"{}",
}
"""A set of two tables in two formats, of which one has a file for both; and one is of none."""


def shared_parts(prefix: str = "a/") -> list[PartFile]:
    return [
        PartFile("out", f"{prefix}out_1.csv", 2, 4),
        PartFile("out", f"{prefix}out_2.csv", 3, 4),
        PartFile("out", f"{prefix}out.xlsx", 5, 8),
        PartFile("out.tr", f"{prefix}out.tr_1.csv", 1, 2),
        PartFile("out.tr", f"{prefix}out.xlsx", 1, 8),
    ]


def once_at(monkeypatch: pytest.MonkeyPatch, point: str, act: Callable[[], object]) -> None:
    """Have something happen when a point is reached for the first time."""

    def reach(reached: str) -> None:
        if reached == point:
            monkeypatch.setattr(failpoints, "reach", lambda _: None)
            act()

    monkeypatch.setattr(failpoints, "reach", reach)


def age(tmp_path: Path) -> None:
    """Let all that is in the store have been made long ago."""
    long_ago = time.time() - 3 * GRACE_S
    for path in (tmp_path / "store" / "objects").rglob("*"):
        if path.is_file():
            os.utime(path, (long_ago, long_ago))
