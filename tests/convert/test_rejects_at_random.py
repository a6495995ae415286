"""A document with broken records gives the rows of the one without them (docs/spec.md 11.8)."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import pytest

from myd_grpc.convert.model import Limits
from myd_grpc.options import Layout
from tests.support.breaking_off import assert_survives
from tests.support.converting import Sizes, conversion, each_engine, sized
from tests.support.oracle_rejects import damaged
from tests.support.rejecting import made_of

pytestmark = each_engine

# What is no JSON, and whose brackets and quotes balance.
_BALANCED = [
    rb'{"a":"\x"}',
    b'{"a":tru}',
    b'{"a":01,"b":{}}',
    b'{"a" 1}',
    b'{"a":[1}}',
    b'{"a":1,}',
    b'["a" "b"]',
    b'{"a":"\xff"}',
    b'{"a":"\x01"}',
    b"nul",
    b'{"a":%b}' % (b"[" * 130 + b"]" * 130),
    b'{"a":"%b"}' % (b"x" * 70_000),
    b'{"b":[%b2]}' % (b"1," * 40_000),
]
_LINES = [
    b'{"a":[1, 2',
    b'{"a":"x',
    b'{"a":',
    b'{"a":[1,',
    b'{"a":1}}'[:-2] + b"]",
    b"no json at all",
    b': {"a":1}',
    b'"x',
    b"[" * 140,
    b'{"c":"%b' % (b"x" * 70_000),
]


def _record(rng: random.Random) -> bytes:
    value: dict[str, object] = {f"k{rng.randint(0, 4)}": rng.randint(0, 99) for _ in range(3)}
    if rng.random() < 0.4:
        value["l"] = [{"x": ']}\n\\"'} for _ in range(rng.randint(1, 3))]
    if rng.random() < 0.02:
        value["long"] = "y" * rng.randint(1, 9_000)
    return json.dumps(value).encode()


def _document(rng: random.Random, layout: Layout) -> tuple[bytes, bytes, list[int]]:
    """A document with broken records, the one without them, and the numbers of these.

    One record is sound at least: of LINES, a file without any is none.
    """
    broken, sound, bad = list[bytes](), list[bytes](), list[int]()
    kinds = _BALANCED + (_LINES if layout is Layout.LINES else [])
    share = rng.choice((0.02, 0.3, 0.9))
    last = rng.randint(1, 59)
    for number in range(1, last + 1):
        if rng.random() < share and (sound or number < last):
            broken.append(rng.choice(kinds))
            bad.append(number)
        else:
            broken.append(_record(rng))
            sound.append(broken[-1])
    return _joined(broken, layout), _joined(sound, layout), bad


def _joined(records: list[bytes], layout: Layout) -> bytes:
    if layout is Layout.LINES:
        return b"\n".join(records) + b"\n"
    if layout is Layout.KEYED:
        return b"{%b}" % b" ,\n".join(b'"k" : %b' % one for one in records)
    return b"[%b]" % b" ,\n".join(records)


def _numbered(rows: str, bad: list[int]) -> str:
    """Rows with the record numbers that they have where the bad ones are counted, too."""
    good = [number for number in range(1, 100) if number not in bad]
    return re.sub(r"(?m)^(k?,f1r)(\d+)", lambda found: f"{found[1]}{good[int(found[2]) - 1]}", rows)


@pytest.mark.parametrize("layout", [Layout.ARRAY, Layout.KEYED, Layout.LINES])
@pytest.mark.parametrize("seed", range(12))
def test_rows_are_those_without_broken_records(engine: str, layout: Layout, seed: int) -> None:
    rng = random.Random(f"{layout} {seed}")
    with_bad, without, bad = _document(rng, layout)
    with sized(Sizes(chunk=rng.choice((64, 5_000, 4 << 20)))):
        made = made_of(with_bad, layout, engine, rng.choice((1, 2, 7, 1000)))
        plain = made_of(without, layout, engine)
    assert [int(one.split(",")[1]) for one in made.rejects] == bad
    assert made.rows == _numbered(plain.rows, bad)
    assert made.progress.records == plain.progress.records + len(bad)
    for one in made.rejects:
        assert one.rpartition(",")[2] in ("malformed", "too deep", "too large")


@pytest.mark.parametrize("layout", [Layout.ARRAY, Layout.KEYED, Layout.LINES])
def test_places_and_reasons_are_as_they_were_put_there(engine: str, layout: Layout) -> None:
    rng = random.Random(f"places {layout}")
    for _ in range(15):
        records = [_record(rng) for _ in range(rng.randint(1, 20))]
        given = damaged(rng, layout.value, records, rng.choice((0.05, 0.3, 0.8)))
        with sized(Sizes(chunk=rng.choice((1, 64, 5_000)))):
            made = made_of(given.document, layout, engine, rng.choice((1, 2, 7, 1000)), 1000)
        plain = made_of(given.without, layout, engine)
        assert made.rejects == [f"a.json,{n},{at},{why}" for n, at, why in given.rejects]
        bad = [number for number, _, _ in given.rejects]
        assert made.rows.count("\n") == plain.rows.count("\n")
        assert made.progress.records == plain.progress.records + len(bad)


@pytest.mark.parametrize("layout", [Layout.ARRAY, Layout.KEYED, Layout.LINES])
def test_rejects_survive_crashes(engine: str, layout: Layout) -> None:
    rng, crashes = random.Random(f"crashes {layout}"), 0
    for _ in range(4):
        files = [(f"{n}.json", _document(rng, layout)[0]) for n in range(3)]
        limits = Limits(batch_records=2, rows_per_part=11, max_record_bytes=1 << 16)
        for merge in (True, False):
            request = conversion(
                Path(),
                [],
                engine=engine,
                layout=layout,
                limits=limits,
                merge=merge,
                max_rejects=500,
            )
            crashes += assert_survives(files, rng, request)
    assert crashes > 5
