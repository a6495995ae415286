"""Input names: nothing outside the data directory is opened, whatever names and links say."""

from __future__ import annotations

import os
import posixpath
import shutil
import socket
import stat
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myd_grpc.convert.errors import ConversionError, Reason
from myd_grpc.convert.input.input_directory import open_input
from myd_grpc.convert.input.no_inputs import NO_FILE
from myd_grpc.convert.input.paths import check_name
from myd_grpc.convert.model import CipherKey
from tests.support.converting import conversion, directory, run
from tests.support.opening import content, data_beside_a_secret, refusal

DATA = "/srv/data"
NO_INPUTS = (f"{DATA}/output", "/var/state")
NFC, NFD = unicodedata.normalize("NFC", "고객"), unicodedata.normalize("NFD", "고객")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return data_beside_a_secret(tmp_path)


# The name's text


@pytest.mark.parametrize(
    ("name", "relative"),
    [
        ("a.json", "a.json"),
        ("/a.json", "a.json"),
        ("//a.json", "a.json"),
        ("./a.json", "a.json"),
        ("x/../a.json", "a.json"),
        ("x//y/./a.json", "x/y/a.json"),
        (f"{DATA}/a.json", "a.json"),
        (f"{DATA}/x/../a.json", "a.json"),
        (f"{DATA}x/a.json", "srv/datax/a.json"),
        ("/etc/passwd", "etc/passwd"),
        ("..a/b..", "..a/b.."),
        ("outputs/a.json", "outputs/a.json"),
        ("한글 이름.json", "한글 이름.json"),
        ("a\nb", "a\nb"),
        ("a\\..\\b", "a\\..\\b"),
        ("~/a", "~/a"),
        ("%2e%2e/a", "%2e%2e/a"),
    ],
)
def test_names_are_relative_to_the_data_directory(name: str, relative: str) -> None:
    assert check_name(name, DATA, NO_INPUTS) == relative


@pytest.mark.parametrize(
    "name",
    [
        *("..", "../a", "x/../../a", "./../a", "../data/a", "x/../..", "../../../etc/passwd"),
        *("", "\0", "a\0.json", "output", "output/a", "/output/a", "x/../output/a"),
        *(f"{DATA}/output", f"{DATA}/output/a", f"{DATA}/../other/../../a/../..", "/../a"),
    ],
)
def test_names_that_leave_or_hold_no_inputs_are_refused_at_once(name: str) -> None:
    with pytest.raises(ValueError, match=r"^[^\n]+$"):
        check_name(name, DATA, NO_INPUTS)


@given(st.lists(st.sampled_from(["..", ".", "", "a", "output", "srv", "data"])).map("/".join))
def test_no_name_leaves_the_data_directory(name: str) -> None:
    try:
        relative = check_name(name, DATA, NO_INPUTS)
    except ValueError:
        return
    path = posixpath.normpath(posixpath.join(DATA, relative))
    assert path == DATA or path.startswith(DATA + "/")
    assert not (path + "/").startswith(f"{DATA}/output/")


# What is there


def test_a_file_is_opened(data: Path) -> None:
    (data / "x").mkdir()
    (data / "x" / "a.json").write_bytes(b"[1]")
    assert content(data, "x/a.json") == b"[1]"
    assert content(data, "x/../x/./a.json") == b"[1]"


@pytest.mark.parametrize("name", ["b", "x/b", "x/y/b", "a.json/b", "고객/b"])
def test_a_file_that_is_not_there(data: Path, name: str) -> None:
    (data / "a.json").write_bytes(b"[1]")
    error = refusal(data, name)
    assert error.reason is Reason.FILE_NOT_FOUND
    assert error.message == f"{name}: {NO_FILE}"


@pytest.mark.parametrize("name", ["n" * 300, "x/" * 3000 + "a"])
def test_a_name_that_is_too_long(data: Path, name: str) -> None:
    assert refusal(data, name).reason in (Reason.FILE_NOT_FOUND, Reason.FILE_UNREADABLE)


@pytest.mark.parametrize("name", ["../outside/secret.json", "../data/../outside/secret.json"])
def test_dots_do_not_lead_outside(data: Path, name: str) -> None:
    assert refusal(data, name).reason is Reason.FILE_UNREADABLE


