"""Directories in the output directory to which callers are confined, and the sets in them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from myd_grpc.convert.errors import ConversionError, Reason
from myd_grpc.jobs.publish.output_directory import OutputDirectory, staging_name
from myd_grpc.jobs.publish.place import StagedSet
from myd_grpc.jobs.publish.sub_directories import DirectoryMissingError


@pytest.fixture
def output(tmp_path: Path) -> Iterator[OutputDirectory]:
    path = tmp_path / "output"
    path.mkdir()
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    yield OutputDirectory(path, fd)
    os.close(fd)


def stage(output: OutputDirectory, place: str = "", job_id: str = "j1", text: str = "new") -> str:
    """Put a complete set where a worker leaves it."""
    staging = output.path / place / staging_name(job_id)
    staging.mkdir()
    (staging / "out_1.csv").write_text(text)
    return job_id


def publish(output: OutputDirectory, place: str, job_id: str, name: str = "out") -> None:
    staged = StagedSet(job_id, "")
    output.within(place, lambda found: found.publish(staged, name, replace=True))


def shown(output: OutputDirectory) -> list[str]:
    files = [path for path in output.path.rglob("*") if path.is_file()]
    return sorted(path.relative_to(output.path).as_posix() for path in files)


def test_a_directory_is_made_as_other_directories_are(output: OutputDirectory) -> None:
    umask = os.umask(0o027)
    try:
        output.make("team/a")
        output.make("team/a")
    finally:
        os.umask(umask)
    for place in ("team", "team/a"):
        assert stat.S_IMODE((output.path / place).stat().st_mode) == 0o750


def test_a_set_appears_in_its_directory_and_replaces_what_was_there(
    output: OutputDirectory,
) -> None:
    output.make("team/a")
    for number in ("1", "2"):
        publish(output, "team/a", stage(output, "team/a", number, number))
        output.within("team/a", partial(OutputDirectory.discard, job_id=number))
    assert shown(output) == ["team/a/out/out_1.csv"]
    assert (output.path / "team/a/out/out_1.csv").read_text() == "2"


def test_what_was_published_is_taken_back_and_what_was_put_aside_restored(
    output: OutputDirectory,
) -> None:
    output.make("a")
    publish(output, "a", stage(output, "a", "old", "old"))
    publish(output, "a", stage(output, "a", "new", "new"))
    output.within("a", lambda found: found.take_back("new", "out"))
    assert (output.path / "a/out/out_1.csv").read_text() == "old"
    (output.path / "a/out").rename(output.path / "a" / (staging_name("new") + "-old"))
    output.within("a", lambda found: found.restore("new", "out"))
    assert (output.path / "a/out/out_1.csv").read_text() == "old"
    output.within("a", lambda found: found.sweep(["kept"]))
    assert shown(output) == ["a/out/out_1.csv"]


def test_what_is_not_there_holds_no_set(output: OutputDirectory) -> None:
    assert output.find_in("a/b", "out") is None
    with pytest.raises(DirectoryMissingError, match="is not there"):
        output.within("a/b", lambda found: found.find("out"))
    assert os.listdir(output.path) == []  # noqa: PTH208


@pytest.mark.parametrize("place", ["link", "link/deep", "real/link", "real/link/deep"])
def test_a_link_is_not_followed_to_a_directory(output: OutputDirectory, place: str) -> None:
    other = output.path / "other"
    (other / "deep").mkdir(parents=True)
    output.make("real")
    (output.path / "link").symlink_to("other")
    (output.path / "real" / "link").symlink_to(other)
    for act in (partial(output.make, place), partial(output.find_in, place, "out")):
        with pytest.raises(ConversionError) as refusal:
            act()
        assert refusal.value.reason is Reason.OUTPUT_UNAVAILABLE
        assert str(output.path) not in refusal.value.message
        assert place not in refusal.value.message
    assert shown(output) == []


@pytest.mark.parametrize("place", ["..", "a/../..", ".myd-j1", "a/.myd-j1"])
def test_no_directory_leads_out_or_is_taken_for_a_staging_directory(
    output: OutputDirectory, place: str
) -> None:
    output.make("a")
    for act in (partial(output.make, place), partial(output.find_in, place, "out")):
        with pytest.raises(ConversionError):
            act()


def test_a_link_in_the_place_of_a_set_is_not_replaced(output: OutputDirectory) -> None:
    output.make("a")
    output.make("b")
    publish(output, "b", stage(output, "b", "theirs", "theirs"))
    (output.path / "a" / "out").symlink_to("../b/out")
    job_id = stage(output, "a", "mine")
    with pytest.raises(ConversionError, match="no directory is in the way"):
        publish(output, "a", job_id)
    assert (output.path / "b/out/out_1.csv").read_text() == "theirs"
