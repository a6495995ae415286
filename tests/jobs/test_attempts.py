"""Staging directories of attempts, one of which may still be written by a worker that lingers."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from myd_grpc.convert.errors import ConversionError
from myd_grpc.jobs.publish.output_directory import OutputDirectory, staging_name


@pytest.fixture
def output(tmp_path: Path) -> Iterator[OutputDirectory]:
    fd = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield OutputDirectory(tmp_path, fd)
    os.close(fd)


def stage(output: OutputDirectory, job_id: str, attempt: str = "") -> Path:
    staging = output.path / staging_name(job_id, attempt)
    staging.mkdir()
    (staging / "out_1.csv").write_text(attempt)
    return staging


@contextmanager
def owned(staging: Path) -> Iterator[None]:
    """What a worker does that lingers there."""
    fd = os.open(staging, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(fd, fcntl.LOCK_EX)
    yield
    os.close(fd)


def names(output: OutputDirectory) -> set[str]:
    return {path.name for path in output.path.iterdir()}


def test_the_attempt_that_is_named_is_the_one_that_is_published(output: OutputDirectory) -> None:
    for attempt in ("one", "two", "three"):
        stage(output, "j1", attempt)
    stage(output, "j1")  # of a server whose workers cannot linger
    staged = output.stage("j1", "two")
    assert not output.publish(staged, "out", replace=False)
    output.discard("j1", attempts=True)
    assert names(output) == {"out"}
    assert (output.path / "out" / "out_1.csv").read_text() == "two"


def test_what_an_attempt_has_not_staged_is_not_published(output: OutputDirectory) -> None:
    stage(output, "j1", "one")
    with pytest.raises(ConversionError):
        output.stage("j1", "two")
    assert names(output) == {staging_name("j1", "one")}


def test_a_lingering_worker_keeps_nothing_from_being_removed(output: OutputDirectory) -> None:
    staging = stage(output, "j1", "one")
    stage(output, "j10", "one")
    with owned(staging):
        output.discard("j1", attempts=True)
        assert names(output) == {staging_name("j10", "one")}
        with pytest.raises(FileNotFoundError):
            (staging / "out_2.csv").write_text("late")


def test_the_next_start_removes_what_attempts_have_left(output: OutputDirectory) -> None:
    for job_id in ("goes on", "has ended"):
        for attempt in ("one", "two"):
            stage(output, job_id, attempt)
    output.sweep(["goes on"])
    assert names(output) == {staging_name("goes on", one) for one in ("one", "two")}
