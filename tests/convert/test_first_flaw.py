"""Which of several flaws a conversion names: the first, whatever was read at a time."""

from __future__ import annotations

import re
from itertools import product

import pytest

from myd_grpc.convert.errors import Reason
from myd_grpc.convert.model import Limits
from myd_grpc.options import Layout
from tests.support.converting import Sizes, each_engine, failure, sized
from tests.support.laying_out import RECORDS

pytestmark = each_engine

FAULTS = {
    "broken": ("[1,]", Reason.INVALID_JSON),
    "too deep": ('{"a":' * 10 + "1" + "}" * 10, Reason.LIMIT_EXCEEDED),
    "too long": ('"' + "x" * 300 + '"', Reason.LIMIT_EXCEEDED),
    "too many columns": (
        "{" + ",".join(f'"c{i}":1' for i in range(20)) + "}",
        Reason.LIMIT_EXCEEDED,
    ),
    "no separator": ("1 2", Reason.INVALID_JSON),
    "a stray bracket": ("]", Reason.INVALID_JSON),
}


@pytest.mark.one_in(5)
@pytest.mark.parametrize(("first", "second"), list(product(FAULTS, FAULTS)))
def test_the_first_problem_is_the_one_that_is_named(engine: str, first: str, second: str) -> None:
    """Whatever the size of a batch, and however far it was read ahead."""
    good = '{"a":{"b":[{}]}}'
    document = f"[{good},{good},{FAULTS[first][0]},{good},{FAULTS[second][0]}]"
    start = document.index(FAULTS[first][0], 1) if first != "a stray bracket" else None
    messages = set()
    for batch, chunk in product((1, 2, 3, 4, 1000), (1, 64, 1 << 18)):
        limits = Limits(batch_records=batch, max_depth=8, max_record_bytes=250, max_columns=16)
        with sized(Sizes(chunk=chunk)):
            error = failure(document, engine=engine, limits=limits)
        assert error.reason is FAULTS[first][1]
        messages.add(error.message)
    assert len(messages) == 1
    if start and first != "no separator":
        assert "record 3" in messages.pop()


def test_a_flaw_of_the_same_record_comes_before_a_bound_of_the_schema(engine: str) -> None:
    """As an engine sees it, and whichever comes first in the text."""
    limits = Limits(max_name_bytes=20, max_columns=5, max_tables=2, max_depth=4)
    beyond = {
        "name": '"%s":1' % ("k" * 21),
        "columns": '"a":1,"b":2,"c":3,"d":4',
        "tables": '"a":[{}],"b":[{}]',
    }
    flaws = {"broken": '"z":nul', "too deep": '"z":{"z":{"z":[]}}'}
    for members, flaw in product(beyond.values(), flaws.values()):
        for both in (f"{members},{flaw}", f"{flaw},{members}"):
            error = failure(f"[{{}},{{{both}}}]", engine=engine, limits=limits)
            assert re.match(r"in.json: record 2: (invalid JSON )?at byte \d+: ", error.message)
        error = failure(f"[{{}},{{{members}}},{{{flaw}}}]", engine=engine, limits=limits)
        assert error.message.startswith("in.json: record 2 at byte 4: ")


@pytest.mark.parametrize("layout", list(RECORDS))
@pytest.mark.parametrize("bad", ["[1,]", "tru", '"' + "x" * 101 + '"', "[[[[[]]]]]", "", "}", "]"])
def test_flaws_are_placed_beyond_white_space(engine: str, layout: Layout, bad: str) -> None:
    """Whatever part of it was held, and however much was read at a time."""
    limits = Limits(max_record_bytes=100, max_depth=4)
    document = RECORDS[layout](["{}", "[[]]", bad or ",", "3"])
    document = re.sub(r"[,\n](?=.)", lambda gap: f"{' ' * 150}{gap[0]}{' ' * 150}", document)
    messages = set()
    for chunk, long_gap in product((1, 7, 1 << 18), (0, 40, 1 << 20)):
        with sized(Sizes(chunk=chunk, long_gap=long_gap)):
            messages.add(failure(document, engine=engine, layout=layout, limits=limits).message)
    assert len(messages) == 1


@pytest.mark.parametrize("chunk", [1, 2, 3, 5, 1 << 20])
@pytest.mark.parametrize(("most", "reason"), [(1, Reason.INVALID_JSON), (0, Reason.LIMIT_EXCEEDED)])
def test_a_flaw_at_the_limit_is_told_whatever_is_read_at_a_time(
    engine: str, chunk: int, most: int, reason: Reason
) -> None:
    limits = Limits(max_record_bytes=most)
    with sized(Sizes(chunk=chunk)):
        error = failure(b'{"\xed\x95"":nul', engine=engine, layout=Layout.KEYED, limits=limits)
    assert error.reason is reason
