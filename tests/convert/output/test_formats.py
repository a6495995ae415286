"""A set has the formats that are asked for, each made by what knows of no other."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import groupby, pairwise
from pathlib import Path

import pytest

from myd_grpc.convert.checkpoint import Checkpoint
from myd_grpc.convert.checkpoint_form import StaleCheckpointError
from myd_grpc.convert.kinds import Kind
from myd_grpc.convert.model import NO_KEYS, Limits, PartFile, Progress
from myd_grpc.convert.output import disk
from myd_grpc.convert.output.formats import FINISHING, FinishCost, Finishing
from myd_grpc.convert.pipeline import convert
from myd_grpc.options import Format, Layout, Profile
from tests.support import nasty
from tests.support.breaking_off import Kept, assert_survives
from tests.support.converting import (
    Files,
    Sizes,
    conversion,
    converted,
    directory,
    each_engine,
    silent,
    sized,
    write,
)
from tests.support.json_lines import COLUMNS, JsonLines, cells
from tests.support.oracle_json import BOM

pytestmark = each_engine

RECORDS = [
    {"id": n, "l": [{"a": n, "b": 'x\ny"'}], f"c{n % 7}": "x", "none": None, "empty": ""}
    for n in range(40)
]
DOCUMENT = json.dumps(RECORDS).encode()
LIMITS = Limits(batch_records=3, rows_per_part=11)


CSV, OTHER, OF_MARKED_ROWS = Format.CSV, Format.PARQUET, Format.XLSX
SEVERAL = [(CSV, OTHER), (OTHER,), (CSV, OF_MARKED_ROWS), (OF_MARKED_ROWS,)]


@pytest.fixture(autouse=True)
def _other_formats(monkeypatch: pytest.MonkeyPatch) -> None:
    """JSON lines are made where another format is asked for, whichever rows it takes."""
    for other in (OTHER, OF_MARKED_ROWS):
        monkeypatch.setitem(FINISHING, other, Finishing(JsonLines, 1.0))


def random_sets(seed: int, count: int) -> Iterator[tuple[Files, Layout]]:
    rng = random.Random(seed)
    for _ in range(count):
        layout = rng.choice(nasty.LAYOUTS)
        yield nasty.random_file_set(rng, layout), Layout(layout)


def tables_of(files: dict[str, bytes]) -> list[list[list[str | None]]]:
    """The rows of each table in JSON lines."""
    lines = [text for name, text in files.items() if name.endswith(".jsonl")]
    return [list(map(json.loads, text.splitlines())) for text in lines]


@pytest.mark.parametrize("other", [OTHER, OF_MARKED_ROWS])
@pytest.mark.parametrize("profile", [Profile.EXCEL, Profile.DATABASE])
def test_each_format_has_the_same_rows(engine: str, profile: Profile, other: Format) -> None:
    for files, layout in random_sets(1, 40):
        found = converted(
            files, engine=engine, layout=layout, csv_profile=profile, formats=(CSV, other)
        )
        parts = (text for name, text in found.items() if name.endswith("_1.csv"))
        as_csv = [list(cells(text.removeprefix(BOM)))[1:] for text in parts]
        assert sorted(map(repr, as_csv)) == sorted(map(repr, tables_of(found)))


@pytest.mark.parametrize("other", [OTHER, OF_MARKED_ROWS])
def test_csv_files_are_as_they_are_alone(engine: str, other: Format) -> None:
    for files, layout in random_sets(2, 40):
        alone = converted(files, engine=engine, layout=layout, limits=LIMITS)
        beside = converted(files, engine=engine, layout=layout, limits=LIMITS, formats=(CSV, other))
        assert alone.items() <= beside.items()
        assert {Path(name).suffix for name in beside.keys() - alone.keys()} == {".json", ".jsonl"}


def test_no_format_needs_another(engine: str) -> None:
    found = converted([("in.json", DOCUMENT)], engine=engine, limits=LIMITS, formats=(OTHER,))
    assert sorted(found) == [COLUMNS, "out.jsonl", "out.l.jsonl"]
    names, kinds = json.loads(found[COLUMNS]).values()
    root, child = (list(map(json.loads, found[name].splitlines())) for name in sorted(found)[1:])
    assert names[0][:3] == ["_record_id", "_row_id", "id"]
    assert [row[2] for row in root] == [row[3] for row in child] == [str(n) for n in range(40)]
    assert {row[4] for row in child} == {'x\ny"'}
    assert root[0][names[0].index("none")] is None
    assert root[0][names[0].index("empty")] == ""
    # Links are not among the columns that have kinds.
    assert kinds[0] == {
        "id": Kind.INTEGER,
        "none": Kind.NULL,
        "empty": Kind.STRING,
        **{f"c{n}": Kind.STRING for n in range(7)},
    }


def test_files_are_told_table_by_table(engine: str) -> None:
    with directory() as data, directory() as out:
        write(data, [("in.json", DOCUMENT)])
        request = conversion(data, ["in.json"], engine=engine, limits=LIMITS, formats=(CSV, OTHER))
        files = convert(request, NO_KEYS, out, silent).parts
    told = [
        (table, [(file.file_name, file.rows) for file in members])
        for table, members in groupby(files, lambda file: file.table)
    ]
    assert told == [
        ("out", [*of_csv("out"), (COLUMNS, 0), ("out.jsonl", 40)]),
        ("out.l", [*of_csv("out.l"), ("out.l.jsonl", 40)]),
    ]


def of_csv(table: str) -> list[tuple[str, int]]:
    return [(f"{table}_{n}.csv", rows) for n, rows in enumerate([11, 11, 11, 7], 1)]


@pytest.mark.parametrize("formats", SEVERAL)
@pytest.mark.parametrize("merge", [True, False])
def test_all_formats_survive_crashes(engine: str, merge: bool, formats: tuple[Format, ...]) -> None:
    rng = random.Random(3)
    files = [(f"{name}.json", DOCUMENT.replace(b'"c', f'"{name}'.encode())) for name in "xyz"]
    request = conversion(Path(), [], engine=engine, limits=LIMITS, merge=merge, formats=formats)
    with sized(Sizes(held_bytes=50)):
        crashes = sum(assert_survives(files, rng, request) for _ in range(8))
    assert crashes > 16


@pytest.mark.parametrize("formats", SEVERAL)
def test_random_sets_survive_crashes_in_all_formats(
    engine: str, formats: tuple[Format, ...]
) -> None:
    rng, crashes, limits = random.Random(4), 0, Limits(batch_records=1, rows_per_part=5)
    for files, layout in random_sets(5, 40):
        request = conversion(
            Path(), [], engine=engine, limits=limits, layout=layout, formats=formats
        )
        crashes += assert_survives(files, rng, request)
    assert crashes > 40


def test_a_set_in_other_formats_is_begun_anew(engine: str) -> None:
    with directory() as data, directory() as out:
        write(data, [("in.json", DOCUMENT)])
        request, kept = conversion(data, ["in.json"], engine=engine, limits=LIMITS), Kept()
        convert(request, NO_KEYS, out, silent, kept)
        checkpoint = Checkpoint.from_json(kept.texts[3])
        other = replace(request, options=replace(request.options, formats=(OTHER,)))
        with pytest.raises(StaleCheckpointError):
            convert(other, NO_KEYS, out, silent, Kept(), checkpoint)


@pytest.mark.parametrize("merge", [True, False])
def test_a_finished_set_that_is_gone_is_made_anew(engine: str, merge: bool) -> None:
    names, kept = ["a.json", "b.json"], Kept()
    with directory() as data, directory() as out:
        write(data, [(name, DOCUMENT) for name in names])
        request = conversion(
            data, names, engine=engine, limits=LIMITS, merge=merge, formats=(OTHER,)
        )
        made = convert(request, NO_KEYS, out, silent, kept)
        checkpoint = Checkpoint.from_json(kept.texts[-1])
        assert convert(request, NO_KEYS, out, silent, Kept(), checkpoint).parts == made.parts
        files = {part.file_name for part in made.parts} | {one.file_name for one in made.beside}
        for path in [out / name for name in files]:
            content = path.read_bytes()
            path.unlink()
            with pytest.raises(StaleCheckpointError):
                convert(request, NO_KEYS, out, silent, Kept(), checkpoint)
            path.write_bytes(content[:-1])
            with pytest.raises(StaleCheckpointError):
                convert(request, NO_KEYS, out, silent, Kept(), checkpoint)
            path.write_bytes(content)


@pytest.mark.parametrize("formats", [(CSV,), *SEVERAL])
@pytest.mark.parametrize("merge", [True, False])
def test_what_was_done_before_a_crash_is_counted(
    engine: str, merge: bool, formats: tuple[Format, ...]
) -> None:
    kept, names = Kept(), ["a.json", "b.json"]
    with directory() as data:
        write(data, [(name, DOCUMENT) for name in names])
        request = conversion(
            data, names, engine=engine, limits=LIMITS, merge=merge, formats=formats
        )
        with directory() as out:
            convert(request, NO_KEYS, out, silent, kept)
        for text in kept.texts:
            checkpoint, reports = Checkpoint.from_json(text), list[Progress]()
            with directory() as out, suppress(StaleCheckpointError):
                convert(request, NO_KEYS, out, reports.append, Kept(), checkpoint)
            files_finished = 0 if merge and checkpoint.file < 2 else checkpoint.file
            rest = checkpoint.progress.bytes_read - files_finished * len(DOCUMENT)
            waits = int(rest * FinishCost.of(request.options).share)
            assert reports[0].bytes_done == checkpoint.progress.bytes_read - waits


class Late(Kept):
    """No checkpoint before a format's first file is there."""

    def __init__(self, out: Path) -> None:
        super().__init__()
        self.files = set[Path]()
        self._out = out

    def due(self) -> bool:
        return any(self._out.glob("*.jsonl"))

    def save(
        self, checkpoint: Checkpoint, files: Sequence[Path], parts: Sequence[PartFile]
    ) -> None:
        super().save(checkpoint, files, parts)
        self.files.update(files)


