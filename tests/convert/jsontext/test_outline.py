"""What a text looks like from far: the same with each engine, whatever is wrong with it."""

from __future__ import annotations

import random

import pytest

from myd_grpc.convert.engines.available import engine_for
from myd_grpc.convert.jsontext.outline import outline
from tests.support import nasty
from tests.support.converting import native

PIECES = [b"{", b"}", b"[", b"]", b'"', b'"k":', b'"a{"', b"\\", b'\\"', b",", b"1", b"\xff", b"\n"]


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"", b""),
        (b"{", b"{"),
        (b'{"a":{"b":[1]},"c":[[],{}],"d":1}', b'{"a":{"b":[]},"c":[],"d":1}'),
        (
            b'{"a":{"b":{"c":1},"d":2}}{"a":{"b":[1]}}',
            b'{"a":{"b":{},"d":2}}{"a":{"b":[1]}}',
        ),
        (rb'{"a\"{":{"}\\":["\"]"]}} [1]', rb'{"a\"{":{"}\\":[]}} [1]'),
        (b'{"a":[1],"b":{"c":[2', b'{"a":[],"b":{"c":[2'),
        (b'{"a":[1],"b":{"c":[2}]},"d":[3]}', b'{"a":[],"b":{"c":[2}]},"d":[3]}'),
        (b'{"a":[1],"b":["c{}', b'{"a":[],"b":["c{}'),
        (b'{"a":[1]],"b":[2]}', b'{"a":[]],"b":[2]}'),
    ],
)
def test_what_is_nested_is_left_out_as_far_as_brackets_match(head: bytes, expected: bytes) -> None:
    assert outline(head) == expected


@native
@pytest.mark.parametrize("seed", range(2))
def test_engines_leave_out_the_same(seed: int) -> None:
    rng = random.Random(seed)
    with engine_for("native") as core:
        for number in range(3000):
            if number % 2:
                head = b"{" + b"".join(rng.choices(PIECES, k=rng.randint(0, 40)))
            else:
                head = nasty.random_broken(rng, nasty.random_document(rng, "KEYED"))
            assert outline(head) == core.outline(head), head
