"""What is done with columns is what the oracle says (docs/spec.md 11.2 to 11.4)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from myd_grpc.convert.columns.rules import ColumnRules, Layer, Treatment
from myd_grpc.options import MaskMethod, MaskRule
from tests.support import oracle_columns
from tests.support.oracle_columns import LINKS, Choice, Fate, Rule

NAMES = ("a", "b", "id", "a~2", "_record_id", "\ud55c", "\u1112\u1161\u11ab")
PARTS = (*NAMES, "_record_id~2", "*", "**", "*a*", "_*", "_row_id", "_parent_row_id", "_key")

tables = st.lists(st.sampled_from(NAMES), max_size=3).map(".".join)
paths = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map(".".join)
patterns = st.lists(st.sampled_from(PARTS), min_size=1, max_size=4).map(".".join)
choices = st.lists(patterns, max_size=3).map(tuple)
rules = st.builds(
    MaskRule, patterns, st.sampled_from(MaskMethod), st.sampled_from(["", "card", "\u1112\u1161"])
)
layers = st.builds(Layer, choices, choices, st.lists(rules, max_size=4).map(tuple))
column_rules = st.builds(ColumnRules, st.lists(layers, max_size=2).map(tuple), choices)


def choice_of(one: ColumnRules) -> Choice:
    """The same for the oracle."""
    return Choice(
        tuple(
            oracle_columns.Layer(
                layer.include,
                layer.exclude,
                tuple(Rule(rule.columns, rule.method.value, rule.domain) for rule in layer.rules),
            )
            for layer in one.layers
        ),
        one.maps,
    )


def treatment_of(fate: Fate) -> Treatment:
    if fate.removed:
        return Treatment(stays=False, method=MaskMethod.REMOVE)
    return Treatment(fate.stays, MaskMethod(fate.method) if fate.method else None, fate.domain)


@given(rules=column_rules, table=tables, name=paths)
def test_columns_are_treated_as_the_oracle_says(rules: ColumnRules, table: str, name: str) -> None:
    assert rules.of_column(table, name) == treatment_of(choice_of(rules).of_column(table, name))


@given(
    rules=column_rules,
    table=tables,
    name=st.sampled_from(LINKS),
    id_field=st.sampled_from(("", "id", "a", "a.b", "\ud55c", "_record_id")),
)
def test_links_are_treated_as_the_oracle_says(
    rules: ColumnRules, table: str, name: str, id_field: str
) -> None:
    fate = choice_of(rules).of_link(table, name, id_field)
    assert rules.of_link(table, name, id_field) == treatment_of(fate)


@given(rules=column_rules, table=tables, path=paths)
def test_maps_are_those_of_the_oracle(rules: ColumnRules, table: str, path: str) -> None:
    joined = oracle_columns.joined(table, path)
    assert rules.is_map(table, path) is choice_of(rules).is_map(joined)


@given(rules=column_rules, table=tables, path=paths)
def test_of_a_table_that_is_left_out_no_column_stays(
    rules: ColumnRules, table: str, path: str
) -> None:
    if rules.leaves_out_all_of(table):
        assert rules.chooses
        assert not rules.of_column(table, path).stays


@given(rules=column_rules, table=tables, name=paths, link=st.sampled_from(LINKS))
def test_rules_that_are_plain_change_nothing(
    rules: ColumnRules, table: str, name: str, link: str
) -> None:
    if rules.is_plain:
        assert rules.of_column(table, name) == Treatment()
        assert rules.of_link(table, link, "id") == Treatment()
        assert not rules.is_map(table, name)
        assert not rules.leaves_out_all_of(table)


def test_what_leaves_out_whole_tables() -> None:
    """It is known where it is plain, so that no rows are written for nothing."""
    excluded = ColumnRules((Layer(exclude=("bank.**",)),))
    assert excluded.leaves_out_all_of("bank.acc")
    assert excluded.leaves_out_all_of("bank")
    assert not excluded.leaves_out_all_of("")
    included = ColumnRules((Layer(include=("bank.acc.no", "card.*")),))
    assert included.leaves_out_all_of("bank.acc.tr")
    assert included.leaves_out_all_of("insu")
    assert not included.leaves_out_all_of("bank.acc")
    assert not included.leaves_out_all_of("")
    assert not ColumnRules((Layer(rules=(MaskRule("**", MaskMethod.REMOVE),)),)).leaves_out_all_of(
        "bank"
    )


def test_the_key_is_not_shown() -> None:
    key = bytes(range(32))
    assert repr(key) not in repr(ColumnRules(key=key))
    assert key.hex() not in repr(ColumnRules(key=key))
