"""Chosen and masked columns in whole sets: in every format, after crashes, and in checkpoints."""

from __future__ import annotations

import io
import json
import random
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from myd_grpc.convert.model import Keys, Limits
from myd_grpc.convert.pipeline import convert
from myd_grpc.options import Format, Layout, Profile
from tests.support import nasty
from tests.support.breaking_off import Kept, assert_survives
from tests.support.choosing import MAKERS, by_each_engine, masking
from tests.support.converting import (
    Files,
    Settings,
    conversion,
    converted_whole,
    directory,
    native,
    needs_pyarrow,
    silent,
    write,
)
from tests.support.nasty_choices import KEY, ChoiceGrammar, paths_of
from tests.support.set_files import files_below

all_formats = [native, needs_pyarrow]

ALL = tuple(Format)
NUMBERS = [("a", "YEAR"), ("b", "PARTIAL"), ("c", "PSEUDONYM"), ("d", "MONTH")]


def random_set(rng: random.Random) -> tuple[Files, Settings]:
    """Files, and what is chosen of them."""
    layout = Layout(rng.choice(nasty.LAYOUTS))
    files = nasty.random_file_set(rng, layout.value)
    choices = ChoiceGrammar(nasty.RandomChoices(rng), paths_of(files, layout.value))
    chosen = choices.settings()
    chosen |= {"layout": layout, "merge": rng.random() < 0.5}
    chosen |= {"csv_profile": rng.choice(list(Profile))}
    return files, chosen


@by_each_engine
@pytest.mark.parametrize("formats", [(Format.CSV,), pytest.param(ALL, marks=all_formats)])
def test_chosen_sets_survive_crashes(engine: str, formats: tuple[Format, ...]) -> None:
    rng, crashes = random.Random(11), 0
    for _ in range(16):
        files, chosen = random_set(rng)
        chosen |= {"engine": engine, "formats": formats, "checksums": rng.random() < 0.5}
        chosen["limits"] = Limits(batch_records=1, rows_per_part=rng.choice((1, 5)))
        request = conversion(Path(), [], **chosen)
        crashes += assert_survives(files, rng, request, masking_key=KEY)
    assert crashes > 16


@pytest.mark.parametrize("formats", [(Format.CSV,), pytest.param(ALL, marks=all_formats)])
@native
def test_engines_make_the_same_files(formats: tuple[Format, ...]) -> None:
    """All of them: what lies beside the tables, too."""
    rng = random.Random(12)
    for _ in range(30):
        files, chosen = random_set(rng)
        chosen["formats"] = formats
        one, *others = (
            converted_whole(files, **(chosen | {"engine": engine})) for engine in MAKERS[1:]
        )
        assert all(other == one for other in others)


@by_each_engine
@native
@needs_pyarrow
def test_masked_numbers_are_text_in_every_format(engine: str) -> None:
    import pyarrow.parquet  # noqa: PLC0415 - is optional

    document = b'[{"a":20220705,"b":12345,"c":1,"d":5,"z":7}]'
    found = converted_whole(
        [("in.json", document)],
        engine=engine,
        formats=ALL,
        masking=masking(*NUMBERS),
        masking_key=KEY,
    )
    assert found["out_1.csv"].startswith(b"_record_id,_row_id,a,b,c,d,z\n,f1r1,2022,1***5,p")
    (row,) = openpyxl.load_workbook(io.BytesIO(found["out.xlsx"]))["out"].iter_rows(
        min_row=2, min_col=3, values_only=True
    )
    table = pyarrow.parquet.read_table(io.BytesIO(found["out_1.parquet"]))
    assert row == tuple(table.to_pylist()[0].values())[2:]
    assert row[:2] == ("2022", "1***5")
    assert row[3:] == (None, 7)
    assert [str(field.type) for field in table.schema][2:] == ["string"] * 4 + ["int64"]
    package = json.loads(found["datapackage.json"])
    types = [one["type"] for one in package["resources"][0]["schema"]["fields"]]
    assert types[2:] == ["string"] * 4 + ["integer"]


SECRET = "\ube44\ubc00-secret"
MASKED = [
    ("id", "PSEUDONYM"),
    ("**.gone", "REMOVE"),
    ("**.hidden", "REDACT"),
    ("**.part", "PARTIAL"),
    ("**.when", "MONTH"),
    ("**.list", "PSEUDONYM"),
    ("**._key", "REDACT"),
]


@by_each_engine
@pytest.mark.parametrize(
    "formats", [(Format.CSV,), (Format.XLSX,), pytest.param(ALL, marks=all_formats)]
)
def test_nothing_of_what_was_masked_is_kept(engine: str, formats: tuple[Format, ...]) -> None:
    """Neither in checkpoints, nor in what is staged by then, nor in the set."""
    fields = dict.fromkeys(("gone", "hidden", "part", "when", "left"), SECRET)
    record = {"id": SECRET, **fields, "list": [SECRET], "t": [fields], "m": {SECRET: fields}}
    with directory() as work:
        write(work / "data", [("in.json", json.dumps([record] * 3, ensure_ascii=False).encode())])
        out = work / "out"
        out.mkdir()
        kept = Watching(out)
        request = conversion(
            work / "data",
            ["in.json"],
            engine=engine,
            formats=formats,
            csv_profile=Profile.EXCEL_SAFE,
            limits=Limits(batch_records=1),
            exclude=("**.left",),
            maps=("m",),
            masking=masking(*MASKED),
        )
        made = convert(request, Keys(masking=KEY), out, silent, kept)
        kept.look()
    assert len(kept.texts) > 2
    assert not [path for path in kept.seen if SECRET.encode() in kept.seen[path]]
    assert SECRET not in "".join(kept.texts) + repr(made)
    assert KEY.hex() not in "".join(kept.texts)


class Watching(Kept):
    """Keeps what every file was with every checkpoint, too."""

    def __init__(self, out: Path) -> None:
        super().__init__()
        self.seen: dict[str, bytes] = {}
        self._out = out

    def save(self, *checkpoint: Any) -> None:
        super().save(*checkpoint)
        self.look()

    def look(self) -> None:
        for path in files_below(self._out):
            self.seen[path.name] = self.seen.get(path.name, b"") + path.read_bytes()


@by_each_engine
@pytest.mark.parametrize(
    "formats", [(Format.CSV,), *(pytest.param((one,), marks=all_formats) for one in ALL[1:])]
)
def test_a_set_may_be_without_a_table(engine: str, formats: tuple[Format, ...]) -> None:
    found = converted_whole(
        [("in.json", b'[{"a":1}]')], engine=engine, formats=formats, exclude=("**",)
    )
    assert {"datapackage.json", "dictionary.csv"} <= found.keys()
    assert not [name for name in found if name.startswith("out")]
