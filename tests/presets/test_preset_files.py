"""Files of presets: what is taken, what is said of bad ones, and what becomes of a change."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from myd_grpc.options import ColumnChoice, Layout, Masking, MaskMethod, MaskProfile, MaskRule
from myd_grpc.presets.file import PresetsError
from myd_grpc.presets.model import Preset
from myd_grpc.presets.registry import Presets

WHOLE = """
include = ["bank.**", "카드.**"]
exclude = ["**.birth_year"]
maps = ["accounts"]
layout = "keyed"
record_path = "data.users"
id_field = "user_id"
encoding = "EUC-KR"

[masking]
profile = "mydata-kr"

[[masking.rules]]
columns = "**.trans_dtime"
method = "month"

[[masking.rules]]
columns = "**.no"
method = "PSEUDONYM"
domain = "account"
"""
SMALL = 'exclude = ["a"]\n'


def put(directory: Path, name: str, text: str) -> Path:
    """Put a file into place, whole, as the operator should."""
    fresh = directory / f".{name}"
    fresh.write_text(text, "utf-8")
    return fresh.replace(directory / name)


def problems(directory: Path) -> list[str]:
    with pytest.raises(PresetsError) as caught:
        Presets(directory)
    return str(caught.value).splitlines()


def problems_of(tmp_path: Path, text: str) -> list[str]:
    path = put(tmp_path, "a.toml", text)
    return [one.removeprefix(f"{path}: ") for one in problems(tmp_path)]


def test_all_that_a_preset_may_say(tmp_path: Path) -> None:
    put(tmp_path, "partner-a.toml", WHOLE)
    rules = (
        MaskRule("**.trans_dtime", MaskMethod.MONTH),
        MaskRule("**.no", MaskMethod.PSEUDONYM, "account"),
    )
    masking = Masking(MaskProfile.MYDATA_KR, rules)
    choice = ColumnChoice(("bank.**", "카드.**"), ("**.birth_year",), masking)
    assert Presets(tmp_path).known == {
        "partner-a": Preset(choice, ("accounts",), Layout.KEYED, "data.users", "user_id", "cp949")
    }


def test_names_are_those_of_the_files(tmp_path: Path) -> None:
    for name in ("제휴사.toml", "b.c.toml", ".hidden.toml", "notes.txt", "a.toml~"):
        (tmp_path / name).write_text(SMALL)
    assert list(Presets(tmp_path).known) == ["b.c", "제휴사"]


def test_there_need_be_none(tmp_path: Path) -> None:
    assert Presets(tmp_path).known == {}
    assert Presets().known == {}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "it neither chooses nor masks: add include, exclude or [masking]"),
        ("[masking]\n", "it neither chooses nor masks: add include, exclude or [masking]"),
        ('maps = ["a"]\n', "it neither chooses nor masks: add include, exclude or [masking]"),
        ("include = [", "it is not TOML: "),
        ('include = "a"', "include: must be a list of at most 1000"),
        ("include = [1]", "include, number 1: must be a pattern of paths, such as 'bank.**'"),
        ('exclude = ["a", ""]', "exclude, number 2: must be a pattern of paths"),
        (f'maps = ["{"a" * 1025}"]', "maps, number 1: must have at most 1024 characters"),
        ("exclude = [" + '"a",' * 1001 + "]", "exclude: must be a list of at most 1000"),
        (SMALL + 'includes = ["a"]', "the file: 'includes' is none of include, exclude, maps, "),
        (SMALL + 'layout = "tree"', "layout: must be one of AUTO, ARRAY, KEYED, LINES, SINGLE"),
        (SMALL + "layout = 1", "layout: must be one of AUTO, ARRAY, KEYED, LINES, SINGLE"),
        (
            SMALL + 'encoding = "latin-1"',
            "encoding: must be one of utf-8, cp949, euc-kr, ms949, uhc",
        ),
        (SMALL + "id_field = 1", "id_field: must be a text of at most 1024 characters"),
        (SMALL + 'record_path = "a..b"', "record_path: must be names joined with '.', none of "),
        (
            SMALL + 'record_path = "a"\nlayout = "lines"',
            "record_path: must be empty with the layout LINES",
        ),
        ('masking = "mydata-kr"', "[masking]: must be a table"),
        ('[masking]\nprofile = "mydata"', "[masking] profile: must be one of MYDATA_KR"),
        ('[masking]\nprofile = ""', "[masking] profile: must be one of MYDATA_KR"),
        ('[masking]\nrules = "a"', "masking.rules: must be a list of at most 1000"),
        ("[masking]\nrules = [1]", "[[masking.rules]], number 1: must be a table"),
        (
            '[[masking.rules]]\nmethod = "redact"',
            "[[masking.rules]], number 1, columns: must be a pattern of paths, such as 'bank.**'",
        ),
        (
            '[[masking.rules]]\ncolumns = "a"\nmethod = "hide"',
            "[[masking.rules]], number 1, method: must be one of PSEUDONYM, REMOVE, REDACT, ",
        ),
        (
            '[[masking.rules]]\ncolumns = "a"\nmethod = "redact"\ndomain = 1',
            "[[masking.rules]], number 1, domain: must be a text of at most 1024 characters",
        ),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, problem: str) -> None:
    (told, *_) = problems_of(tmp_path, text)
    assert told.startswith(problem)


@pytest.mark.parametrize(
    ("text", "where", "key"),
    [
        (f'key = "{"a" * 64}"', "the file", "key"),
        (f'[masking]\nkey = "{"a" * 64}"', "[masking]", "key"),
        (f'[masking]\nmasking_key = "{"a" * 64}"', "[masking]", "masking_key"),
        (f'aes256cbckey = "{"a" * 64}"', "the file", "aes256cbckey"),
        (
            f'[[masking.rules]]\ncolumns = "a"\nmethod = "redact"\nkey = "{"a" * 64}"',
            "[[masking.rules]], number 1",
            "key",
        ),
    ],
)
def test_a_key_is_refused_and_not_repeated(tmp_path: Path, text: str, where: str, key: str) -> None:
    told = problems_of(tmp_path, text)
    assert f"{where}: {key} has no place in a file: each request brings its keys" in told
    assert "a" * 64 not in "".join(told)


def test_all_that_is_wrong_with_all_files_is_said_at_once(tmp_path: Path) -> None:
    first = put(tmp_path, "a.toml", 'include = 1\nlayout = "x"\n')
    put(tmp_path, "b.toml", SMALL)
    last = put(tmp_path, "c.toml", "")
    (tmp_path / "d.toml").mkdir()
    found = problems(tmp_path)
    assert [one.split(": ")[0] for one in found] == [
        str(first),
        str(first),
        str(last),
        str(tmp_path / "d.toml"),
    ]


@pytest.mark.parametrize("name", [" a", "a ", "a\tb", "e\N{COMBINING ACUTE ACCENT}", "a" * 101])
def test_a_name_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / f"{name}.toml").write_text(SMALL)
    (told,) = problems(tmp_path)
    assert "a name has 1 to 100 printable characters in Unicode's form NFC" in told


def test_a_directory_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert problems(tmp_path / "none") == [
        f"{tmp_path / 'none'} cannot be read: it must be a directory of files NAME.toml"
    ]


# Changes


def test_changed_added_and_removed_files_are_heeded(tmp_path: Path) -> None:
    put(tmp_path, "a.toml", SMALL)
    presets = Presets(tmp_path)
    put(tmp_path, "a.toml", 'exclude = ["b"]')
    put(tmp_path, "b.toml", SMALL)
    presets.refresh()
    assert {name: one.choice.exclude for name, one in presets.known.items()} == {
        "a": ("b",),
        "b": ("a",),
    }
    (tmp_path / "a.toml").unlink()
    presets.refresh()
    assert list(presets.known) == ["b"]


def test_nothing_is_read_again_that_has_not_changed(tmp_path: Path) -> None:
    put(tmp_path, "a.toml", SMALL)
    presets = Presets(tmp_path)
    known = presets.known
    presets.refresh()
    assert presets.known is known


def test_what_cannot_be_used_changes_nothing_and_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path, "a.toml", SMALL)
    presets = Presets(tmp_path)
    known = presets.known
    put(tmp_path, "a.toml", "")
    put(tmp_path, "b.toml", SMALL)
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            presets.refresh()
    assert presets.known is known
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.getMessage().startswith(f"the presets stay as they were: {tmp_path / 'a.toml'}: ")
    put(tmp_path, "a.toml", 'exclude = ["b"]')
    presets.refresh()
    assert list(presets.known) == ["a", "b"]


def test_a_directory_that_goes_and_comes_back(tmp_path: Path) -> None:
    directory = tmp_path / "presets"
    directory.mkdir()
    put(directory, "a.toml", SMALL)
    presets = Presets(directory)
    directory.rename(tmp_path / "away")
    presets.refresh()
    assert list(presets.known) == ["a"]
    (tmp_path / "away").rename(directory)
    presets.refresh()
    assert list(presets.known) == ["a"]
