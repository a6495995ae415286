"""Files that are appended to: whatever way the bytes take, they come in order and all of them."""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myd_grpc import failpoints
from myd_grpc.convert.output import disk
from myd_grpc.convert.output.disk import AppendOnlyFiles
from tests.support.converting import directory

ROOM = 4 * disk._BLOCK
NEARLY = st.integers(-2, 2)
SIZES = st.one_of(
    st.integers(0, 9),
    NEARLY.map(lambda more: disk._BLOCK + more),
    NEARLY.map(lambda more: ROOM + more),
    st.integers(0, 3 * ROOM),
)
PIECES = st.lists(SIZES, max_size=4)
LOTS = st.lists(st.dictionaries(st.sampled_from("abc"), PIECES), max_size=6)


@pytest.fixture(params=[disk._DIRECT, 0, "refused"], ids=["direct", "cached", "refused"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """All ways that bytes may take, by way of a smaller buffer than usual."""
    refused = request.param == "refused"
    monkeypatch.setattr(disk, "_DIRECT", disk._DIRECT if refused else request.param)
    monkeypatch.setattr(disk, "_BUFFER_BYTES", ROOM)
    monkeypatch.setattr(disk, "_IDLE_FILES", 2)
    points = failpoints._parse("direct=error:EINVAL" if refused else "")
    monkeypatch.setattr(failpoints, "_points", points)


class Appended:
    """Files that get random bytes, and what they should hold."""

    def __init__(self, place: Path) -> None:
        self.wanted: dict[str, bytes] = {}
        self._place = place
        self._rng = random.Random(7)

    def append(self, files: AppendOnlyFiles, lot: dict[str, list[int]]) -> None:
        pieces = {name: [self._rng.randbytes(size) for size in lot[name]] for name in lot}
        files.append(list(pieces.items()))
        for name, some in pieces.items():
            self.wanted[name] = self.wanted.get(name, b"") + b"".join(some)

    def check(self) -> None:
        assert {path.name: path.read_bytes() for path in self._place.iterdir()} == self.wanted


@pytest.mark.usefixtures("way")
@given(rounds=st.lists(LOTS, max_size=3), least=st.sampled_from([1, disk._BLOCK, ROOM]))
def test_files_hold_what_was_appended(rounds: list[list[dict[str, list[int]]]], least: int) -> None:
    with directory() as place, pytest.MonkeyPatch.context() as patch:
        patch.setattr(disk, "DIRECT_BYTES", least)
        appended = Appended(place)
        for lots in rounds:
            files = AppendOnlyFiles(place)
            for lot in lots:
                appended.append(files, lot)
            files.flush()
            appended.check()
            for lot in lots:
                appended.append(files, lot)
            files.flush()
            files.close()
            appended.check()


def opened_for(path: Path, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each call of `open` on a file asked for direct writing."""
    asked, real = list[bool](), os.open

    def spy(name: Path, flags: int, *mode: int) -> int:
        if name == path:
            asked.append(bool(flags & disk._DIRECT))
        return real(name, flags, *mode)

    monkeypatch.setattr(os, "open", spy)
    return asked


@pytest.mark.skipif(not disk._DIRECT, reason="this system has no direct writing")
def test_only_large_lots_are_written_directly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = opened_for(tmp_path / "a", monkeypatch)
    files = AppendOnlyFiles(tmp_path)
    for size, opened in [
        (disk.DIRECT_BYTES - 1, [False]),
        (disk.DIRECT_BYTES, [False, True]),
        (disk.DIRECT_BYTES, [False, True]),
    ]:
        files.append([("a", [bytes(size)])])
        files.flush()
        assert asked == opened
    files.close()


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("size", [9, 2 * disk.DIRECT_BYTES])
def test_an_error_is_raised_by_the_next_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    points = failpoints._parse("write=error:ENOSPC@2")
    monkeypatch.setattr(failpoints, "_points", points)
    files = AppendOnlyFiles(tmp_path)
    files.append([("a", [bytes(size)])])
    files.append([("a", [bytes(size)])])
    calls: list[Callable[[], object]] = [files.flush, lambda: files.append([("b", [b"b"])])]
    for call in calls:
        with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
            call()
    files.close()
    assert not (tmp_path / "b").exists()


def test_a_file_that_gives_way_is_whole_before_it_is_opened_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While one thread puts a file away, another may be about to append to it."""
    monkeypatch.setattr(disk, "_BUFFER_BYTES", ROOM)
    monkeypatch.setattr(disk, "_IDLE_FILES", 1)
    monkeypatch.setattr(disk, "DIRECT_BYTES", 1)
    with directory() as place:
        appended = Appended(place)
        files = AppendOnlyFiles(place)
        for _ in range(1000):
            appended.append(files, {name: [disk._BLOCK + 5] for name in "abcd"})
        files.flush()
        files.close()
        appended.check()


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("size", [9, 2 * disk.DIRECT_BYTES])
def test_the_last_is_taken_while_what_came_before_is_written(tmp_path: Path, size: int) -> None:
    may_write, files = Event(), AppendOnlyFiles(tmp_path)

    def write() -> None:
        may_write.wait()
        (tmp_path / "a").write_bytes(b"a")

    files.begin(write)
    files.append([("a", [bytes(size)])], is_last=True)
    may_write.set()
    files.flush()
    files.close()
    assert (tmp_path / "a").read_bytes() == b"a" + bytes(size)


def test_an_error_of_what_came_before_the_last_is_raised(tmp_path: Path) -> None:
    may_write, files = Event(), AppendOnlyFiles(tmp_path)

    def write() -> None:
        may_write.wait()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    files.begin(write)
    files.append([("a", [b"a"])], is_last=True)
    may_write.set()
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        files.flush()
    files.close()
    assert not (tmp_path / "a").exists()


FILES = 2 * disk._SYNCS


@pytest.mark.parametrize("turn", range(1, FILES + 1))
def test_an_error_of_any_sync_is_raised_when_all_have_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, turn: int
) -> None:
    points = failpoints._parse(f"sync=error:EIO@{turn}")
    monkeypatch.setattr(failpoints, "_points", points)
    real, begun, ended = disk.sync, list[Path](), list[Path]()

    def sync(path: Path) -> None:
        begun.append(path)
        try:
            real(path)
        finally:
            ended.append(path)

    monkeypatch.setattr(disk, "sync", sync)
    paths = [tmp_path / str(number) for number in range(FILES)]
    for path in paths:
        path.touch()
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        disk.sync_all(paths)
    assert sorted(begun) == sorted(ended)
    disk.sync_all(paths)
    assert {*ended[-FILES:]} == {*paths}
