"""What is counted and hashed of a set: as its files are, or the job fails."""

from __future__ import annotations

import hashlib
import io
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.convert.model import Limits
from myd_grpc.convert.package.counting import COUNTING, FileCounts, MiscountError
from myd_grpc.convert.package.facts import Counts
from myd_grpc.options import Format, Profile
from tests.support import nasty
from tests.support.breaking_off import assert_survives
from tests.support.converting import (
    conversion,
    converted_whole,
    each_engine,
    native,
    needs_pyarrow,
)
from tests.support.serving import Hold, Server

TEXTS = ["", None, '"', '""', ",", "\n", "\r\n", "\r", "a", "ab", "한", 'a"b', '"",\n""']
"""What is null, the empty string, and what looks like either."""

rows_of_three = st.lists(st.tuples(*[st.sampled_from(TEXTS)] * 3), max_size=6)


def cell(text: str | None) -> str:
    if text is None:
        return ""
    quoted = text.replace('"', '""')
    return f'"{quoted}"' if not text or set(text) & set(',"\r\n') else text


def file_of(rows: list[tuple[str | None, ...]], line_end: str) -> bytes:
    lines = [("a", '"', "b\n"), *rows]
    return "".join(",".join(map(cell, line)) + line_end for line in lines).encode()


def count(engine: str, path: Path, columns: int) -> FileCounts:
    return COUNTING[engine].count(path, columns, lambda _: None)


@each_engine
@settings(deadline=None)
@given(rows=rows_of_three, line_end=st.sampled_from(["\n", "\r\n"]), mark=st.booleans())
def test_cells_are_counted(
    engine: str,
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str | None, ...]],
    line_end: str,
    mark: bool,
) -> None:
    path = tmp_path_factory.mktemp("count") / "a.csv"
    path.write_bytes(b"\xef\xbb\xbf" * mark + file_of(rows, line_end))

    def counts(column: int) -> Counts:
        cells = [row[column] for row in rows]
        return sum(map(bool, cells)), cells.count(None), cells.count("")

    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    expected = FileCounts(sha256, len(rows), [counts(column) for column in range(3)])
    assert count(engine, path, 3) == expected


@each_engine
@pytest.mark.parametrize(
    "text",
    [
        "",
        "a,b",
        "a\n",
        "a,b,c\n",
        "a,b\n1\n",
        "a,b\n1,2,3\n",
        "a,b\n1,2",
        'a,b\n1,"2\n',
        "a,b\n1,2\n\n",
    ],
)
def test_a_file_of_another_form_is_told(engine: str, tmp_path: Path, text: str) -> None:
    (tmp_path / "a.csv").write_text(text, newline="")
    with pytest.raises(MiscountError, match=r"^a\.csv$"):
        count(engine, tmp_path / "a.csv", 2)


def resources(files: dict[str, bytes]) -> dict[str, Any]:
    """The resources of the one set among these, by their names."""
    package = json.loads(files["datapackage.json"])
    return {one["name"]: one for one in package["resources"]}


DOCUMENT = b'[{"a":"","l":[{"b":1},{"b":null},{}]},{"a":"x","l":[{"b":3}]}]'


@each_engine
@native
@needs_pyarrow
@pytest.mark.parametrize(
    "formats", [(Format.PARQUET,), (Format.CSV, Format.PARQUET), (Format.XLSX,), tuple(Format)]
)
def test_files_of_all_formats_are_hashed(engine: str, formats: tuple[Format, ...]) -> None:
    files = converted_whole(
        [("in.json", DOCUMENT)],
        formats=formats,
        checksums=True,
        engine=engine,
        limits=Limits(rows_per_part=3),
    )
    hashed = dict[str, str]()
    for one in resources(files).values():
        for parts in (one["myd"]["parts"], *one["myd"]["formats"].values()):
            hashed |= {part["path"]: part["sha256"] for part in parts}
    assert hashed == {
        name: hashlib.sha256(data).hexdigest()
        for name, data in files.items()
        if name.endswith(tuple(one.ending for one in formats)) and name != "dictionary.csv"
    }
    counts = {
        (name, field["name"]): tuple(field["myd"].values())
        for name, one in resources(files).items()
        for field in one["schema"]["fields"]
    }
    assert counts["out", "a"] == (1, 0, 1)
    assert counts["out.l", "b"] == (2, 2, 0)
    if Format.PARQUET in formats:
        import pyarrow.parquet  # noqa: PLC0415 - is optional

        read = [pyarrow.parquet.read_table(io.BytesIO(files[f"out.l_{n}.parquet"])) for n in (1, 2)]
        assert sum(one["b"].null_count for one in read) == 2


@each_engine
def test_they_survive_crashes(engine: str) -> None:
    rng, crashes = random.Random(5), 0
    for _ in range(6):
        files = nasty.random_file_set(rng, "ARRAY")
        request = conversion(
            Path(),
            [],
            engine=engine,
            checksums=True,
            limits=Limits(batch_records=1, rows_per_part=3),
            csv_profile=rng.choice(list(Profile)),
            merge=rng.random() < 0.5,
        )
        crashes += assert_survives(files, rng, request)
    assert crashes > 6


@pytest.fixture
def held(
    make_server: Callable[..., Server], hold: Callable[[str], Hold]
) -> tuple[Server, str, Path, Hold]:
    """A server, its job that has written all, and has not read it again, and the set so far."""
    point = hold("checksums")
    server = make_server(MYD_FAILPOINTS=point.setting).start()
    server.put("a.json", DOCUMENT.decode())
    job_id = server.submit("a.json", checksums=True)
    point.reached()
    return server, job_id, server.output / f".myd-{job_id}", point


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data + b",f1r3,\r\n",
        lambda data: data.replace(b"x", b"x,"),
        lambda data: data.replace(b"\n", b"\n\n", 1),
        lambda data: data[:-1],
        lambda _: b"",
    ],
)
def test_a_file_that_is_not_as_it_was_written_fails_the_job(
    held: tuple[Server, str, Path, Hold], change: Callable[[bytes], bytes]
) -> None:
    server, job_id, made, point = held
    file = made / "out_1.csv"
    file.write_bytes(change(file.read_bytes()))
    point.release()
    job = server.wait(job_id)
    assert (job.status, job.reason) == (pb.Job.FAILED, "INTERNAL")
    assert "out_1.csv" not in job.msg
    assert "MiscountError" in server.log


def test_an_input_that_changes_before_it_is_hashed_fails_the_job(
    held: tuple[Server, str, Path, Hold],
) -> None:
    server, job_id, _, point = held
    server.put("a.json", DOCUMENT.decode().replace("x", "y"))
    point.release()
    job = server.wait(job_id)
    assert (job.status, job.reason) == (pb.Job.FAILED, "FILE_UNREADABLE")
