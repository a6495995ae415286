"""Rules are found by names that their patterns need, and are the same as when all are tried."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from myd_grpc.convert.columns.patterns import Pattern, anchors_of
from myd_grpc.convert.columns.rules import ColumnRules, Layer
from myd_grpc.options import MaskMethod, MaskRule

names = st.text(alphabet="ab~", min_size=1, max_size=4)
parts = st.one_of(st.just("**"), st.text(alphabet="ab~*", min_size=1, max_size=4))
paths = st.lists(names, min_size=1, max_size=4).map(".".join)
patterns = st.lists(parts, min_size=1, max_size=4).map(".".join)


@given(st.lists(patterns, max_size=6), paths)
def test_the_last_rule_that_matches_is_found(texts: list[str], path: str) -> None:
    rules = tuple(
        MaskRule(text, MaskMethod.PSEUDONYM, f"rule {place}") for place, text in enumerate(texts)
    )
    table, _, column = path.rpartition(".")
    matching = [rule.domain for rule in rules if Pattern(rule.columns).matches(path.split("."))]
    expected = matching[-1] if matching else ""
    assert ColumnRules((Layer(rules=rules),)).of_column(table, column).domain == expected


@given(patterns, paths)
def test_a_pattern_is_among_those_that_may_match_what_it_matches(text: str, path: str) -> None:
    pattern = Pattern(text)
    if pattern.matches(path.split(".")):
        assert pattern.anchor in anchors_of(path.split("."))
