"""A set is written in all formats that are listed, each by a writer that knows of no other."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest

from myd_grpc.convert.checkpoint import Checkpoint
from myd_grpc.convert.checkpoint_form import StaleCheckpointError
from myd_grpc.convert.kinds import Kind
from myd_grpc.convert.model import Limits
from myd_grpc.convert.output.formats import FORMATS
from myd_grpc.convert.pipeline import convert
from myd_grpc.options import Layout, Profile
from tests.support import nasty
from tests.support.breaking_off import Kept, assert_survives
from tests.support.converting import (
    Files,
    Sizes,
    conversion,
    converted,
    directory,
    each_engine,
    failure,
    silent,
    sized,
    write,
)
from tests.support.json_lines import COLUMNS, JsonLines, cells

pytestmark = each_engine

RECORDS = [
    {"id": n, "l": [{"a": n, "b": 'x\ny"'}], f"c{n % 7}": "x", "none": None, "empty": ""}
    for n in range(40)
]
DOCUMENT = json.dumps(RECORDS).encode()
LIMITS = Limits(batch_records=3, rows_per_part=11)


@pytest.fixture
def _both(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sets are written as CSV, and as JSON lines."""
    monkeypatch.setitem(FORMATS, "json_lines", JsonLines)


both = pytest.mark.usefixtures("_both")


def random_sets(seed: int, count: int) -> Iterator[tuple[Files, Layout]]:
    rng = random.Random(seed)
    for _ in range(count):
        layout = rng.choice(nasty.LAYOUTS)
        yield nasty.random_file_set(rng, layout), Layout(layout)


def tables_of(files: dict[str, bytes]) -> list[list[list[str | None]]]:
    """The rows of each table in JSON lines, all as wide as their tables."""
    widths = map(len, json.loads(files[COLUMNS])["names"])
    return [
        [row + [None] * (width - len(row)) for row in map(json.loads, lines.splitlines())]
        for width, lines in ((w, files.get(f"{n}.jsonl", b"")) for n, w in enumerate(widths))
    ]


@both
@pytest.mark.parametrize("profile", list(Profile))
def test_each_format_has_the_same_rows(engine: str, profile: Profile) -> None:
    for files, layout in random_sets(1, 40):
        found = converted(files, engine=engine, layout=layout, csv_profile=profile)
        parts = (text for name, text in found.items() if name.endswith("_1.csv"))
        as_csv = [list(cells(text))[1:] for text in parts]
        # All tables with rows, and the root table.
        root, *others = tables_of(found)
        assert sorted(map(repr, as_csv)) == sorted(map(repr, [root, *filter(None, others)]))


def test_a_format_is_written_as_it_is_alone(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for files, layout in random_sets(2, 40):
        alone = converted(files, engine=engine, layout=layout, limits=LIMITS)
        with monkeypatch.context() as patch:
            patch.setitem(FORMATS, "json_lines", JsonLines)
            beside = converted(files, engine=engine, layout=layout, limits=LIMITS)
        assert alone.items() <= beside.items()
        assert {Path(name).suffix for name in beside.keys() - alone.keys()} <= {".json", ".jsonl"}


def test_no_format_needs_another(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FORMATS, "json_lines", JsonLines)
    monkeypatch.delitem(FORMATS, "csv")
    found = converted([("in.json", DOCUMENT)], engine=engine, limits=LIMITS)
    assert sorted(found) == ["0.jsonl", "1.jsonl", COLUMNS]
    names, kinds = json.loads(found[COLUMNS]).values()
    root, child = tables_of(found)
    assert names[0][:3] == ["_record_id", "_row_id", "id"]
    assert [row[2] for row in root] == [row[3] for row in child] == [str(n) for n in range(40)]
    assert {row[4] for row in child} == {'x\ny"'}
    assert root[0][names[0].index("none")] is None
    assert root[0][names[0].index("empty")] == ""
    # Links are not among the columns that have kinds.
    assert dict(zip(names[0][2:], kinds[0], strict=True)) == {
        "id": Kind.INTEGER,
        "none": Kind.NULL,
        "empty": Kind.STRING,
        **{f"c{n}": Kind.STRING for n in range(7)},
    }


@both
def test_files_are_told_table_by_table(engine: str) -> None:
    with directory() as data, directory() as out:
        write(data, [("in.json", DOCUMENT)])
        request = conversion(data, ["in.json"], engine=engine, limits=LIMITS)
        files = convert(request, None, out, silent).parts
    told = [
        (table, [(file.file_name, file.rows) for file in members])
        for table, members in groupby(files, lambda file: file.table)
    ]
    assert told == [
        ("out", [*of_csv("out"), (COLUMNS, 0), ("0.jsonl", 40)]),
        ("out.l", [*of_csv("out.l"), ("1.jsonl", 40)]),
    ]


def of_csv(table: str) -> list[tuple[str, int]]:
    return [(f"{table}_{n}.csv", rows) for n, rows in enumerate([11, 11, 11, 7], 1)]


@both
@pytest.mark.parametrize("merge", [True, False])
def test_all_formats_survive_crashes(engine: str, merge: bool) -> None:
    rng = random.Random(3)
    files = [(f"{name}.json", DOCUMENT.replace(b'"c', f'"{name}'.encode())) for name in "xyz"]
    request = conversion(Path(), [], engine=engine, limits=LIMITS, merge=merge)
    with sized(Sizes(held_bytes=50)):
        crashes = sum(assert_survives(files, rng, request) for _ in range(8))
    assert crashes > 16


@both
def test_random_sets_survive_crashes_in_all_formats(engine: str) -> None:
    rng, crashes, limits = random.Random(4), 0, Limits(batch_records=1, rows_per_part=5)
    for files, layout in random_sets(5, 40):
        request = conversion(Path(), [], engine=engine, limits=limits, layout=layout)
        crashes += assert_survives(files, rng, request)
    assert crashes > 40


def test_a_set_in_other_formats_is_begun_anew(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with directory() as data, directory() as out:
        write(data, [("in.json", DOCUMENT)])
        request, kept = conversion(data, ["in.json"], engine=engine, limits=LIMITS), Kept()
        convert(request, None, out, silent, kept)
        checkpoint = Checkpoint.from_json(kept.texts[3])
        monkeypatch.setitem(FORMATS, "json_lines", JsonLines)
        with pytest.raises(StaleCheckpointError):
            convert(request, None, out, silent, Kept(), checkpoint)


def test_each_format_counts_in_the_size_of_a_set(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits, messages = Limits(batch_records=3, max_growth=1), []
    document = json.dumps([{"id": f"{n:09}", "l": [{"a": 1}] * 5} for n in range(40)])
    with sized(Sizes(free_bytes=10)):
        for _ in range(2):
            messages.append(failure(document, engine=engine, limits=limits).message)
            monkeypatch.setitem(FORMATS, "json_lines", JsonLines)
    assert all("times the input's size" in message for message in messages)
    alone, beside = (int(message.partition(": record ")[2].split()[0]) for message in messages)
    assert 1 < beside < alone