def test_links_within_the_data_directory_are_followed(data: Path) -> None:
    (data / "real").mkdir()
    (data / "real" / "a.json").write_bytes(b"[1]")
    (data / "relative").symlink_to("real/a.json")
    (data / "absolute").symlink_to(data / "real" / "a.json")
    (data / "directory").symlink_to("real")
    (data / "real" / "around").symlink_to("../directory/../relative")
    for name in ("relative", "absolute", "directory/a.json", "real/around"):
        assert content(data, name) == b"[1]"


def test_links_that_lead_outside_are_not(data: Path) -> None:
    outside = data.parent / "outside"
    (data / "relative").symlink_to("../outside/secret.json")
    (data / "absolute").symlink_to(outside / "secret.json")
    (data / "directory").symlink_to(outside)
    (data / "twice").symlink_to("directory/secret.json")
    (data / "beside").symlink_to(f"{data}x")
    (data.parent / "datax").write_bytes(b"[0]")
    (data / "root").symlink_to("/")
    for name in ("relative", "absolute", "directory/secret.json", "twice", "beside"):
        assert refusal(data, name).reason is Reason.FILE_UNREADABLE
    assert refusal(data, "root/etc/passwd").reason is Reason.FILE_UNREADABLE


def test_what_is_outside_does_not_show_by_the_way_it_is_refused(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither is a directory outside listed in search of another spelling."""
    outside = data.parent / "outside"
    (outside / "inner").mkdir()
    (data / "link").symlink_to(outside)
    opened: list[Path] = []
    watch_opens(monkeypatch, opened)
    names = ["link/secret.json", "link/none", "link/inner/none", "link/none/none", "link/고객"]
    messages = {refusal(data, name).message.removeprefix(name) for name in names}
    assert len(messages) == 1
    assert not [path for path in opened if path.is_relative_to(outside)]


def watch_opens(patch: pytest.MonkeyPatch, opened: list[Path]) -> None:
    """Notes what is really opened."""
    real = os.open

    def watched(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        fd = real(path, flags, mode, dir_fd=dir_fd)
        opened.append(Path(f"/proc/self/fd/{fd}").readlink())
        return fd

    patch.setattr(os, "open", watched)
    real_scandir = os.scandir

    def listed(place: int | str | Path) -> object:
        opened.append(Path(f"/proc/self/fd/{place}" if isinstance(place, int) else place).resolve())
        return real_scandir(place)

    patch.setattr(os, "scandir", listed)


def test_a_data_directory_may_be_a_link_itself(data: Path) -> None:
    (data / "a.json").write_bytes(b"[1]")
    (data / "same").symlink_to(data / "a.json")
    link = data.parent / "link"
    link.symlink_to(data)
    assert content(link, "a.json") == content(link, "same") == b"[1]"


def test_links_in_a_circle(data: Path) -> None:
    (data / "a").symlink_to("b")
    (data / "b").symlink_to("a")
    assert refusal(data, "a").reason is Reason.FILE_UNREADABLE
    (data / "dangling").symlink_to("nothing")
    assert refusal(data, "dangling").reason is Reason.FILE_NOT_FOUND


def test_directories_without_inputs_are_closed_to_links_too(data: Path) -> None:
    output = data / "output"
    output.mkdir()
    (output / "a.csv").write_bytes(b"x")
    (data / "direct").symlink_to("output/a.csv")
    (data / "through").symlink_to("output")
    other_name = data.parent / "other"
    other_name.symlink_to(output)
    for name in ("output/a.csv", "direct", "through/a.csv"):
        for place in (output, other_name):
            assert refusal(data, name, (place,)).reason is Reason.FILE_UNREADABLE
    (data / "outputs.json").write_bytes(b"[1]")
    assert content(data, "outputs.json", (output,)) == b"[1]"


# Hangul


@pytest.mark.parametrize(("on_disk", "asked"), [(NFC, NFD), (NFD, NFC), (NFC, NFC), (NFD, NFD)])
def test_hangul_names_match_composed_and_decomposed(data: Path, on_disk: str, asked: str) -> None:
    (data / on_disk / on_disk).mkdir(parents=True)
    (data / on_disk / on_disk / f"{on_disk}.json").write_bytes(b"[1]")
    assert content(data, f"{asked}/{asked}/{asked}.json") == b"[1]"
    assert refusal(data, f"{asked}/{asked}/x{asked}").reason is Reason.FILE_NOT_FOUND


def test_the_exact_spelling_wins(data: Path) -> None:
    (data / NFC).write_bytes(b"c")
    (data / NFD).write_bytes(b"d")
    if len(list(data.iterdir())) == 2:
        assert (content(data, NFC), content(data, NFD)) == (b"c", b"d")


def test_a_link_of_another_spelling_is_no_way_out(data: Path) -> None:
    (data / NFD).symlink_to(data.parent / "outside")
    assert refusal(data, f"{NFC}/secret.json").reason is Reason.FILE_UNREADABLE


# What is no regular file


def special_files(data: Path) -> Iterator[str]:
    (data / "directory").mkdir()
    yield "directory"
    yield "."
    os.mkfifo(data / "fifo")
    yield "fifo"
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(data)  # the address of a socket is short
        try:
            listener.bind("socket")
        finally:
            os.chdir(here)
        yield "socket"
    with suppress(PermissionError):  # who may make devices, may try one
        os.mknod(data / "device", stat.S_IFCHR | 0o600, os.makedev(1, 5))
        yield "device"


def test_only_regular_files_are_read(data: Path) -> None:
    """Opening the FIFO does not wait for a writer."""
    for name in special_files(data):
        error = refusal(data, name)
        assert error.reason is Reason.FILE_UNREADABLE
        assert error.message.startswith(f"{name}: ")


WITHOUT_PRIVILEGES = """
import os, sys
from myd_grpc.convert.errors import ConversionError
from myd_grpc.convert.input.input_directory import open_input
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
for name in sys.argv[2:]:
    try:
        open_input(sys.argv[1], name, [])
    except ConversionError as error:
        print(error.reason, error.message)
"""


def test_a_file_that_may_not_be_read_says_so() -> None:
    with directory() as data:
        data.chmod(0o755)
        (data / "a.json").write_bytes(b"[1]")
        (data / "a.json").chmod(0)
        (data / "closed").mkdir(0)
        done = subprocess.run(
            [sys.executable, "-c", WITHOUT_PRIVILEGES, str(data), "a.json", "closed/b.json"],
            check=True,
            capture_output=True,
            text=True,
            cwd=Path(__file__).parents[3],
        )
        (data / "closed").chmod(0o700)
    assert done.stdout.splitlines() == [
        "FILE_UNREADABLE a.json: permission denied",
        "FILE_UNREADABLE closed/b.json: permission denied",
    ]


# Messages


def test_a_name_with_a_line_break_makes_no_second_line(data: Path) -> None:
    name = "a\nINFO all is well\r\x1b[2J\u2028.json"
    assert refusal(data, name).message == (
        "a\\u000aINFO all is well\\u000d\\u001b[2J\\u2028.json: " + NO_FILE
    )
    (data / name).write_bytes(b"[1,]")
    key = CipherKey(bytes(32), bytes(16))
    for given_key, reason in ((None, Reason.INVALID_JSON), (key, Reason.WRONG_KEY)):
        with pytest.raises(ConversionError) as caught:
            run(data, conversion(data, [name]), given_key)
        shutil.rmtree(data / "out")
        assert caught.value.reason is reason
        assert caught.value.message.isprintable()
        assert caught.value.message.startswith("a\\u000aINFO")


def test_no_descriptor_stays_open_when_a_file_is_refused(data: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    (data / "x").mkdir()
    for name in ("x", "none", "x/none", "../outside/secret.json"):
        refusal(data, name)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_usual_file_is_opened_without_a_look_at_each_directory_on_the_way(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There may be a hundred thousand files, each of which is opened twice."""
    (data / "in").mkdir()
    (data / "out").mkdir()
    (data / "in" / "usual.json").write_text("[]")
    looks, real = list[str](), os.path.realpath

    def realpath(path: str) -> str:
        looks.append(str(path))
        return real(path)

    monkeypatch.setattr(os.path, "realpath", realpath)
    for _ in range(3):
        os.close(open_input(str(data), "in/usual.json", [str(data / "out")]))
    assert looks == [str(data), str(data / "out")]


def test_a_place_without_inputs_holds_none_however_it_is_reached(data: Path) -> None:
    """Nor a directory that is beneath the data directory by another name than its own."""
    (data / "in/state/deep").mkdir(parents=True)
    (data / "in/state/deep/a.json").write_text("[1]")
    (data.parent / "here").symlink_to(data / "in/state")
    for place in (data / "in/state", data.parent / "here", data / "in/../in/state/."):
        assert refusal(data, "in/state/deep/a.json", (place,)).reason is Reason.FILE_UNREADABLE
        assert refusal(data / "in/state/deep", "a.json", (place,)).reason is Reason.FILE_UNREADABLE
    assert content(data, "in/state/deep/a.json", (data / "in/none", data / "in/state/deep/b"))
