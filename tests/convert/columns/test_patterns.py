"""Patterns of paths match as the oracle's regular expressions do (docs/spec.md 11.1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myd_grpc.convert.columns.patterns import MOST_CHARACTERS, Pattern, names_of
from tests.support.oracle_columns import matches

NAMES = ("a", "b", "ab", "aba", "", "*", "~2", "[a]", "\\", "\n", "\ud55c", "\u1112\u1161\u11ab")
PARTS = (*NAMES, "*", "**", "***", "a*", "*a", "*a*", "a*b", "**a", "a**b", "*b*a*", "\u1112*")

paths = st.lists(st.sampled_from(NAMES), min_size=1, max_size=5).map(".".join).filter(bool)
patterns = st.lists(st.sampled_from(PARTS), max_size=6).map(".".join)


@given(pattern=patterns, path=paths)
def test_patterns_match_as_the_oracle_says(pattern: str, path: str) -> None:
    assert Pattern(pattern).matches(names_of(path)) is matches(pattern, path)


@given(
    pattern=st.text("ab*.", max_size=9),
    path=st.text("ab.", min_size=1, max_size=9),
)
def test_texts_match_as_the_oracle_says(pattern: str, path: str) -> None:
    assert Pattern(pattern).matches(names_of(path)) is matches(pattern, path)


@given(pattern=patterns, path=paths, below=paths)
def test_what_lies_below_a_path(pattern: str, path: str, below: str) -> None:
    """No promise of more or fewer matches than there are."""
    one, names, is_match = Pattern(pattern), names_of(path), matches(pattern, f"{path}.{below}")
    if is_match:
        assert one.may_match_below(names)
    if one.matches_all_below(names):
        assert is_match
    if matches(pattern, below):
        assert one.may_match_below([])


@pytest.mark.parametrize(
    ("pattern", "path", "may", "does"),
    [
        ("a.**", "a", True, True),
        ("a.**", "a.b", True, True),
        ("**", "a", True, True),
        ("**.**", "a", True, True),
        ("a.*", "a", True, False),
        ("a.*", "a.b", False, False),
        ("a", "a", False, False),
        ("a.**.b", "a.c", True, False),
        ("b.**", "a", False, False),
        ("**.**", "", True, True),
        ("", "a", False, False),
    ],
)
def test_what_is_plain_below_a_path(pattern: str, path: str, may: bool, does: bool) -> None:
    one, names = Pattern(pattern), names_of(path)
    assert one.may_match_below(names) is may
    assert one.matches_all_below(names) is does


@pytest.mark.parametrize(
    ("pattern", "last"),
    [
        ("_row_id", "_row_id"),
        ("**._row_id", "_row_id"),
        ("a.*", ""),
        ("**", ""),
        ("a.*_id", ""),
        ("", ""),
        ("\u1112\u1161\u11ab", "\ud55c"),
    ],
)
def test_the_last_name(pattern: str, last: str) -> None:
    assert Pattern(pattern).last_name == last


HOSTILE = [
    ("*a" * 500 + "*b", "a" * 1000),
    ("*" * 1000 + "b", "a" * 1000),
    ("**." * 340 + "b", ".".join("a" * 500)),
    ("**.*a*a*." * 110 + "b", ".".join(["a" * 30] * 30)),
    (".".join(["*a*"] * 200 + ["b"]), ".".join(["a" * 5] * 200)),
    ("**." * 170 + "a." * 170 + "b", ".".join("a" * 500)),
]


@pytest.mark.parametrize(("pattern", "path"), HOSTILE, ids=lambda text: text[:9])
def test_no_pattern_takes_for_ever(pattern: str, path: str) -> None:
    """By trying out what each `*` may stand for, this would never end."""
    assert len(pattern) <= MOST_CHARACTERS
    assert not Pattern(pattern).matches(names_of(path))
    assert Pattern(pattern).matches(names_of(_made_to_match(pattern)))


def _made_to_match(pattern: str) -> str:
    return pattern.replace("**.", "x.y.").replace("*", "a")


@pytest.mark.parametrize("part", ["**.a", "**.*", "**.**.a*", "*"])
def test_the_longest_patterns_match_the_longest_paths(part: str) -> None:
    count = MOST_CHARACTERS // (len(part) + 1)
    text, names = ".".join([part] * count), ["a"] * 512
    fits = count == len(names) or part != "*"
    for _ in range(100):  # as many columns: this takes no time to speak of
        assert Pattern(text).matches(names) is fits
        assert not Pattern(f"{text[:-4]}.z").matches(names)
