"""Sets made as one before them: each is that of a job of its own, whatever came before."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from myd_grpc.convert.alike_sets import AlikeSets
from myd_grpc.convert.errors import ConversionError
from myd_grpc.convert.input.source import Source
from myd_grpc.convert.model import NO_KEYS, Conversion, Progress
from myd_grpc.convert.pipeline import convert
from myd_grpc.convert.set_builder import SetPlan
from myd_grpc.options import Format, Profile
from tests.support.converting import Settings, conversion, directory, each_engine, silent, write

CELL = st.sampled_from([1, -2.5, "x", 'a,"b"\n', "", None, True, [], [1, 2], "20230531", 10**30])
ROW = st.dictionaries(st.sampled_from(["a", "b", "c~1", "한"]), CELL, max_size=4)
RECORD = st.dictionaries(st.sampled_from(["id", "n", "o"]), CELL, max_size=3).flatmap(
    lambda record: st.lists(ROW, max_size=3).map(lambda rows: {**record, "rows": rows})
)
DOCUMENT = st.one_of(
    st.lists(RECORD, max_size=3),
    st.dictionaries(st.sampled_from(["u1", "u2", "u3"]), RECORD, min_size=1, max_size=3),
    st.lists(st.lists(st.integers(0, 9), max_size=2), max_size=2),
)
"""Few names and values: many are of one kind, and differ in what seems to be little."""


def files_in(place: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(place)): path.read_bytes()
        for path in place.rglob("*")
        if path.is_file()
    }


def assert_are_as_alone(engine: str, texts: list[bytes], asked: Settings) -> None:
    """A job of all files makes the sets that a job of each makes."""
    names = [f"{number}.json" for number in range(len(texts))]
    with directory() as data, directory() as out:
        write(data, list(zip(names, texts, strict=True)))
        given: Settings = {**asked, "engine": engine, "merge": False}
        together = conversion(data, names, **given)
        made = convert(together, NO_KEYS, out, silent)
        found = files_in(out)
        alone = []
        for name in names:
            with directory() as other:
                made_alone = convert(replace(together, file_names=(name,)), NO_KEYS, other, silent)
                assert {at: found.pop(at) for at in files_in(other)} == files_in(other)
                alone.append(made_alone)
        assert not found
    assert made.parts == [part for one in alone for part in one.parts]
    assert made.beside == [file for one in alone for file in one.beside]
    assert made.notes == [note for one in alone for note in one.notes][: len(made.notes)]


@each_engine
@settings(max_examples=12)
@drawn(documents=st.lists(DOCUMENT, min_size=2, max_size=3))
def test_whatever_they_are(engine: str, documents: list[Any]) -> None:
    texts = [json.dumps(one, ensure_ascii=False).encode() for one in documents]
    assert_are_as_alone(engine, texts * 2, Settings())


@pytest.mark.parametrize("profile", list(Profile))
@each_engine
def test_with_each_profile(engine: str, profile: Profile) -> None:
    texts = [
        json.dumps([{"id": n, "amt": 10**n, "rows": [{"t": f"={n}", "d": n / 8}]}]).encode()
        for n in range(5)
    ]
    assert_are_as_alone(engine, texts, Settings(csv_profile=profile))


class Spy:
    """Which sets were made as one before them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made: list[bool] = []
        real = AlikeSets.make

        def make(sets: AlikeSets, plan: SetPlan, place: str) -> bool:
            self.made.append(real(sets, plan, place))
            return self.made[-1]

        monkeypatch.setattr(AlikeSets, "make", make)


