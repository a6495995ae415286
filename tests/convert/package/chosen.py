"""What may be asked of the columns of nasty documents, link columns above all."""

from __future__ import annotations

from hypothesis import strategies as st

from myd_grpc.options import Masking, MaskMethod, MaskRule
from tests.support.converting import Settings

_patterns = st.sampled_from(
    [
        *("*", "**", "id", "a", "**.a", "a.**", "**.id", "b*", "a.b", "*.*", "**.value"),
        *("_row_id", "**._row_id", "**._record_id", "**._parent_row_id", "**._key"),
    ]
)
_some = st.lists(_patterns, max_size=2).map(tuple)
_rules = st.builds(MaskRule, _patterns, st.sampled_from(MaskMethod), st.sampled_from(["", "x"]))

choices = st.builds(
    Settings,
    include=st.just(()) | _some,
    exclude=_some,
    maps=_some,
    masking=st.builds(Masking, rules=st.lists(_rules, max_size=3).map(tuple)),
    masking_key=st.just(bytes(range(32))),
)
"""Patterns, rules and a key."""
