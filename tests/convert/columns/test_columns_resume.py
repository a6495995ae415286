"""Choosing and masking survive crashes: the same bytes, counts and tables as without one."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from myd_grpc.convert.model import NO_KEYS, Limits
from myd_grpc.convert.pipeline import convert
from myd_grpc.options import Format, Profile
from tests.support.breaking_off import Kept, assert_survives
from tests.support.choosing import by_each_engine, masking
from tests.support.converting import (
    Settings,
    assert_as_expected,
    conversion,
    directory,
    native,
    needs_pyarrow,
    silent,
    write,
)
from tests.support.nasty_choices import KEY

pytestmark = by_each_engine


def record(number: int) -> dict[str, object]:
    """A record with columns that come late, in the records and in the lists."""
    late = {"late": f"110-{number}"} if number > 31 else {}
    rows = [{"a": f"20220{n}01", f"b{n}": None if n % 2 else "x"} for n in range(1, number % 5)]
    by_day = {f"2022-01-{n:02}": {"amt": n} for n in range(1, number % 4)}
    c = f"c{number % 3}"
    return {"id": f"u{number}", c: "=1", "l": rows, "m": by_day, "gone": [{"g": 1}], **late}


FILES = [
    (name, json.dumps([record(number) for number in range(start, start + 40)]).encode())
    for name, start in (("x.json", 0), ("y.json", 3))
]

MASKS = masking(
    ("**", "PARTIAL"),
    ("**.a", "MONTH"),
    ("c*", "KEEP"),
    ("c1", "REMOVE"),
    ("id", "PSEUDONYM", "person"),
    ("late", "PSEUDONYM"),
    ("**._key", "REDACT"),
    ("gone.**", "REMOVE"),
)

ASKED: dict[str, Settings] = {
    "masks": {"masking": MASKS, "masking_key": KEY},
    "maps and masks": {"masking": MASKS, "maps": ("m",), "masking_key": KEY},
    "only what comes late": {"include": ("late", "l.b4")},
    "not what comes late": {"exclude": ("late", "l.**", "**._parent_row_id")},
    "one column": {"include": ("c0", "l.b3"), "exclude": ("**._record_id", "**._row_id", "**._p*")},
    "no link": {"exclude": ("**._record_id", "**._row_id", "**._parent_row_id")},
    "nothing": {"exclude": ("**",)},
    "nothing, not even ids": {
        "exclude": ("**.*", "**._record_id", "**._row_id", "**._parent_row_id")
    },
    "all is removed": {"masking": masking(("**", "REMOVE"))},
}
by_each_asked = pytest.mark.parametrize("asked", ASKED)
LIMITS = Limits(batch_records=3, rows_per_part=7)


def settings(engine: str, asked: str, profile: Profile) -> Settings:
    return {"engine": engine, "limits": LIMITS, "csv_profile": profile, **ASKED[asked]}


def survived(asked: Settings, seed: str, attempts: int) -> int:
    """How often it crashed in so many conversions, which ended with the same bytes."""
    rng, key = random.Random(seed), asked.get("masking_key", b"")
    request = conversion(Path(), [], **asked)
    return sum(assert_survives(FILES, rng, request, None, key) for _ in range(attempts))


@by_each_asked
@pytest.mark.parametrize("profile", list(Profile))
@pytest.mark.parametrize("merge", [True, False])
def test_sets_are_those_of_the_oracle(
    engine: str, asked: str, profile: Profile, merge: bool
) -> None:
    given = settings(engine, asked, profile)
    given["merge"] = merge
    assert_as_expected(FILES, **given)


@by_each_asked
@pytest.mark.parametrize("merge", [True, False])
def test_the_same_after_crashes(engine: str, asked: str, merge: bool) -> None:
    given = settings(engine, asked, Profile.EXCEL_SAFE)
    given["merge"] = merge
    assert survived(given, asked, 4) > 8


@native
@needs_pyarrow
@by_each_asked
def test_the_same_in_all_formats_after_crashes(engine: str, asked: str) -> None:
    given = settings(engine, asked, Profile.EXCEL)
    given["formats"] = tuple(Format)
    assert survived(given, asked, 3) > 6


@needs_pyarrow
def test_what_was_left_out_is_in_no_checkpoint_of_formats(engine: str) -> None:
    """The first one may come while they are made: the rows of the table are gone then."""
    asked: Settings = {"engine": engine, "exclude": ("a",), "formats": (Format.CSV, Format.PARQUET)}
    with directory() as work:
        write(work / "data", [("a.json", b'[{"a":1,"l":[{"b":2}]}]')])
        (out := work / "out").mkdir()

        def is_removed() -> bool:
            return (out / "out.l_1.csv").exists() and not (out / "out_1.csv").exists()

        kept = Kept(is_removed)
        convert(conversion(work / "data", ["a.json"], **asked), NO_KEYS, out, silent, kept)
    assert kept.texts
