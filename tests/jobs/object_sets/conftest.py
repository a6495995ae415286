"""An object store, and a place in it where sets are published."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from myd_grpc.jobs.publish.object_prefix import ObjectPrefix
from myd_grpc.jobs.publish.output_directory import OutputDirectory
from myd_grpc.objectstore.objects import Objects
from tests.support.object_store import ObjectStore


@pytest.fixture
def store(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """As everywhere, and this process can reach it."""
    for name, value in store.environ.items():
        monkeypatch.setenv(name, value)
    return store


@pytest.fixture
def objects(store: ObjectStore) -> Objects:
    return Objects(store.location("out"))


@pytest.fixture
def work(tmp_path: Path) -> Iterator[OutputDirectory]:
    path = tmp_path / "work"
    path.mkdir()
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    yield OutputDirectory(path, fd)
    os.close(fd)


@pytest.fixture
def place(objects: Objects, work: OutputDirectory) -> ObjectPrefix:
    return ObjectPrefix(objects, work, keeps_existing=True)
