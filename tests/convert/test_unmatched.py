"""Patterns of a request that nothing matched are named at the end, with the caller's own words."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest

from myd_grpc.convert.model import NO_KEYS, Limits
from myd_grpc.convert.notes import unmatched_of_preset
from myd_grpc.convert.pipeline import convert
from myd_grpc.options import (
    ColumnChoice,
    ConvertOptions,
    Masking,
    MaskMethod,
    MaskProfile,
    MaskRule,
)
from tests.support.breaking_off import crashing
from tests.support.converting import Settings, conversion, directory, each_engine, silent, write
from tests.support.nasty import NFC_HAN, NFD_HAN
from tests.support.noting import noted

pytestmark = each_engine

RECORDS = '[{"id":1,"bank":{"name":"b","acc":[{"no":1,"tr":[{"amt":1}]}]},"a.b":{"c":1}}]'


def keep(*patterns: str) -> Masking:
    """Rules that leave cells as they are."""
    return Masking(rules=tuple(MaskRule(one, MaskMethod.KEEP) for one in patterns))


def test_what_matches_nothing_is_named_by_what_it_is_for(engine: str) -> None:
    assert noted(
        RECORDS,
        engine=engine,
        include=("**", "card.*"),
        exclude=("bank.**.foo", "bank.acc.no"),
        maps=("orders",),
        masking=keep("**.amt", "*.amount"),
    ) == (
        'nothing matched include "card.*", exclude "bank.**.foo", maps "orders", '
        'masking rule "*.amount"'
    )


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("id", True),
        ("bank.name", True),
        ("bank", False),
        ("bank.acc", False),
        ("bank.acc.no", True),
        ("bank.acc.tr.amt", True),
        ("out.bank.acc.no", False),
        ("BANK.acc.no", False),
        ("_record_id", True),
        ("_row_id", True),
        ("bank.acc._parent_row_id", True),
        ("_parent_row_id", False),
        ("_key", False),
        ("a.b.c", True),
        ("a.*.c", True),
        ("*.c", False),
        ("**.amt", True),
        ("**.tr.**", True),
        ("**", True),
        ("", False),
    ],
)
def test_columns_and_links_are_matched_wherever_they_are(
    engine: str, pattern: str, matches: bool
) -> None:
    note = noted(RECORDS, engine=engine, masking=keep(pattern))
    assert note == ("" if matches else f'nothing matched masking rule "{pattern}"')


def test_a_column_that_is_left_out_is_matched(engine: str) -> None:
    assert noted(RECORDS, engine=engine, include=("id",), exclude=("**.amt", "bank.**")) == ""


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("o", True),
        ("b.o", True),
        ("*", True),
        ("l", True),
        ("b", True),
        ("o.k", True),
        ("o.k.a", False),
        ("e", False),
        ("s", False),
    ],
)
def test_a_map_is_matched_by_a_table_that_came_of_it(
    engine: str, pattern: str, matches: bool
) -> None:
    document = '[{"o":{"k":{"a":1}},"b":{"o":{"k":1}},"l":[{"a":1}],"e":{},"s":[1]}]'
    note = noted(document, engine=engine, maps=(pattern,))
    assert note == ("" if matches else f'nothing matched maps "{pattern}"')


def test_names_are_compared_in_one_form(engine: str) -> None:
    assert noted(f'[{{"{NFD_HAN}":1}}]', engine=engine, masking=keep(NFC_HAN)) == ""
    assert noted(f'[{{"{NFC_HAN}":1}}]', engine=engine, masking=keep(NFD_HAN)) == ""


def test_a_preset_and_a_profile_may_name_what_is_not_there(engine: str) -> None:
    preset = ColumnChoice(exclude=("x",), masking=keep("y"))
    masking = Masking(MaskProfile.MYDATA_KR)
    settings = Settings(preset=preset, masking=masking, masking_key=bytes(32), engine=engine)
    assert noted('[{"amt":1}]', **settings) == ""


def test_what_a_preset_names_in_vain_is_for_the_operator(engine: str) -> None:
    own = ConvertOptions(
        include=("**", "a"), exclude=("b",), maps=("c",), masking=keep("d", "id"), preset="p"
    )
    preset = ColumnChoice(("id", "e"), ("f",), keep("g", "id"))
    with directory() as work:
        write(work, [("1.json", b'[{"id":1}]')])
        asked = replace(conversion(work, ["1.json"], engine=engine), options=own, preset=preset)
        (work / "out").mkdir()
        done = convert(asked, NO_KEYS, work / "out", silent)
    assert done.note == 'nothing matched include "a", exclude "b", masking rule "d"'
    assert unmatched_of_preset(done.asked, done.unmatched) == (
        'nothing matched maps "c", include "e", exclude "f", masking rule "g"'
    )


def test_several_sets_are_looked_at_together(engine: str) -> None:
    documents = ['[{"a":1}]', "[[1]]", '[{"b":{"c":1}}]', "[]"]
    for merge in (True, False):
        note = noted(*documents, engine=engine, merge=merge, masking=keep("a", "d", "**.c", "e"))
        assert note.endswith('nothing matched masking rule "d", masking rule "e"')
        assert note.startswith("2.json: the records are lists") != merge


def test_an_empty_set_matches_no_more_than_its_links(engine: str) -> None:
    note = noted("[]", engine=engine, masking=keep("id", "_record_id"))
    assert note == 'nothing matched masking rule "id"'


def test_only_some_are_told_and_none_twice(engine: str) -> None:
    names = [f"x{n}" for n in range(8)]
    note = noted("[]", engine=engine, masking=keep(*names, *names))
    told = ", ".join(f'masking rule "{name}"' for name in names[:5])
    assert note == f"nothing matched {told} and 3 more"


def test_words_of_the_caller_are_cut_and_on_one_line(engine: str) -> None:
    pattern = "가\n\x1b" + "나" * 900
    note = noted("[]", engine=engine, masking=keep(*(f"{pattern}{n}" for n in range(1000))))
    assert note.isprintable()
    assert r"가\u000a\u001b나" in note
    assert note.endswith("and 995 more")
    assert len(note.encode()) < 2000


@pytest.mark.one_in(2)
@pytest.mark.parametrize("merge", [True, False])
@pytest.mark.parametrize("batch", [1, 3])
def test_a_crash_forgets_nothing(engine: str, merge: bool, batch: int) -> None:
    """What only the first file has was matched before most crashes."""
    files = [
        (f"{n}.json", json.dumps([{"id": m, f"k{n}": [{"a": m}]} for m in range(9)]).encode())
        for n in range(4)
    ]
    masking = keep("k0.a", "k1._row_id", "k3.a", "k4.a", "**.id", "k2")
    rng = random.Random(batch)
    with directory() as work, crashing(rng) as conversions:
        write(work / "data", files)
        names = [name for name, _ in files]
        request = conversion(
            work / "data",
            names,
            engine=engine,
            limits=Limits(batch),
            merge=merge,
            masking=masking,
        )
        for attempt in range(4):
            out = work / f"out{attempt}"
            out.mkdir()
            note = conversions.until_done(request, NO_KEYS, out).note
            assert note == 'nothing matched masking rule "k4.a", masking rule "k2"'
        assert conversions.crashes > 2
