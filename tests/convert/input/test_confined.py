"""Callers who are confined to a directory in the data directory: no name and no link leads out."""

from __future__ import annotations

import posixpath
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myd_grpc.convert.errors import ConversionError, Reason
from myd_grpc.convert.input.input_directory import open_input
from myd_grpc.convert.input.paths import check_name

TEAM = "/srv/data/team-a"
NO_INPUTS = ("/srv/data/output", "/srv/data/state")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory with those of two teams, and a file of each and of nobody."""
    for place in ("data/team-a/deep", "data/team-a-too", "data/team-b", "data/output", "outside"):
        (tmp_path / place).mkdir(parents=True)
    for place in ("data", "data/team-a", "data/team-a-too", "data/team-b", "data/output"):
        (tmp_path / place / "a.json").write_text(place)
    (tmp_path / "data/team-a/deep/b.json").write_text("deep")
    return tmp_path / "data"


def content(data: Path, name: str, confined_to: str = "team-a") -> str:
    place = posixpath.join(str(data), confined_to)
    relative = check_name(name, place, [str(data / "output")])
    fd = open_input(str(data), relative, [str(data / "output")], confined_to)
    with open(fd) as file:  # noqa: PTH123 - a descriptor has no path
        return file.read()


def refusal(data: Path, name: str, confined_to: str = "team-a") -> Reason:
    with pytest.raises(ConversionError) as caught:
        content(data, name, confined_to)
    assert str(data) not in caught.value.message
    return caught.value.reason


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("a.json", "data/team-a"),
        ("/a.json", "data/team-a"),
        ("deep/../a.json", "data/team-a"),
        ("deep/b.json", "deep"),
    ],
)
def test_names_are_relative_to_the_callers_directory(data: Path, name: str, found: str) -> None:
    assert content(data, name) == found
    assert content(data, f"{data}/team-a/{name}") == found


@pytest.mark.parametrize("name", ["..", "../a.json", "../team-b/a.json", "deep/../../a.json"])
def test_a_name_that_leads_out_is_refused_at_once(data: Path, name: str) -> None:
    with pytest.raises(ValueError, match="outside the data directory"):
        content(data, name)


@pytest.mark.parametrize("place", ["", "team-b/", "team-a-too/", "output/"])
def test_an_absolute_path_leads_nowhere_else(data: Path, place: str) -> None:
    assert refusal(data, f"{data}/{place}a.json") is Reason.FILE_NOT_FOUND


@pytest.mark.parametrize(
    "target", ["../a.json", "../team-b/a.json", "../team-a-too/a.json", "../output/a.json"]
)
def test_a_link_that_leads_out_is_refused(data: Path, target: str) -> None:
    (data / "team-a" / "link").symlink_to(target)
    (data / "team-a" / "absolute").symlink_to(data / "team-a" / target)
    (data / "team-a" / "parent").symlink_to(Path(target).parent)
    for name in ("link", "absolute", "parent/a.json"):
        assert refusal(data, name) is Reason.FILE_UNREADABLE


def test_a_link_that_stays_inside_is_followed(data: Path) -> None:
    (data / "team-a" / "link").symlink_to("deep/b.json")
    (data / "team-a" / "around").symlink_to("../team-a/deep")
    assert content(data, "link") == content(data, "around/b.json") == "deep"


@pytest.mark.parametrize("target", ["team-b", "../outside", "."])
def test_a_link_in_the_place_of_the_callers_directory_is_not_followed(
    data: Path, target: str
) -> None:
    (data / "team-c").symlink_to(target)
    (data / "outside").mkdir()
    assert refusal(data, "a.json", "team-c") is Reason.FILE_UNREADABLE
    (data / "real").mkdir()
    (data / "real" / "team-c").symlink_to(data / target)
    assert refusal(data, "a.json", "real/team-c") is Reason.FILE_UNREADABLE


def test_a_directory_that_is_not_there_holds_no_files(data: Path) -> None:
    assert refusal(data, "a.json", "team-x") is Reason.FILE_NOT_FOUND


def test_the_output_directory_holds_no_inputs_for_anybody(data: Path) -> None:
    (data / "output" / "deep").mkdir()
    (data / "output" / "deep" / "a.json").touch()
    for confined_to in ("output", "output/deep"):
        with pytest.raises(ValueError, match="holds no inputs"):
            content(data, "a.json", confined_to)
        with pytest.raises(ConversionError, match="outside the data directory"):
            open_input(str(data), "a.json", [str(data / "output")], confined_to)


@given(
    st.lists(st.sampled_from(["..", ".", "", "a", "team-a", "team-b", "srv", "data"])).map("/".join)
)
def test_no_name_leaves_the_callers_directory(name: str) -> None:
    try:
        relative = check_name(name, TEAM, NO_INPUTS)
    except ValueError:
        return
    path = posixpath.normpath(posixpath.join(TEAM, relative))
    assert path == TEAM or path.startswith(TEAM + "/")
