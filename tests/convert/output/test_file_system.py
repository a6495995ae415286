"""What a loss of power would leave of a set: all that a checkpoint counts, and all at the end."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from myd_grpc import failpoints
from myd_grpc.convert import kept_sets
from myd_grpc.convert.checkpoint import Checkpoint
from myd_grpc.convert.kept_sets import FEW_INPUTS, FILE_NAME, KeptSetsFile
from myd_grpc.convert.model import NO_KEYS, Conversion, PartFile
from myd_grpc.convert.output import disk, file_system
from myd_grpc.convert.output.file_system import LITTLE_BYTES, MANY, SEVERAL, FileSystem
from myd_grpc.convert.pipeline import convert
from myd_grpc.options import ConvertOptions, Format
from tests.support.converting import native

FEW = 8


class Disk:
    """What is safe of a directory, by inode: files and names as they were when synced."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._root = root
        self.kept: dict[int, bytes | set[str]] = {}
        self.fsyncs = self.syncfses = 0
        self._real_fsync = os.fsync
        self._real_syncfs = file_system._syncfs
        monkeypatch.setattr(os, "fsync", self._fsync)
        monkeypatch.setattr(file_system, "_syncfs", self._syncfs)

    def _fsync(self, fd: int) -> None:
        self.kept[os.fstat(fd).st_ino] = _state(Path(f"/proc/self/fd/{fd}").readlink())
        self.fsyncs += 1
        self._real_fsync(fd)

    def _syncfs(self, fd: int) -> None:
        self.kept |= self.all()
        self.syncfses += 1
        self._real_syncfs(fd)

    def all(self) -> dict[int, bytes | set[str]]:
        """All there is."""
        paths = [self._root, *self._root.rglob("*")]
        return {path.stat().st_ino: _state(path) for path in paths}

    def holds(self, path: Path) -> bool:
        """Whether a file would be there, as it is, after a loss of power."""
        names = self.kept.get(path.parent.stat().st_ino, set[str]())
        return path.name in names and self.kept.get(path.stat().st_ino) == _state(path)


def _state(path: Path) -> bytes | set[str]:
    return {one.name for one in path.iterdir()} if path.is_dir() else path.read_bytes()


class Often:
    """A checkpoint after each batch, of which all that it counts is safe."""

    def __init__(self, out: Path, safe: Disk) -> None:
        self.out = out
        self.safe = safe
        self.files = FileSystem(out)
        self.sets = 0

    def due(self) -> bool:
        return True

    def save(
        self, checkpoint: Checkpoint, files: Sequence[Path], _parts: Sequence[PartFile]
    ) -> None:
        self.files.sync([*files, self.out])
        with closing(KeptSetsFile(self.out)) as file:
            kept = file.restore(checkpoint.kept)
        done = [*(one.file_name for one in kept.done), *(one.file_name for one in kept.beside)]
        of_file = [path.name for path in file.unsynced]
        assert all(self.safe.holds(self.out / name) for name in [*done, *of_file])
        self.sets = len(kept.beside)

    def has_older(self) -> bool:
        return True

    supersede = save


class Slow:
    """Saves a checkpoint only when that is waited for."""

    def __init__(self) -> None:
        self.under_way: Sequence[Path] = ()

    def due(self) -> bool:
        self.has_older()
        return True

    def save(
        self, _checkpoint: Checkpoint, files: Sequence[Path], _parts: Sequence[PartFile]
    ) -> None:
        self.under_way = files

    def has_older(self) -> bool:
        for path in self.under_way:
            disk.sync(path)
        self.under_way = ()
        return True

    supersede = save


@pytest.fixture
def conversion(tmp_path: Path) -> Callable[..., Conversion]:
    def made(
        files: int, *, merge: bool = False, formats: tuple[Format, ...] = (Format.CSV,)
    ) -> Conversion:
        names = tuple(f"{number:03}.json" for number in range(files))
        for name in names:
            (tmp_path / name).write_text('[{"id":1,"rows":[{"n":1},{"n":2}]}]')
        options = ConvertOptions(merge=merge, formats=formats)
        return Conversion(str(tmp_path), names, "out", options)

    return made


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


