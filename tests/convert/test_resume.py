"""Conversions that break off anywhere and go on from a checkpoint end with the same bytes."""

from __future__ import annotations

import gzip
import json
import random
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from myd_grpc.convert import kept_sets
from myd_grpc.convert.checkpoint import Checkpoint
from myd_grpc.convert.checkpoint_form import StaleCheckpointError
from myd_grpc.convert.errors import ConversionError
from myd_grpc.convert.input.probe import probe as really_probe
from myd_grpc.convert.input.source import Source
from myd_grpc.convert.model import NO_KEYS, Conversion, Limits, Progress
from myd_grpc.convert.pipeline import Converted, convert
from myd_grpc.options import Format, Layout
from tests.support import nasty
from tests.support.breaking_off import CrashError, Kept, assert_survives, crashing
from tests.support.compressing import zstd
from tests.support.converting import (
    KEY,
    TEXT_FORMS,
    Files,
    Sizes,
    conversion,
    directory,
    each_engine,
    encrypted,
    native,
    silent,
    sized,
    write,
)

pytestmark = each_engine

ROWS = "[" + ",".join(f'{{"id":{n},"l":[{{"a":{n}}}],"c{n % 7}":"x\\ny"}}' for n in range(40)) + "]"


def asked(engine: str, **settings: object) -> Conversion:
    limits = Limits(batch_records=3, rows_per_part=11)
    return conversion(Path(), [], engine=engine, limits=limits, **settings)  # type: ignore[arg-type]


@pytest.mark.one_in(4)
@pytest.mark.parametrize("form", TEXT_FORMS)
def test_encrypted_input_in_every_form(engine: str, form: str) -> None:
    data = TEXT_FORMS[form](encrypted(ROWS.encode()))
    rng = random.Random(form)
    with sized(Sizes(chunk=64, held_bytes=50)):
        crashes = [assert_survives([("a.json", data)], rng, asked(engine), KEY) for _ in range(5)]
    assert sum(crashes) > 5


FORMS = {
    "gzip": (gzip.compress(ROWS.encode()), None),
    "zstd": (zstd(ROWS.encode()), None),
    "UTF-16": (ROWS.encode("utf-16"), None),
    "gzip, encrypted, in base64": (b64encode(encrypted(gzip.compress(ROWS.encode()))), KEY),
}


@pytest.mark.parametrize("form", FORMS)
def test_input_that_is_read_from_its_start(engine: str, form: str) -> None:
    data, key = FORMS[form]
    rng = random.Random(form)
    with sized(Sizes(chunk=16, held_bytes=50)):
        crashes = [assert_survives([("a.json", data)], rng, asked(engine), key) for _ in range(5)]
    assert sum(crashes) > 5


def broken_off(request: Conversion, out: Path, kept: Kept) -> Checkpoint:
    """The checkpoint of a conversion that broke off in its second set."""

    def break_off(_progress: Progress) -> None:
        if kept.texts and Checkpoint.from_json(kept.texts[-1]).file == 1:
            raise CrashError

    with pytest.raises(CrashError):
        convert(request, NO_KEYS, out, break_off, kept)
    return Checkpoint.from_json(kept.texts[-1])


def test_files_beside_the_tables_of_finished_sets_are_not_forgotten(engine: str) -> None:
    names, kept = ["x.json", "y.json"], Kept()
    with directory() as data, directory() as out, directory() as other:
        write(data, [(name, ROWS.encode()) for name in names])
        request = conversion(data, names, engine=engine, merge=False)
        resume = broken_off(request, out, kept)
        made = convert(request, NO_KEYS, out, silent, kept, resume)
        assert made == convert(request, NO_KEYS, other, silent)
        assert {path.name for path in out.iterdir()} == {"x", "y"}


