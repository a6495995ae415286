"""What was found on the way to an input may be another thing later: it is looked at again."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from myd_grpc.convert.errors import ConversionError, Reason
from myd_grpc.convert.input.input_directory import InputDirectory
from tests.support.opening import content, data_beside_a_secret, refusal


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return data_beside_a_secret(tmp_path)


# Moved between one opening and the next


def test_a_link_in_front_of_all_may_lead_elsewhere_later(tmp_path: Path) -> None:
    """As where a delivery is made visible by a link; nor is a place without inputs left open."""
    link, state = tmp_path / "now", tmp_path / "state"
    for name in ("first", "second"):
        (tmp_path / name / "inner").mkdir(parents=True)
        (tmp_path / name / "inner/a.json").write_text(name)
        link.unlink(missing_ok=True)
        link.symlink_to(name)
        state.unlink(missing_ok=True)
        state.symlink_to(tmp_path)
        assert content(link, "inner/a.json") == name.encode()
        assert content(link, "inner/a.json", (state / "other",)) == name.encode()
        state.unlink()
        state.symlink_to(link)
        assert refusal(link, "inner/a.json", (state / "inner",)).reason is Reason.FILE_UNREADABLE
    (tmp_path / "second").rename(tmp_path / "third")
    link.unlink()
    link.symlink_to("third")
    assert content(link, "inner/a.json") == b"second"
    assert refusal(link, "inner/a.json", (state / "inner",)).reason is Reason.FILE_UNREADABLE


def test_a_directory_above_all_may_become_a_link_later(tmp_path: Path) -> None:
    """What was found out before is not what leads there now."""
    (tmp_path / "above/data").mkdir(parents=True)
    (tmp_path / "above/data" / unicodedata.normalize("NFD", "계좌.json")).write_text("[1]")
    (tmp_path / "above/data/link").symlink_to(unicodedata.normalize("NFD", "계좌.json"))
    data = tmp_path / "above/data"
    assert content(data, "계좌.json") == content(data, "link") == b"[1]"
    (tmp_path / "above").rename(tmp_path / "moved")
    (tmp_path / "above").symlink_to("moved")
    assert content(data, "계좌.json") == content(data, "link") == b"[1]"


def test_a_place_without_inputs_may_be_moved_among_them_later(tmp_path: Path) -> None:
    data, state = tmp_path / "a/data", tmp_path / "b/state"
    data.mkdir(parents=True)
    state.mkdir(parents=True)
    (data / "a.json").write_text("[1]")
    (state / "secret").write_text("secret")
    assert content(data, "a.json", (state,)) == b"[1]"
    state.rename(data / "state")
    (tmp_path / "b").rmdir()
    (tmp_path / "b").symlink_to("a/data")
    assert refusal(data, "state/secret", (state,)).reason is Reason.FILE_UNREADABLE


# Moved between two files of one job, which lie side by side


@pytest.fixture
def opening(data: Path) -> Iterator[Callable[[str], str]]:
    """Opens files of the data directory, where `data.parent / "state"` holds no inputs."""
    with closing(InputDirectory(str(data), [str(data.parent / "state")])) as inputs:

        def read(name: str) -> str:
            try:
                with closing(inputs.open(name)) as file:
                    return file.read(0, 99).decode()
            except ConversionError as error:
                return error.reason.name

        (data / "x").mkdir()
        (data / "x/a.json").write_text("first")
        (data / "x/b.json").write_text("second")
        assert read("x/a.json") == "first"
        yield read


def test_another_directory_is_at_the_name_of_the_one_before(
    data: Path, opening: Callable[[str], str]
) -> None:
    (data / "x").rename(data / "away")
    assert opening("x/b.json") == "FILE_NOT_FOUND"
    (data / "x").mkdir()
    (data / "x/b.json").write_text("another")
    assert opening("x/b.json") == "another"
    assert opening("away/b.json") == "second"


def test_a_link_is_at_the_name_of_the_directory_before(
    data: Path, opening: Callable[[str], str]
) -> None:
    (data.parent / "outside/b.json").write_text("secret")
    (data / "x").rename(data / "away")
    (data / "x").symlink_to(data.parent / "outside")
    assert opening("x/b.json") == "FILE_UNREADABLE"
    assert opening("away/b.json") == "second"


def test_a_link_is_above_the_directory_before(data: Path, opening: Callable[[str], str]) -> None:
    (data / "above/x").mkdir(parents=True)
    for name in ("a", "b"):
        (data / f"above/x/{name}.json").write_text(name)
    assert opening("above/x/a.json") == "a"
    (data / "above").rename(data.parent / "outside/above")
    (data / "above").symlink_to(data.parent / "outside/above")
    assert opening("above/x/b.json") == "FILE_UNREADABLE"


def test_the_directory_before_holds_no_inputs_any_more(
    data: Path, opening: Callable[[str], str]
) -> None:
    (data.parent / "state").symlink_to(data / "x")
    assert opening("x/b.json") == "FILE_UNREADABLE"
    (data.parent / "state").unlink()
    assert opening("x/b.json") == "second"
    (data.parent / "state").symlink_to(data)
    assert opening("x/b.json") == "FILE_UNREADABLE"
    (data.parent / "state").unlink()
    (data.parent / "state").symlink_to(data.parent)
    assert opening("x/b.json") == "FILE_UNREADABLE"


def test_the_directory_before_is_closed_in_the_end(data: Path) -> None:
    (data / "x").mkdir()
    (data / "x/a.json").write_text("first")
    before = len(list(Path("/proc/self/fd").iterdir()))
    with closing(InputDirectory(str(data), [])) as inputs:
        for name in ("x/a.json", "x/none", "none/a.json", "x"):
            with suppress(ConversionError):
                inputs.open(name).close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


# Swapped between the check and the opening


@pytest.fixture
def swap_before_opening(
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[str, Callable[[], None]], None]:
    """Does something right before the first `os.open` of a component of that name."""

    def arm(component: str, action: Callable[[], None]) -> None:
        real = os.open
        pending = [action]

        def opened(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
            if path == component and pending:
                pending.pop()()
            return real(path, flags, mode, dir_fd=dir_fd)

        monkeypatch.setattr(os, "open", opened)

    return arm


def test_a_directory_swapped_for_a_link_is_not_followed(
    data: Path, swap_before_opening: Callable[[str, Callable[[], None]], None]
) -> None:
    (data / "x" / "y").mkdir(parents=True)
    (data / "x" / "y" / "secret.json").write_bytes(b"[1]")

    def swap() -> None:
        (data / "x" / "y").rename(data / "away")
        (data / "x" / "y").symlink_to(data.parent / "outside")

    swap_before_opening("y", swap)
    assert refusal(data, "x/y/secret.json").reason in (
        Reason.FILE_NOT_FOUND,
        Reason.FILE_UNREADABLE,
    )


def test_a_file_swapped_for_a_link_is_not_followed(
    data: Path, swap_before_opening: Callable[[str, Callable[[], None]], None]
) -> None:
    (data / "a.json").write_bytes(b"[1]")

    def swap() -> None:
        (data / "a.json").unlink()
        (data / "a.json").symlink_to(data.parent / "outside" / "secret.json")

    swap_before_opening("a.json", swap)
    assert refusal(data, "a.json").reason is Reason.FILE_UNREADABLE


def test_a_directory_swapped_after_it_was_opened_does_not_matter(
    data: Path, swap_before_opening: Callable[[str, Callable[[], None]], None]
) -> None:
    (data / "x").mkdir()
    (data / "x" / "secret.json").write_bytes(b"[1]")

    def swap() -> None:
        (data / "x").rename(data / "away")
        (data / "x").symlink_to(data.parent / "outside")

    swap_before_opening("secret.json", swap)
    assert content(data, "x/secret.json") == b"[1]"
