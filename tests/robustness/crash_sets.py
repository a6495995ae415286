"""The sets of a server that is killed: in a directory, or in an object store."""

from __future__ import annotations

import shutil
from pathlib import Path

from myd_grpc.locks import LOCK_FILE
from tests.support import object_sets
from tests.support.object_sets import OUTPUT
from tests.support.object_store import ObjectStore
from tests.support.serving import tree


class DiskSets:
    """The sets in an output directory, or in a caller's directory of it."""

    def __init__(self, output: Path, team: str) -> None:
        self._output = output
        self._place = output / team

    def reset(self, *, old: bool) -> None:
        """Leave nothing, or a set that is to be replaced."""
        shutil.rmtree(self._output, ignore_errors=True)
        self._place.mkdir(parents=True)
        if old:
            (self._place / "out").mkdir()
            (self._place / "out" / "old.csv").write_bytes(b"old")

    def seen(self) -> dict[str, bytes]:
        """All files of sets."""
        return tree(self._place)

    def left(self) -> set[str]:
        """What is there beside the set."""
        return {path.name for path in self._place.iterdir()} - {"out", LOCK_FILE}


class StoredSets:
    """The sets beneath a prefix in an object store, or of a caller's beneath it."""

    def __init__(self, store: ObjectStore, team: str, work: Path) -> None:
        self._store = store
        self._prefix = f"{OUTPUT}/{team}" if team else OUTPUT
        self._work = work

    def reset(self, *, old: bool) -> None:
        """See `DiskSets.reset`."""
        object_sets.clear(self._store)
        if old:
            object_sets.put(self._store, "out", {"old.csv": b"old"}, self._prefix)

    def seen(self) -> dict[str, bytes]:
        """See `DiskSets.seen`: what a reader gets who goes by the manifests."""
        return object_sets.published(self._store, self._prefix)

    def left(self) -> set[str]:
        """What is left of staging."""
        return {path.name for path in self._work.iterdir()} - {LOCK_FILE}