@pytest.mark.parametrize("formats", [(CSV, OTHER), (OTHER,)])
def test_all_rows_that_a_checkpoint_counts_on_are_synced(
    engine: str, formats: tuple[Format, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    synced, real = set[Path](), disk.sync
    with directory() as data, directory() as out, sized(Sizes(held_bytes=50)):

        def sync(path: str | Path) -> None:
            synced.add(Path(path))
            real(path)

        monkeypatch.setattr(disk, "sync", sync)
        write(data, [("in.json", DOCUMENT)])
        request = conversion(data, ["in.json"], engine=engine, limits=LIMITS, formats=formats)
        kept = Late(out)
        convert(request, NO_KEYS, out, silent, kept)
    (parts,) = (Checkpoint.from_json(kept.texts[0]).writers or {}).values()
    widths = {part["table"]: part["header"] for part in parts}  # the last part's is the final one
    as_begun = {part["file_name"] for part in parts if part["header"] == widths[part["table"]]}
    # All others were written once more, and synced under another name.
    assert as_begun < {part["file_name"] for part in parts}
    assert as_begun <= {path.name for path in synced | kept.files}


@pytest.mark.parametrize("formats", [(CSV,), (CSV, OTHER), (OTHER,)])
@pytest.mark.parametrize("merge", [True, False])
def test_progress_counts_the_making_of_formats(
    engine: str, merge: bool, formats: tuple[Format, ...]
) -> None:
    reports = list[Progress]()
    with directory() as data, directory() as out:
        write(data, [("a.json", DOCUMENT), ("b.json", DOCUMENT)])
        request = conversion(
            data, ["a.json", "b.json"], engine=engine, limits=LIMITS, merge=merge, formats=formats
        )
        convert(request, NO_KEYS, out, reports.append)
    done = [one.bytes_done for one in reports]
    assert done == sorted(done)
    assert done[-1] == reports[-1].bytes_total == 2 * len(DOCUMENT)
    # A format takes as long as the rows do, and is told of at each of its two tables.
    steps = [after - before for before, after in pairwise(done)]
    assert max(steps) <= (len(DOCUMENT) if merge else len(DOCUMENT) / 2)
