"""Conversions of one document with columns chosen and masked, by the oracle or by an engine."""

from __future__ import annotations

import pytest

from myd_grpc.convert.engines.available import ENGINES
from myd_grpc.options import Masking, MaskMethod, MaskRule
from tests.support.converting import Settings, converted, expected
from tests.support.nasty_choices import KEY
from tests.support.oracle_json import OracleError
from tests.support.oracle_lines import Tables, lines_of

ENGINES_THAT_CHOOSE = list(ENGINES)

MAKERS = ["oracle", *ENGINES_THAT_CHOOSE]
"""Who makes the same tables: each has to."""

by_each = pytest.mark.parametrize("maker", MAKERS)
by_each_engine = pytest.mark.parametrize("engine", MAKERS[1:])


def masking(*rules: tuple[str, str] | tuple[str, str, str]) -> Masking:
    """Rules, each a pattern, a method and perhaps a domain."""
    return Masking(rules=tuple(MaskRule(one[0], MaskMethod(one[1]), *one[2:]) for one in rules))


def tables_by(maker: str, text: str, settings: Settings) -> Tables:
    """The lines of each file that one document gives, as DATABASE and with the key KEY."""
    files = [("in.json", text.encode())]
    asked: Settings = {"masking_key": KEY, **settings}
    if maker != "oracle":
        asked["engine"] = maker
        return lines_of(converted(files, **asked))
    found = expected(files, **asked)
    assert not isinstance(found, OracleError), found
    return lines_of(found)