@pytest.fixture(params=[1, 9, 10**9], ids=["whole", "both", "each"])
def ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file system as a whole, some of both, or one file after another."""
    monkeypatch.setattr(file_system, "MANY", request.param)
    monkeypatch.setattr(file_system, "SEVERAL", request.param)


@pytest.mark.usefixtures("ways")
@pytest.mark.parametrize(("often", "few"), [(False, 0), (True, 0), (True, FEW)])
@pytest.mark.parametrize(
    "formats",
    [(Format.CSV,), pytest.param((Format.XLSX,), marks=native)],
    ids=["csv", "hidden rows"],
)
@pytest.mark.parametrize("merge", [False, True])
def test_what_is_counted_is_safe(
    conversion: Callable[..., Conversion],
    out: Path,
    monkeypatch: pytest.MonkeyPatch,
    merge: bool,
    formats: tuple[Format, ...],
    often: bool,
    few: int,
) -> None:
    monkeypatch.setattr(kept_sets, "FEW_INPUTS", few)
    safe = Disk(out, monkeypatch)
    request = conversion(FEW, merge=merge, formats=formats)
    if often:
        checkpoints = Often(out, safe)
        with closing(checkpoints.files):
            convert(request, NO_KEYS, out, lambda *_: None, checkpoints)
        assert merge or checkpoints.sets > FEW
    else:
        convert(request, NO_KEYS, out, lambda *_: None)
    now = safe.all()
    assert {one: safe.kept.get(one) for one in now} == now


@pytest.mark.usefixtures("ways")
@pytest.mark.parametrize("merge", [False, True])
def test_what_is_done_to_a_set_that_is_written_is_safe(
    conversion: Callable[..., Conversion], out: Path, monkeypatch: pytest.MonkeyPatch, merge: bool
) -> None:
    safe = Disk(out, monkeypatch)
    request = conversion(1, merge=merge)
    convert(request, NO_KEYS, out, lambda *_: None, written=(out / "last").mkdir)
    assert "last" in safe.kept[out.stat().st_ino]


@pytest.mark.parametrize("merge", [False, True])
def test_what_is_being_saved_at_the_end_is_still_there(
    conversion: Callable[..., Conversion], out: Path, merge: bool
) -> None:
    slow = Slow()
    wanted = conversion(FEW_INPUTS + 1, merge=merge)
    convert(wanted, NO_KEYS, out, lambda _: None, checkpoints=slow)
    slow.has_older()
    assert not (out / FILE_NAME).exists()


def test_many_small_sets_take_one_sync(
    conversion: Callable[..., Conversion], out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    safe = Disk(out, monkeypatch)
    monkeypatch.setattr(file_system, "_is_trusted", lambda _fd: True)
    convert(conversion(MANY // 4), NO_KEYS, out, lambda *_: None)
    assert (safe.fsyncs, safe.syncfses) == (0, 1)


@pytest.mark.parametrize("refused", [errno.ENOSYS, errno.EPERM, None])
def test_where_that_is_not_to_be_had_each_is_synced(
    conversion: Callable[..., Conversion],
    out: Path,
    monkeypatch: pytest.MonkeyPatch,
    refused: int | None,
) -> None:
    safe = Disk(out, monkeypatch)

    def refuse(_fd: int) -> None:
        assert refused is not None
        raise OSError(refused, os.strerror(refused))

    monkeypatch.setattr(file_system, "_is_trusted", lambda _fd: refused is not None)
    monkeypatch.setattr(file_system, "_syncfs", refuse)
    convert(conversion(MANY // 4), NO_KEYS, out, lambda *_: None)
    now = safe.all()
    assert safe.fsyncs == len(now)
    assert safe.kept == now


def test_an_error_of_the_file_system_is_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failpoints, "_points", failpoints._parse("sync=error:EIO@1"))
    monkeypatch.setattr(file_system, "_is_trusted", lambda _fd: True)
    with closing(FileSystem(tmp_path)) as files, pytest.raises(OSError, match="Input/output"):
        files.sync([tmp_path] * MANY)


@pytest.mark.parametrize(
    ("files", "waits", "fsyncs"),
    [
        (SEVERAL - 1, 0, SEVERAL - 1),
        (SEVERAL, LITTLE_BYTES, 0),
        (SEVERAL, LITTLE_BYTES + 1, SEVERAL),
        (MANY - 1, LITTLE_BYTES + 1, MANY - 1),
        (MANY, sys.maxsize, 0),
    ],
)
def test_few_files_are_synced_together_where_nobody_else_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: int, waits: int, fsyncs: int
) -> None:
    safe = Disk(tmp_path, monkeypatch)
    monkeypatch.setattr(file_system, "_is_trusted", lambda _fd: True)
    monkeypatch.setattr(file_system, "unwritten_bytes", lambda: waits)
    with closing(FileSystem(tmp_path)) as opened:
        opened.sync([tmp_path] * files)
    assert (safe.fsyncs, safe.syncfses) == (fsyncs, int(not fsyncs))


def test_it_is_known_how_much_is_still_to_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "told").write_text(
        "MemFree:  1 kB\nDirty:  20 kB\nWriteback:      300 kB\nWritebackTmp:  4000 kB\n"
    )
    with (tmp_path / "told").open() as told:
        monkeypatch.setattr(file_system, "_memory", told.fileno)
        assert file_system.unwritten_bytes() == 320 * 1024
    monkeypatch.undo()
    assert file_system.unwritten_bytes() < sys.maxsize
    monkeypatch.setattr(file_system, "_memory", lambda: None)
    assert file_system.unwritten_bytes() > LITTLE_BYTES


def test_a_file_system_is_trusted_where_it_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = os.open("/dev/shm", os.O_RDONLY)
    processes = os.open("/proc", os.O_RDONLY)
    try:
        assert file_system._type_of(shared) == 0x01021994
        assert not file_system._is_trusted(processes)
        for release, trusted in (("5.7.19", False), ("5.8.0-rc1", True), ("10.0", True)):
            uname = os.uname_result(("Linux", "host", release, "#1", "x86_64"))
            monkeypatch.setattr(os, "uname", lambda uname=uname: uname)
            assert file_system._is_trusted(shared) is trusted
    finally:
        os.close(shared)
        os.close(processes)
