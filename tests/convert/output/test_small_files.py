"""Small files that are written behind: all there when they are counted on, or a failure."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from myd_grpc.convert.checkpoint import Checkpoint
from myd_grpc.convert.model import NO_KEYS, Conversion, PartFile, Progress
from myd_grpc.convert.output import disk, file_system
from myd_grpc.convert.output.small_files import SmallFiles
from myd_grpc.convert.pipeline import convert
from tests.support.converting import (
    conversion,
    converted,
    directory,
    each_engine,
    silent,
    write,
)

NAMES = [f"{number}.json" for number in range(20)]


@pytest.fixture(params=[False, True], ids=["behind", "at once"])
def files(request: pytest.FixtureRequest) -> SmallFiles:
    made = SmallFiles()
    if request.param:
        made.write_at_once()
    return made


def test_all_files_are_there_once_they_are_drained(files: SmallFiles, tmp_path: Path) -> None:
    wanted = {str(tmp_path / str(number)): bytes([number]) * number for number in range(99)}
    files.write([(path, b"something else, which is longer" * 4) for path in wanted])
    for one in wanted.items():
        files.write([one])
    files.drain()
    assert {path: Path(path).read_bytes() for path in wanted} == wanted
    files.close()


def test_a_failure_is_raised_with_its_number(files: SmallFiles) -> None:
    def write_and_drain() -> None:
        files.write([("/dev/full", b"text")])
        files.drain()

    with pytest.raises(OSError) as caught:  # noqa: PT011 - its number tells
        write_and_drain()
    assert caught.value.errno == errno.ENOSPC
    files.close()


class Looking:
    """Saves once it was asked so often, and looks at what there is to be synced then."""

    def __init__(self, every: int) -> None:
        self.seen = set[str]()
        self._every = every
        self._asked = 0

    def due(self) -> bool:
        self._asked += 1
        return self._asked >= self._every

    def save(
        self, _checkpoint: Checkpoint, files: Sequence[Path], _parts: Sequence[PartFile]
    ) -> None:
        self._asked = 0
        assert all(path.exists() for path in files)
        self.seen.update(path.name for path in files)

    def supersede(
        self, checkpoint: Checkpoint, files: Sequence[Path], parts: Sequence[PartFile]
    ) -> None:
        self.save(checkpoint, files, parts)

    def has_older(self) -> bool:
        return bool(self.seen)


@pytest.mark.parametrize("every", [1, 4])
@each_engine
def test_a_checkpoint_counts_on_no_file_that_still_waits(engine: str, every: int) -> None:
    with directory() as data, directory() as out:
        write(data, [(name, b'[{"id": 1, "list": [{"n": 2}]}]') for name in NAMES])
        looking = Looking(every)
        request = conversion(data, NAMES, merge=False, engine=engine)
        convert(request, NO_KEYS, out, silent, looking)
    assert {"out_1.csv", "out.list_1.csv", "datapackage.json"} <= looking.seen


def files_in(place: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}


def assert_written_and_synced(request: Conversion, out: Path) -> None:
    """Each file is whole when its set is finished, and synced by itself in the end."""
    seen, synced = dict[Path, bytes](), set[tuple[int, int]]()

    def report(progress: Progress) -> None:
        # A file is read before its set is finished.
        for number in range(progress.files_done - 1):
            found = files_in(out / str(number))
            assert {"out_1.csv", "out.list_1.csv", "datapackage.json"} <= {
                one.name for one in found
            }
            seen.update(found)

    def fsync(fd: int) -> None:
        status = os.fstat(fd)
        synced.add((status.st_dev, status.st_ino))
        real(fd)

    real = os.fsync
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "fsync", fsync)
        convert(request, NO_KEYS, out, report)
    last = files_in(out / str(len(NAMES) - 1))
    assert {**seen, **last} == files_in(out)
    everything = [out, *out.rglob("*")]
    assert {(one.stat().st_dev, one.stat().st_ino) for one in everything} <= synced


@each_engine
def test_none_waits_where_only_to_close_a_file_tells_that_it_is_not_written(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As over NFS, and wherever it is not known what the file system does."""
    monkeypatch.setattr(file_system, "_TRUSTED", {})
    with directory() as data, directory() as out:
        write(data, [(name, b'[{"id": 1, "list": [{"n": 2}]}]') for name in NAMES])
        assert_written_and_synced(conversion(data, NAMES, merge=False, engine=engine), out)


@pytest.mark.parametrize("tables", [3, 40])
@each_engine
def test_files_of_one_small_set_are_written_as_wholes(
    engine: str, tables: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    appended, real = list[str](), disk.AppendOnlyFiles.append

    def append(files: disk.AppendOnlyFiles, appends: Sequence[disk.Append], **how: bool) -> None:
        appended.extend(name for name, _ in appends)
        real(files, appends, **how)

    monkeypatch.setattr(disk.AppendOnlyFiles, "append", append)
    # In all, of the latter there are more than are written so.
    record = {f"t{number}": [{"a": "x" * 10_000}] for number in range(tables)}
    made = converted([("a.json", json.dumps([record]).encode())], engine=engine)
    assert len(made) == tables + 1
    assert len(appended) == (0 if tables == 3 else tables + 1)