@each_engine
def test_the_first_of_each_kind_is_made_by_itself(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spy = Spy(monkeypatch)
    kinds = [b'[{"a":1}]', b'[{"a":"1"},{"a":2}]', b'{"u":{"a":1}}', b'[{"a":1,"b":[{"c":1}]}]']
    assert_are_as_alone(engine, kinds * 2, Settings())
    # A text in the place of a number is no other kind, as it is told of each set by itself.
    assert spy.made == [False, True, False, False, True, True, True, True]


@each_engine
def test_none_is_tried_where_all_are_of_kinds_of_their_own(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spy, reads = Spy(monkeypatch), list[str]()
    real = AlikeSets._read

    def read(sets: AlikeSets, source: Source) -> Any:
        reads.append(source.name)
        return real(sets, source)

    monkeypatch.setattr(AlikeSets, "_read", read)
    assert_are_as_alone(engine, [b'[{"c%d":1}]' % n for n in range(40)], Settings())
    assert not any(spy.made)
    assert len(reads) == 16


@pytest.mark.parametrize(
    "asked",
    [
        Settings(csv_profile=Profile.EXCEL_SAFE),
        Settings(max_rejects=3),
        Settings(exclude=("b",)),
        Settings(formats=(Format.CSV, Format.XLSX)),
        Settings(checksums=True),
    ],
    ids=["guarded", "rejects", "excluded", "formats", "checksums"],
)
def test_whatever_is_asked_for_beside_rows_is_made_for_each(
    asked: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    spy = Spy(monkeypatch)
    assert_are_as_alone("native", [b'[{"a":"=1","b":2}]'] * 3, asked)
    assert not spy.made


@each_engine
def test_a_flaw_is_told_as_of_any_file(engine: str) -> None:
    for flawed in (b'[{"a":1},{"a":01}]', b'[{"a":1}', b'[{"a":1}] x', b"[]", b"\x1f\x8b", b"{"):
        with directory() as data, directory() as out:
            write(data, [("0.json", b'[{"a":1}]'), ("1.json", b'[{"a":2}]'), ("2.json", flawed)])
            together = conversion(data, ["0.json", "1.json", "2.json"], engine=engine, merge=False)
            alone = replace(together, file_names=("2.json",))
            assert outcome(together, out) == outcome(alone, out / "2.json.d")


def outcome(request: Conversion, out: Path) -> str:
    out.mkdir(exist_ok=True)
    try:
        convert(request, NO_KEYS, out, silent)
    except ConversionError as error:
        return f"{error.reason} {error.message}"
    return "converted"


@each_engine
@pytest.mark.parametrize(
    "text", [b'[{"a":1},{"a":01}]', b'[{"a":1}', b'{"a":1}\n{"a":2}\n{"a":\n', b'{"u":{"a":01}}']
)
def test_a_first_file_that_is_malformed_is_told_as_it_is_read(engine: str, text: bytes) -> None:
    told = []
    for names in (["bad.json"], ["bad.json", "good.json"]):
        reports = list[Progress]()
        with directory() as data, directory() as out:
            write(data, [("bad.json", text), ("good.json", b'[{"a":1}]')])
            request = conversion(data, names, engine=engine, merge=False)
            with pytest.raises(ConversionError):
                convert(request, NO_KEYS, out, reports.append)
        last = reports[-1]
        told.append((last.layout, last.records, last.bytes_read))
    assert told[0] == told[1]


@pytest.mark.parametrize("most", [3, 20])
@each_engine
def test_little_is_kept_of_what_their_columns_are(
    engine: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("myd_grpc.convert.alike_sets._MOST_KEPT", most)
    monkeypatch.setattr("myd_grpc.convert.package.kept_texts._MOST_ALIKE_COLUMNS", most)
    used, real = list[AlikeSets](), AlikeSets._write

    def write_set(sets: AlikeSets, *of: Any) -> bool:
        used.append(sets)
        return real(sets, *of)

    monkeypatch.setattr(AlikeSets, "_write", write_set)
    cells = [1, "x", 2.5, None, 10**9]
    texts = [
        json.dumps([{"id": 1, "a": one, "b": other}]).encode() for one in cells for other in cells
    ]
    assert_are_as_alone(engine, texts * 2, Settings())
    sets, texts_kept = used[-1], used[-1]._finisher._kept_texts
    assert texts_kept
    # Of one set at least, and else of no more columns than that.
    assert 1 <= len(sets._columns._known) <= max(1, most // 5)
    assert 1 <= len(texts_kept._alike) <= max(1, most // 5)
