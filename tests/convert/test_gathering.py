"""Few rows of each of many tables, which are put together from several batches."""

from __future__ import annotations

import errno
import json
import random
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from myd_grpc.convert import gathering
from myd_grpc.convert.engines import few_of_many
from myd_grpc.convert.errors import ConversionError, Reason
from myd_grpc.convert.model import Limits
from myd_grpc.convert.output import disk
from myd_grpc.options import Format, Profile
from tests.support.breaking_off import assert_survives
from tests.support.converting import (
    Files,
    Sizes,
    conversion,
    converted,
    each_engine,
    native,
    outcome,
    sized,
)

pytestmark = native

TABLES = 40


def record(number: int) -> str:
    late = f',"late{number}":1' if number in (333, 777) else ""
    return f'{{"id":{number},"t{number % TABLES}":[{{"a":{number},"b":"x{number}\\n"}}]{late}}}'


def of_many_tables(records: int) -> Files:
    return [("a.json", f"[{','.join(map(record, range(records)))}]".encode())]


@pytest.mark.parametrize("most", [1, 2000, 10_000, 12 << 20])
@pytest.mark.parametrize("profile", [Profile.DATABASE, Profile.EXCEL])
def test_the_tables_are_the_same(
    monkeypatch: pytest.MonkeyPatch, most: int, profile: Profile
) -> None:
    monkeypatch.setattr(gathering, "_MOST_BYTES", most)
    files, limits = of_many_tables(1000), Limits(batch_records=80, rows_per_part=7)
    for formats in ((Format.CSV,), (Format.CSV, Format.XLSX)):
        made = [
            outcome(files, engine=engine, limits=limits, csv_profile=profile, formats=formats)
            for engine in ("python", "native")
        ]
        assert made[0] == made[1]


@pytest.mark.parametrize("kept", [0, TABLES // 2, 2 * TABLES])
def test_only_so_many_files_stay_open(monkeypatch: pytest.MonkeyPatch, kept: int) -> None:
    monkeypatch.setattr(gathering, "_MOST_BYTES", 2000)
    expected = outcome(of_many_tables(1000), engine="python")
    monkeypatch.setattr(few_of_many, "_files_kept", lambda: kept)
    open_files = list[int]()

    def reach(point: str) -> None:
        if point == "append":
            links = [path for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
            open_files.append(sum(path.readlink().name.endswith("_1.csv") for path in links))

    monkeypatch.setattr(disk, "reach", reach)
    limits = Limits(batch_records=80)
    assert outcome(of_many_tables(1000), engine="native", limits=limits) == expected
    assert max(open_files) == min(kept, TABLES + 1)


@contextmanager
def few_files() -> Iterator[None]:
    """Beside those that are open already, as many may be as have always been enough."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = len(list(Path("/proc/self/fd").iterdir())) + disk._IDLE_FILES + 20
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_few_files_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "_MOST_BYTES", 2000)
    limits = Limits(batch_records=80, rows_per_part=7)
    expected = outcome(of_many_tables(4000), engine="python", limits=limits)
    with few_files(), sized(Sizes(held_bytes=0)):
        assert outcome(of_many_tables(4000), engine="native", limits=limits) == expected


@each_engine
def test_few_files_are_enough_for_workbooks(engine: str) -> None:
    lists = ",".join(f'"t{number}":[{{"a":{number}}},{{"a":"x"}}]' for number in range(300))
    files, formats = [("a.json", f"[{{{lists}}},{{{lists}}}]".encode())], (Format.XLSX,)
    expected = converted(files, engine=engine, formats=formats)
    assert list(expected) == ["out.xlsx"]
    with few_files(), sized(Sizes(held_bytes=0)):
        assert converted(files, engine=engine, formats=formats) == expected


@pytest.mark.parametrize("most", [2000, 12 << 20])
@pytest.mark.parametrize("free_bytes", range(9_000, 60_000, 6_002))
def test_a_set_is_too_large_at_the_same_record(
    monkeypatch: pytest.MonkeyPatch, most: int, free_bytes: int
) -> None:
    monkeypatch.setattr(gathering, "_MOST_BYTES", most)
    files = of_many_tables(1000)
    limits = Limits(batch_records=80, rows_per_part=7, max_growth=0)
    with sized(Sizes(free_bytes=free_bytes)):
        first, second = (
            outcome(files, engine=engine, limits=limits) for engine in ("python", "native")
        )
    assert isinstance(first, ConversionError)
    assert isinstance(second, ConversionError)
    assert first.message == second.message


@pytest.mark.parametrize("time", [1, 3])
def test_a_disk_may_be_full_when_rows_are_appended(
    monkeypatch: pytest.MonkeyPatch, time: int
) -> None:
    monkeypatch.setattr(gathering, "_MOST_BYTES", 2000)
    left = [time]

    def reach(point: str) -> None:
        left[0] -= point == "append"
        if not left[0]:
            raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(disk, "reach", reach)
    made = outcome(of_many_tables(1000), engine="native", limits=Limits(batch_records=80))
    assert isinstance(made, ConversionError)
    assert made.reason is Reason.DISK_FULL


@pytest.mark.parametrize(("seed", "most"), [(0, 12 << 20), (1, 4000), (2, 1000)])
def test_what_is_held_back_is_in_checkpoints(
    monkeypatch: pytest.MonkeyPatch, seed: int, most: int
) -> None:
    monkeypatch.setattr(gathering, "_MOST_BYTES", most)
    limits = Limits(batch_records=80, rows_per_part=7)
    request = conversion(Path(), [], engine="native", limits=limits)
    assert assert_survives(of_many_tables(1000), random.Random(seed), request, None) > 0


@pytest.mark.parametrize("mixed", [0, 0.01, 0.5])
def test_spaces_after_colons_may_be_there_at_times(mixed: float) -> None:
    """Which keys come next, and with a space or without, is learned from what came before."""
    chance = random.Random(f"{mixed}")

    def text(number: int) -> str:
        row = {"a": number, "b": "x,y", "c": None, "d": {"e": [{"f": 1.5}], "g": [1, 2]}}
        row = {key: value for key, value in row.items() if chance.random() < 0.8}
        members = {"id": number, f"t{chance.choice([number, 3]) % TABLES}": [row, row]}
        colon = ":" if chance.random() < mixed else ": "
        made = json.dumps(members, separators=(chance.choice([",", ", "]), colon))
        return made.replace('"a"', '"b"', 1) if chance.random() < 0.1 else made

    files = [("a.json", "\n".join(map(text, range(2000))).encode())]
    first, second = (outcome(files, engine=engine) for engine in ("python", "native"))
    assert not isinstance(first, ConversionError)
    assert first == second
