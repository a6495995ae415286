"""Random records with broken ones among them, through both engines (docs/spec.md 11.8).

What comes of them is what comes of the sound ones alone, but that record numbers count the broken
ones, and the list of these, which are known as they were put there.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from myd_grpc.convert.model import Limits
from myd_grpc.options import Layout
from tests.support import nasty
from tests.support.compressing import compressed, zstd
from tests.support.converting import Settings, Sizes, converted_whole, sized
from tests.support.oracle_rejects import BROKEN, Damaged, damaged
from tests.support.set_files import tables_in

NAMES = ("a.json", "b.json")
_ENVELOPE = b'{"info":{"a":[1]}, "data" : ', b' , "more":[]}'
_RECORD_NUMBER = re.compile(rb"\bf([12])r(\d+)")


def check_rejects(rng: random.Random) -> None:
    """Converts files with and without their broken records; raises AssertionError."""
    _check_single(rng)
    layout = rng.choice((Layout.ARRAY, Layout.KEYED, Layout.LINES))
    is_wrapped = layout is not Layout.LINES and rng.random() < 0.3
    given = [_damaged(rng, layout) for _ in range(rng.choice((1, 1, 2)))]
    names = NAMES[: len(given)]
    before, after = _ENVELOPE if is_wrapped else (b"", b"")
    asked = Settings(layout=layout, record_path="data" if is_wrapped else "")
    asked["limits"] = Limits(rng.choice((1, 2, 7, 1000)), rng.choice((1, 3, 300_000)))
    sound = [before + one.without + after for one in given]
    plain = tables_in(converted_whole(list(zip(names, sound, strict=True)), **asked))
    want = {name: _numbered(rows, given) for name, rows in plain.items()}
    if listed := _listed(names, given, len(before)):
        want["rejects.csv"] = listed
    put = rng.choice((bytes, compressed, zstd))
    broken = [put(before + one.document + after) for one in given]
    asked["max_rejects"] = sum(len(one.rejects) for one in given)
    for engine in ("python", "native"):
        sizes = Sizes(rng.choice((1, 17, 64, 1 << 18)), rng.choice((1, 50, 4 << 20)))
        asked |= {"engine": engine, "threads": rng.choice((1, 2, 5))}
        with sized(sizes):
            found = converted_whole(list(zip(names, broken, strict=True)), **asked)
        made = {name: data for name, data in found.items() if name in want}
        assert made == want, f"{engine} {asked} {broken}: {made} but {want}"
        assert tables_in(found).keys() == plain.keys(), f"{engine} {asked} {broken}"


def _check_single(rng: random.Random) -> None:
    """A file that is one broken record gives the tables of a list without any."""
    text, why = rng.choice(BROKEN)
    before, after = rng.choice(((b"", b""), (b" \n", b"\n "), _ENVELOPE))
    path = "data" if before == _ENVELOPE[0] else ""
    none = converted_whole([("a.json", b"[]")], layout=Layout.ARRAY)
    want = tables_in(none) | {
        "rejects.csv": b"file,record,byte_offset,reason\na.json,1,%d,%b\n"
        % (len(before), why.encode())
    }
    asked = Settings(layout=Layout.SINGLE, record_path=path, max_rejects=1)
    for engine in ("python", "native"):
        asked["engine"] = engine
        with sized(Sizes(rng.choice((1, 17, 64, 1 << 18)))):
            found = converted_whole([("a.json", before + text + after)], **asked)
        made = {name: data for name, data in found.items() if name in want}
        assert made == want, f"{engine} {asked} {before + text + after!r}: {made} but {want}"


def _damaged(rng: random.Random, layout: Layout) -> Damaged:
    grammar = nasty.Grammar(nasty.RandomChoices(rng), rng.choice((5, 20, 60)))
    if layout is Layout.LINES:  # a broken record costs its whole line
        grammar.spacious = False
    records = [grammar.record(), *grammar.repeated(grammar.record, 80)]
    share = rng.choice((0.05, 0.3, 0.8))
    return damaged(rng, layout.value, [one.encode() for one in records], share)


def _listed(names: Sequence[str], given: Sequence[Damaged], shift: int) -> bytes:
    lines = [
        f"{name},{number},{shift + at},{why}\n"
        for name, one in zip(names, given, strict=True)
        for number, at, why in one.rejects
    ]
    return "".join(["file,record,byte_offset,reason\n", *lines]).encode() if lines else b""


def _numbered(rows: bytes, given: Sequence[Damaged]) -> bytes:
    """Rows with the numbers that their records have among the broken ones."""

    def numbered(found: re.Match[bytes]) -> bytes:
        file, number = int(found[1]), int(found[2])
        return b"f%dr%d" % (file, given[file - 1].sound[number - 1])

    return _RECORD_NUMBER.sub(numbered, rows)
