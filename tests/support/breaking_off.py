"""Conversions that break off anywhere, and go on from a checkpoint."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from myd_grpc.convert import kept_sets
from myd_grpc.convert.checkpoint import Checkpoint
from myd_grpc.convert.checkpoint_form import StaleCheckpointError
from myd_grpc.convert.errors import ConversionError
from myd_grpc.convert.model import CipherKey, Conversion, Keys, PartFile, Progress
from myd_grpc.convert.output import csv_set, disk, set_writer
from myd_grpc.convert.pipeline import Converted, convert
from tests.support.converting import Files, assert_told, directory, run, write
from tests.support.set_files import files_below


class CrashError(BaseException):
    """The process is no more."""


class Kept:
    """Keeps every checkpoint; a crash may come before the newest was kept."""

    def __init__(self, is_due: Callable[[], bool] = lambda: True) -> None:
        self.texts: list[str] = []
        self.superseded = 0
        self._is_due = is_due

    def due(self) -> bool:
        return self._is_due()

    def save(
        self, checkpoint: Checkpoint, files: Sequence[Path], _parts: Sequence[PartFile]
    ) -> None:
        assert all(path.exists() for path in files)
        self.texts.append(checkpoint.to_json())

    def has_older(self) -> bool:
        return bool(self.texts)

    def supersede(
        self, checkpoint: Checkpoint, files: Sequence[Path], parts: Sequence[PartFile]
    ) -> None:
        assert self.texts
        self.save(checkpoint, files, parts)
        self.superseded = len(self.texts)

    def one_of_the_last(self, rng: random.Random) -> Checkpoint | None:
        """The newest, or an older one if the newer ones had been under way and are lost."""
        oldest = max(self.superseded, len(self.texts) - 2, 1)
        del self.texts[rng.randint(oldest, max(oldest, len(self.texts))) :]
        return Checkpoint.from_json(self.texts[-1]) if self.texts else None


@contextmanager
def crashing(rng: random.Random) -> Iterator[Conversions]:
    """Conversions that break off somewhere: after a batch, or while a file is synced or removed."""
    conversions = Conversions(rng)
    with pytest.MonkeyPatch.context() as patch:
        real = disk.sync

        def sync(path: Path) -> None:
            conversions.come_closer()
            real(path)

        patch.setattr(disk, "sync", sync)
        for module in (set_writer, csv_set):
            patch.setattr(module, "reach", lambda _point: conversions.come_closer())
        # Small lots, too, may go straight to the disk.
        patch.setattr(disk, "DIRECT_BYTES", rng.choice((1, disk.DIRECT_BYTES)))
        yield conversions


class Conversions:
    """Attempts at one conversion, of which all but the last crash."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._left = 0
        self.crashes = 0
        self.progress = Progress()

    def come_closer(self) -> None:
        self._left -= 1
        if self._left == 0:
            self.crashes += 1
            raise CrashError

    def until_done(self, request: Conversion, keys: Keys, out: Path) -> Converted:
        often = self._rng.choice((0.05, 1))
        kept, resume, tries = Kept(lambda: self._rng.random() < often), None, 0
        while True:
            tries += 1
            # Later attempts come farther, so that there is an end.
            self._left = self._rng.randint(1, 12) * tries
            try:
                return convert(request, keys, out, self._report, kept, resume)
            except StaleCheckpointError:
                # The crash was after all was there, and what was kept of it had been removed.
                assert resume
                assert isinstance(resume.kept, int)
                assert not (out / kept_sets.FILE_NAME).exists()
                kept.texts.clear()
                kept.superseded, resume = 0, None
                _empty(out)
            except CrashError:
                resume = kept.one_of_the_last(self._rng)
                if resume is None:
                    _empty(out)
                elif request.options.merge and resume.piece:
                    self._leave_rubbish(out)

    def _report(self, progress: Progress) -> None:
        self.progress = progress
        self.come_closer()

    def _leave_rubbish(self, out: Path) -> None:
        """What a dead process had written after its last checkpoint."""
        for path in files_below(out):
            if self._rng.random() < 0.2:
                with path.open("ab") as file:
                    file.write(b"rubbish,")


def _empty(out: Path) -> None:
    for path in sorted(out.rglob("*"), reverse=True):
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink()


def assert_survives(
    files: Files,
    rng: random.Random,
    request: Conversion,
    key: CipherKey | None = None,
    masking_key: bytes = b"",
) -> int:
    """The bytes and figures are those of an undisturbed run; answers how often it crashed."""
    reports: list[Progress] = []
    with directory() as work:
        write(work / "data", files)
        request = replace(
            request, data_dir=str(work / "data"), file_names=tuple(name for name, _ in files)
        )
        try:
            want = run(work, request, key, reports.append, masking_key)
        except ConversionError:
            return 0
        out = work / "again"
        out.mkdir()
        with crashing(rng) as conversions:
            made = conversions.until_done(request, Keys(key, masking_key), out)
        got = {p.relative_to(out).as_posix(): p.read_bytes() for p in files_below(out)}
        assert got == want
        assert conversions.progress == reports[-1]
        assert_told(made, want)
        return conversions.crashes
