"""Small files that are written behind: all there when they are counted on, or a failure."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from pathlib import Path

import pytest

from myd_grpc.convert.checkpoint import Checkpoint
from myd_grpc.convert.model import NO_KEYS, PartFile
from myd_grpc.convert.output.small_files import SmallFiles
from myd_grpc.convert.pipeline import convert
from tests.support.converting import conversion, directory, each_engine, silent, write

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
    """Saves at each opportunity, and looks at what there is to be synced then."""

    def __init__(self) -> None:
        self.seen = set[str]()

    def due(self) -> bool:
        return True

    def save(
        self, _checkpoint: Checkpoint, files: Sequence[Path], _parts: Sequence[PartFile]
    ) -> None:
        assert all(path.exists() for path in files)
        self.seen.update(path.name for path in files)

    def supersede(
        self, checkpoint: Checkpoint, files: Sequence[Path], parts: Sequence[PartFile]
    ) -> None:
        self.save(checkpoint, files, parts)

    def has_older(self) -> bool:
        return bool(self.seen)


@each_engine
def test_a_checkpoint_counts_on_no_file_that_still_waits(engine: str) -> None:
    with directory() as data, directory() as out:
        write(data, [(name, b'[{"id": 1, "list": [{"n": 2}]}]') for name in NAMES])
        looking = Looking()
        request = conversion(data, NAMES, merge=False, engine=engine)
        convert(request, NO_KEYS, out, silent, looking)
    assert {"out_1.csv", "out.list_1.csv", "datapackage.json"} <= looking.seen
