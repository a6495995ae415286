"""What masks refuse, and what they make of texts that no example tells."""

from __future__ import annotations

import pytest

from myd_grpc.convert.columns.masks import mask_of, partly_hidden
from myd_grpc.convert.columns.rules import PLAIN, ColumnRules, Treatment
from myd_grpc.options import MaskMethod


def test_no_pseudonym_is_made_without_a_key() -> None:
    """Without one, anybody could try what a pseudonym was made of."""
    with pytest.raises(ValueError, match="need a key"):
        mask_of(Treatment(method=MaskMethod.PSEUDONYM, domain="a"), ColumnRules())


def test_what_is_not_masked_has_no_mask() -> None:
    assert mask_of(PLAIN, ColumnRules()) is None
    assert mask_of(Treatment(method=MaskMethod.KEEP), ColumnRules()) is None


def test_what_is_removed_from_a_column_that_stays_is_null() -> None:
    mask = mask_of(Treatment(method=MaskMethod.REMOVE), ColumnRules())
    assert mask
    assert mask("x") == ""


@pytest.mark.parametrize("text", ["a", "ab", "abc", "\u1112\u1169\u11bc", "\U0001f600\U0001f600"])
def test_a_hidden_text_never_is_the_text(text: str) -> None:
    assert partly_hidden(text) != text
