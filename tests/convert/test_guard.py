"""What EXCEL_SAFE guards: the oracle's reading of the rules, that of both engines, and examples."""

from __future__ import annotations

import csv
import io
import json
import random

import pytest

from myd_grpc.convert.dialect import Dialect
from myd_grpc.convert.model import Limits
from myd_grpc.convert.plain import PlainRows
from myd_grpc.options import Layout, Profile
from tests.support import oracle_guard
from tests.support.converting import Settings, Sizes, assert_as_expected, each_engine, sized
from tests.support.guarding import AS_WITH_EXCEL, GUARDED, PIECES, PLAIN
from tests.support.row_files import plain_files

pytestmark = each_engine

SAFE = Dialect.of(Profile.EXCEL_SAFE)


def files_of(texts: list[str], engine: str) -> tuple[list[str], PlainRows]:
    """The cells that strings give as they are written, and what made them."""
    document = json.dumps([{"t": text} for text in texts]).encode()
    plain = PlainRows(SAFE)
    made = plain_files(document, Layout.ARRAY, engine, Limits(), plain, SAFE)
    [written] = made.values()
    rows = csv.reader(io.StringIO(written.decode("utf-8-sig"), newline=""))
    return [row[2] for row in rows][1:], plain


def test_what_is_guarded_and_what_is_not(engine: str) -> None:
    texts = [*GUARDED, *PLAIN, *AS_WITH_EXCEL]
    cells, plain = files_of(texts, engine)
    assert [oracle_guard.unguarded(cell) for cell in cells] == texts
    assert [text for text, cell in zip(texts, cells, strict=True) if text != cell] == GUARDED
    assert list(filter(oracle_guard.is_guarded_text, texts)) == GUARDED
    assert plain.guards == {(0, 2): len(GUARDED)}


@pytest.mark.parametrize(
    "seed", [1, *(pytest.param(n, marks=pytest.mark.soak) for n in range(2, 9))]
)
def test_random_texts_are_guarded_as_the_oracle_has_it(engine: str, seed: int) -> None:
    rng = random.Random(seed)
    texts = ["".join(rng.choices(PIECES, k=rng.randint(1, 9))) for _ in range(5000)]
    with sized(Sizes(long_row=rng.choice([0, 8 << 20]))):
        found, plain = files_of(texts, engine)
    guards = 0
    for text, cell in zip(texts, found, strict=True):
        is_guarded = oracle_guard.is_guarded_text(text)
        assert cell == (oracle_guard.guarded(text) if is_guarded else text), text
        assert oracle_guard.unguarded(cell) == text
        guards += is_guarded
    assert plain.guards == {(0, 2): guards}
    assert 500 < guards < 4500


@pytest.mark.parametrize("character", ["x", '"', "한", "😀", "é", "\n"])
def test_strings_of_a_formula_are_no_longer_than_excel_takes(engine: str, character: str) -> None:
    texts = ["=" + character * length for length in [*range(120, 131), *range(250, 259), 511, 1000]]
    cells, _ = files_of(texts, engine)
    for text, cell in zip(texts, cells, strict=True):
        assert cell == oracle_guard.guarded(text)
        assert oracle_guard.unguarded(cell) == text


def test_long_texts_are_looked_at_for_what_is_run_and_plain_numbers(engine: str) -> None:
    begun = [start + " " * 250 for start in ("=", "\uff1d", "1-2", "007", "1", "한")]
    texts = [f"{text}{rest}" for text in begun for rest in ("", " ", "  ", "   ", "1", "x" * 300)]
    texts += ["1" * 300, f"{'0' * 300}.5", f"1{',1' * 126}", f"1{',1' * 127}", f"1{',1' * 128}"]
    cells, plain = files_of(texts, engine)
    guards = [text for text in texts if oracle_guard.is_guarded_text(text)]
    assert [text for text, cell in zip(texts, cells, strict=True) if text != cell] == guards
    assert 12 < len(guards) < len(texts) - 12
    assert plain.guards == {(0, 2): len(guards)}


