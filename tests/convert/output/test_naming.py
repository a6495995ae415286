"""File names of tables and sets, held against the oracle's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myd_grpc.convert.output.naming import MAX_BYTES, FileNames, encode, stem
from tests.support import oracle
from tests.support.nasty import NFC_HAN, NFD_HAN

characters = st.characters(exclude_categories=["Cs"])
pieces = st.sampled_from(
    ["a", "A", "/", "%", ".", "~2", "\n", "\x85", "\u202e", NFC_HAN, NFD_HAN, "\U0001f600"]
)
names = st.lists(pieces | characters, min_size=1, max_size=8).map("".join)
long_names = st.builds(lambda name, count: name * count, names, st.integers(20, 80))


@pytest.mark.parametrize(
    ("name", "file_name"),
    [
        ("plain.name", "plain.name"),
        (".a", "%2Ea"),
        ("..", "%2E."),
        ("a.", "a."),
        ("한글/", "한글%2F"),
        ("100%", "100%25"),
        ("\x00\x1f\x7f\x80\x9f\xa0", "%00%1F%7F%C2%80%C2%9F\xa0"),
        ("fdp\u202egpj", "fdp%E2%80%AEgpj"),
        ("\u061c\u200e\u200f", "%D8%9C%E2%80%8E%E2%80%8F"),
        ("\u202a\u2066\u2069", "%E2%80%AA%E2%81%A6%E2%81%A9"),
        # What joins letters and emoji is part of how they are written.
        ("\u200b\u200c\u200d\u2060", "\u200b\u200c\u200d\u2060"),
        ("x" * 180, "x" * 180),
    ],
)
def test_unsafe_characters_are_encoded(name: str, file_name: str) -> None:
    assert encode(name) == file_name


@pytest.mark.parametrize("name", ["x" * 181, "한" * 61, "/" * 61, "xx" + "/" * 61, "x" + "😀" * 46])
def test_a_name_that_is_too_long_is_cut_at_a_character(name: str) -> None:
    cut, _, digest = encode(name).rpartition("~")
    assert len(digest) == 8
    assert 171 - 3 <= len(cut.encode()) <= 171
    uncut = name.replace("/", "%2F")
    assert uncut.startswith(cut)
    assert len(uncut) - len(cut) != 1 or "/" not in name


@pytest.mark.parametrize("before", range(9))
def test_a_cut_leaves_no_part_of_an_encoded_character(before: int) -> None:
    cut, _, _ = encode("x" * before + "\u202e" * 40).rpartition("~")
    assert cut == "x" * before + "%E2%80%AE" * ((171 - before) // 9)


@given(names | long_names)
def test_names_are_encoded_as_the_oracle_does(name: str) -> None:
    assert encode(name) == oracle.file_name(name)
    assert len(encode(name).encode()) <= MAX_BYTES


@given(st.lists(names | long_names, max_size=8))
def test_names_are_told_apart_as_the_oracle_does(wanted: list[str]) -> None:
    claimed = FileNames()
    assert [claimed.claim(name) for name in wanted] == oracle.file_names(wanted)


@given(st.lists(st.sampled_from(["a", ".", "/", "한", "json"]), min_size=1).map("".join))
def test_a_set_is_named_by_its_file_without_extension(name: str) -> None:
    assert stem(name) == oracle.stem(name)
