"""Staging directories: what an attempt takes over from another that may still write."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from myd_grpc.convert.checkpoint_form import StaleCheckpointError
from myd_grpc.jobs.worker.staging import take_over


def staged(home: Path) -> tuple[Path, Path]:
    """The staging directory of an attempt, and that of the one that takes over."""
    before, after = home / "before", home / "after"
    (before / "b").mkdir(parents=True)
    (before / "a_1.csv").write_bytes(b"1" * 100_000)
    (before / "b" / "b_1.csv").write_bytes(b"")
    after.mkdir()
    (after / "left").write_text("of an attempt that came to nothing")
    return before, after


def files(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("fails_with", [0, errno.EXDEV, errno.ENOSYS, errno.EPERM])
def test_what_is_taken_over_is_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails_with: int
) -> None:
    before, after = staged(tmp_path)
    if fails_with:

        def refuse(*_: int) -> int:
            raise OSError(fails_with, os.strerror(fails_with))

        monkeypatch.setattr(os, "copy_file_range", refuse)
    with (before / "a_1.csv").open("ab") as lingering:
        take_over(before, after)
        wanted = files(before)
        assert files(after) == wanted
        lingering.write(b"more")
    assert files(after) == wanted


def test_what_is_removed_meanwhile_is_not_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, after = staged(tmp_path)
    (before / "b" / ".rows").mkdir()
    for number in range(3):
        (before / "b" / ".rows" / f"b_{number}.csv").write_bytes(b"1")
    real = os.copy_file_range

    def remove_another(source: int, target: int, count: int) -> int:
        (before / "b" / ".rows" / "b_1.csv").unlink(missing_ok=True)
        return real(source, target, count)

    monkeypatch.setattr(os, "copy_file_range", remove_another)
    take_over(before, after)
    assert files(after).keys() == {
        "a_1.csv",
        "b/b_1.csv",
        "b/.rows/b_0.csv",
        "b/.rows/b_2.csv",
    }


def test_what_has_gone_is_not_taken_over(tmp_path: Path) -> None:
    before, after = staged(tmp_path)
    with pytest.raises(StaleCheckpointError):
        take_over(before.with_name("gone"), after)