def test_a_huge_text_is_guarded_as_any_other(engine: str) -> None:
    text = '=한"' * (1 << 20)
    document = json.dumps([{"t": text}]).encode()
    [made] = plain_files(document, Layout.ARRAY, engine, Limits(), PlainRows(SAFE), SAFE).values()
    _, _, cell = made.decode().splitlines()[1].split(",")
    cell = cell[1:-1].replace('""', '"')
    strings = cell.removeprefix('="').removesuffix('"').split('"&"')
    assert "".join(strings).replace('""', '"') == text
    assert all(len(string) <= 255 for string in strings)


def test_numbers_of_json_are_guarded_only_if_they_lose_digits(engine: str) -> None:
    kept = [
        "-5",
        "0",
        "1e5",
        "123456789012345",
        "0.00123456789012345",
        "-1.10",
        "0.0000000000000000",
    ]
    lost = ["1234567890123456", "-1000000000000000", "0.1234567890123456", "1.234567890123456e5"]
    rows = ",".join(f'{{"id":{number},"n":{number}}}' for number in kept + lost)
    plain = PlainRows(SAFE)
    [made] = plain_files(f"[{rows}]".encode(), Layout.ARRAY, engine, Limits(), plain, SAFE).values()
    cells = csv.reader(io.StringIO(made.decode("utf-8-sig"), newline=""))
    formulas = [f'="{number}"' for number in lost]
    assert [row[3] for row in cells][1:] == kept + formulas
    assert plain.guards == {(0, column): len(lost) for column in (0, 2, 3)}


def test_names_in_the_header_are_guarded_and_not_counted(engine: str) -> None:
    plain, document = PlainRows(SAFE), '[{"=a":1,"1-2":true,"b,c":null,"l":[{"1:2":"007"}]}]'
    made = plain_files(document.encode(), Layout.ARRAY, engine, Limits(), plain, SAFE)
    assert {name: data.decode("utf-8-sig").splitlines() for name, data in made.items()} == {
        "out_1.csv": ['_record_id,_row_id,"=""=a""","=""1-2""","b,c"', ",f1r1,1,true,"],
        "out.l_1.csv": [
            '_record_id,_row_id,_parent_row_id,"=""1:2"""',
            ',f1r1.1,f1r1,"=""007"""',
        ],
    }
    assert plain.guards == {(1, 3): 1}


@pytest.mark.parametrize("batch", [1, 1000])
def test_rows_of_tables_that_go_and_without_columns_are_guarded_alike(
    engine: str, batch: int
) -> None:
    """A table may be left out in the end, and a row may be there before any column that stays."""
    document = b'[{"id":"=1","l":[{"x":"=2"}]},{"a":null},{"a":"=3"}]'
    links = ("**._record_id", "**._row_id")
    chosen: list[Settings] = [
        {"exclude": ("id", "a")},
        {"exclude": ("l.x", "id")},
        {"include": ("a",), "exclude": links},
    ]
    for one in chosen:
        asked: Settings = {**one, "limits": Limits(batch), "engine": engine}
        asked["csv_profile"] = Profile.EXCEL_SAFE
        assert_as_expected([("a.json", document)], **asked)


def test_counts_go_on_from_a_snapshot(engine: str) -> None:
    document = b'[{"id":"007","a":"1-2","l":[{"b":"=1"},{"b":"=2"}]},{"id":"008"}]'
    with sized(Sizes(held_bytes=0)):
        whole = PlainRows(SAFE)
        plain_files(document, Layout.ARRAY, engine, Limits(1), whole, SAFE)
        begun = PlainRows(SAFE)
        plain_files(document, Layout.ARRAY, engine, Limits(), begun, SAFE)
        assert whole.guards == begun.guards
        assert begun.guards == {(0, 0): 2, (0, 2): 2, (0, 3): 1, (1, 0): 2, (1, 3): 2}
        resumed = PlainRows(SAFE)
        resumed.restore(json.loads(json.dumps(begun.snapshot())))
        assert resumed.guards == begun.guards
        plain_files(document, Layout.ARRAY, engine, Limits(), resumed, SAFE)
    assert resumed.guards == {place: 2 * cells for place, cells in begun.guards.items()}