@pytest.fixture
def in_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is known of finished sets is in a file, as where there are many."""
    monkeypatch.setattr(kept_sets, "FEW_INPUTS", 0)


@pytest.mark.usefixtures("in_file")
@pytest.mark.parametrize("merge", [True, False])
def test_what_is_kept_of_files_is_not_said_again_in_each_checkpoint(
    engine: str, merge: bool
) -> None:
    names, kept = [f"{number:03}.json" for number in range(50)], Kept()
    with directory() as data, directory() as out:
        write(data, [(name, b'[{"id":1}]') for name in names])
        convert(conversion(data, names, engine=engine, merge=merge), NO_KEYS, out, silent, kept)
    sizes = [len(text) for text in kept.texts]
    assert len(sizes) >= len(names)
    assert max(sizes) < min(sizes) + 100
    assert sizes[0] < 2000


def test_files_that_were_looked_at_are_not_looked_into_again(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    names, kept, looks = [f"{number}.json" for number in range(5)], Kept(), list[str]()

    def probe(source: Source) -> None:
        looks.append(source.name)
        really_probe(source)

    monkeypatch.setattr("myd_grpc.convert.input_files.probe", probe)
    with directory() as data, directory() as out:
        write(data, [(name, ROWS.encode()) for name in names])
        request = conversion(data, names, engine=engine, merge=False)
        resume = broken_off(request, out, kept)
        assert looks == names
        convert(request, NO_KEYS, out, silent, kept, resume)
    assert looks == names


@pytest.mark.usefixtures("in_file")
@pytest.mark.parametrize("damage", ["gone", "shorter", "other"])
def test_what_is_kept_has_to_be_there(engine: str, damage: str) -> None:
    names, kept = ["x.json", "y.json"], Kept()
    with directory() as data, directory() as out:
        write(data, [(name, ROWS.encode()) for name in names])
        request = conversion(data, names, engine=engine, merge=False)
        resume = broken_off(request, out, kept)
        file = out / kept_sets.FILE_NAME
        assert isinstance(resume.kept, int)
        text = file.read_bytes()
        file.unlink()
        if damage != "gone":
            file.write_bytes(text[: resume.kept - 1] + (b"" if damage == "shorter" else b"x"))
        with pytest.raises(StaleCheckpointError):
            convert(request, NO_KEYS, out, silent, kept, resume)


@native
def test_a_finished_set_takes_no_checkpoint_unless_one_from_within_it_is_older(engine: str) -> None:
    """Each says something of all sets before, which would be too much to be said of each."""
    names = [f"{number}.json" for number in range(6)]
    turns = iter([False, False, True])
    kept = Kept(lambda: next(turns, False))
    with directory() as data, directory() as out:
        write(data, [(name, ROWS.encode()) for name in names])
        formats = (Format.CSV, Format.XLSX)
        request = replace(asked(engine), data_dir=str(data), file_names=tuple(names))
        options = replace(request.options, merge=False, formats=formats)
        convert(replace(request, options=options), NO_KEYS, out, silent, kept)
    found = [Checkpoint.from_json(text) for text in kept.texts]
    assert [one.file for one in found if one.writers is None] == [1]
    assert {one.file for one in found} == {0, 1}


@pytest.mark.parametrize("few", [0, kept_sets.FEW_INPUTS])
@pytest.mark.parametrize("merge", [True, False])
def test_several_files(engine: str, merge: bool, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_sets, "FEW_INPUTS", few)
    files = [(f"{name}.json", ROWS.replace("c", name).encode()) for name in "xyz"]
    rng = random.Random(1)
    crashes = [assert_survives(files, rng, asked(engine, merge=merge)) for _ in range(10)]
    assert sum(crashes) > 20


@pytest.mark.parametrize(
    ("seed", "documents"), [(2, 50), pytest.param(3, 300, marks=pytest.mark.soak)]
)
def test_random_documents(engine: str, seed: int, documents: int) -> None:
    rng, crashes = random.Random(seed), 0
    for _ in range(documents):
        sizes = Sizes(
            chunk=rng.choice([1, 50, 1 << 18]),
            held_bytes=rng.choice([0, 100, 8 << 20]),
            long_gap=rng.choice([0, 1, 1 << 20]),
        )
        request = asked(engine, merge=rng.random() < 0.5)
        request = replace(request, limits=Limits(batch_records=1, rows_per_part=rng.choice([1, 5])))
        with sized(sizes):
            if rng.random() < 0.3:
                document, path = nasty.random_enveloped(rng)
                request = with_options(request, record_path=path)
                crashes += assert_survives([("a.json", document)], rng, request)
            else:
                layout = rng.choice(nasty.LAYOUTS)
                files = nasty.random_file_set(rng, layout)
                crashes += assert_survives(files, rng, with_options(request, layout=Layout(layout)))
    # On a busy machine, the core's threads come to fewer places at which it may crash.
    assert crashes > documents // 2


def with_options(request: Conversion, **options: Any) -> Conversion:
    return replace(request, options=replace(request.options, **options))


STRANGE: dict[str, tuple[Files, Limits]] = {
    "lists": ([("a.json", b"[" + b",".join([b"[1,2]"] * 40) + b"]")] * 3, Limits(3)),
    "a map in each record": (
        [("a.json", json.dumps([{"o": {f"k{n}": {"a": n}}} for n in range(1100)]).encode())] * 2,
        Limits(100),
    ),
    "too many columns": (
        [("a.json", json.dumps([{"o": {f"k{n}": {"a": n}}} for n in range(60)]).encode())],
        Limits(3, max_columns=50),
    ),
    "too many columns of one record": (
        [("a.json", json.dumps([*[{}] * 50, {"o": {f"k{n}": 1 for n in range(50)}}]).encode())],
        Limits(3, max_columns=50),
    ),
}


@pytest.mark.one_in(3)
@pytest.mark.parametrize("case", list(STRANGE))
@pytest.mark.parametrize("merge", [True, False])
def test_what_is_said_of_strange_files(engine: str, case: str, merge: bool) -> None:
    files, limits = STRANGE[case]
    rng = random.Random(case)
    with directory() as work, crashing(rng) as conversions:
        write(work / "data", files)
        names = [name for name, _ in files]
        request = conversion(work / "data", names, engine=engine, limits=limits, merge=merge)
        (work / "out").mkdir()
        want = said(lambda: convert(request, NO_KEYS, work / "out", silent))
        for attempt in range(4):
            out = work / f"out{attempt}"
            out.mkdir()
            assert said(partial(conversions.until_done, request, NO_KEYS, out)) == want
        assert conversions.crashes > 2


def said(attempt: Callable[[], Converted]) -> str:
    """The note or the message at the end of a conversion."""
    try:
        note = attempt().note
    except ConversionError as error:
        return error.message
    assert note
    return note


def last_checkpoint(work: Path, engine: str) -> tuple[Conversion, Path, Checkpoint]:
    """A conversion that crashed, and its last checkpoint."""
    write(work / "data", [("a.json", ROWS.encode())])
    request = replace(asked(engine), data_dir=str(work / "data"), file_names=("a.json",))
    out, kept, times = work / "out", Kept(), 0
    out.mkdir()

    def report(_progress: Progress) -> None:
        nonlocal times
        times += 1
        if times == 8:
            raise CrashError

    with pytest.raises(CrashError):
        convert(request, NO_KEYS, out, report, kept)
    return request, out, Checkpoint.from_json(kept.texts[-1])


def test_a_checkpoint_holds_no_cell(engine: str) -> None:
    with directory() as work:
        *_, checkpoint = last_checkpoint(work, engine)
    assert checkpoint.piece
    assert checkpoint.piece.records == 18
    assert "x\\ny" not in checkpoint.to_json()


def test_a_changed_input_makes_it_stale(engine: str) -> None:
    with directory() as work:
        request, out, checkpoint = last_checkpoint(work, engine)
        (work / "data" / "a.json").write_text(ROWS + " ")
        with pytest.raises(StaleCheckpointError):
            convert(request, NO_KEYS, out, silent, Kept(), checkpoint)


def test_a_part_that_is_shorter_or_gone_makes_it_stale(engine: str) -> None:
    with directory() as work:
        request, out, checkpoint = last_checkpoint(work, engine)
        part = out / "out_1.csv"
        part.write_bytes(part.read_bytes()[:-200])
        with pytest.raises(StaleCheckpointError):
            convert(request, NO_KEYS, out, silent, Kept(), checkpoint)
        part.unlink()
        with pytest.raises(StaleCheckpointError):
            convert(request, NO_KEYS, out, silent, Kept(), checkpoint)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"version":0}', '{"version":1}', "null"])
def test_what_is_no_checkpoint_is_stale(engine: str, text: str) -> None:  # noqa: ARG001
    with pytest.raises(StaleCheckpointError):
        Checkpoint.from_json(text)


def test_what_was_written_before_a_crash_counts(engine: str, tmp_path: Path) -> None:
    """A set that is too large fails at the same record, wherever it went on from."""
    write(tmp_path, [("in.json", ROWS.encode())])
    limits = Limits(batch_records=3, max_growth=1)
    request = conversion(tmp_path, ["in.json"], engine=engine, limits=limits)
    messages, kept = set(), Kept()
    with sized(Sizes(free_bytes=10)):
        for text in (None, *range(8)):
            resume = None if text is None else Checkpoint.from_json(kept.texts[text])
            out = tmp_path / "out"
            out.mkdir(exist_ok=True)
            checkpoints = kept if resume is None else Kept()
            with pytest.raises(ConversionError) as caught:
                convert(request, NO_KEYS, out, silent, checkpoints, resume)
            messages.add(caught.value.message)
    assert len(messages) == 1
    assert "times the input's size" in messages.pop()
