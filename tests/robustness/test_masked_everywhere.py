"""What the profile MYDATA_KR masks is nowhere but in the input: not in any byte that is written."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.convert.engines.available import ENGINES
from tests.support.canaries import ACCOUNTS, DIGITS, TEXT, files_below, leaks, sample
from tests.support.keys import encrypted, with_id
from tests.support.resting import RestServer
from tests.support.serving import Hold, Server, kill_with_workers

KEY = "0123456789abcdef" * 4
MASKING: Any = {"key": KEY, "profile": "MASK_PROFILE_MYDATA_KR"}
FORMATS = ["OUTPUT_FORMAT_CSV", "OUTPUT_FORMAT_XLSX", "OUTPUT_FORMAT_PARQUET"]
PROFILES = ["CSV_PROFILE_EXCEL", "CSV_PROFILE_DATABASE", "CSV_PROFILE_EXCEL_SAFE"]
SIZE = 400_000
LINKS = ("_record_id", "_row_id", "_parent_row_id")

pytest.importorskip("pyarrow", reason="left out: sets in all formats, as there is no pyarrow")

each_engine = pytest.mark.parametrize("engine", list(ENGINES))


def left_by(server: Server) -> list[str]:
    """Where canaries are, of all that a server has written."""
    found = leaks(files_below(server.output)) + leaks(files_below(server.state))
    return found + leaks(iter([("log", server.log_file.read_bytes())]))


def test_the_canaries_are_there(server: Server) -> None:
    """Else nothing would be shown by finding none."""
    data = sample(SIZE)
    assert data.count(DIGITS.encode()) > 1000
    assert data.count(TEXT.encode()) > 1000
    server.put("a.json", data)
    assert server.convert("a.json", formats=FORMATS).status == pb.Job.DONE
    found = "\n".join(left_by(server))
    for ending in (".csv: digits", ".xlsx: xl/", ".parquet: cells: text"):
        assert ending in found


@each_engine
@pytest.mark.parametrize("csv_profile", PROFILES)
def test_no_set_holds_any(
    make_server: Callable[..., Server], engine: str, csv_profile: str
) -> None:
    server = make_server(MYD_ENGINE=engine, MYD_LOG_LEVEL="DEBUG", MYD_CHECKPOINT_SECONDS="0.01")
    server.start()
    server.put("a.json", sample(SIZE))
    job = server.convert(
        "a.json", csv_profile=csv_profile, formats=FORMATS, checksums=True, masking=MASKING
    )
    assert job.status == pb.Job.DONE, job.msg
    assert job.engine == engine
    assert left_by(server) == []
    assert len(list((server.output / "out").rglob("*.csv"))) > 40


@each_engine
def test_nothing_that_a_running_job_leaves_holds_any(
    make_server: Callable[..., Server], hold: Callable[[str], Hold], engine: str
) -> None:
    point = hold("converted")
    server = make_server(
        MYD_ENGINE=engine, MYD_FAILPOINTS=point.setting, MYD_CHECKPOINT_SECONDS="0.01"
    ).start()
    server.put("a.json", encrypted(sample(2_000_000).decode()))
    wanted = with_id(formats=FORMATS, masking=MASKING)
    job_id = server.submit("a.json", **wanted)
    point.reached()
    assert left_by(server) == []
    kill_with_workers(server)
    point.release()
    assert left_by(server) == []
    server.start()
    assert server.submit("a.json", **wanted) == job_id
    assert server.wait(job_id).status == pb.Job.DONE
    assert left_by(server) == []


BROKEN = {
    "cut off": lambda data: data[: len(data) // 2],
    "wrong after a value": lambda data: data[:-10] + b'"' + TEXT.encode() + b'" ' + data[-10:],
    "no text": lambda data: data[: len(data) // 2] + b"\xff" + data[len(data) // 2 :],
    "no JSON": lambda data: f"{TEXT} {DIGITS}".encode() + data,
}


@each_engine
@pytest.mark.parametrize("kind", BROKEN)
def test_no_failed_job_tells_any(
    make_server: Callable[..., Server], engine: str, kind: str
) -> None:
    server = make_server(MYD_ENGINE=engine, MYD_LOG_LEVEL="DEBUG").start()
    server.put("a.json", BROKEN[kind](sample(SIZE)))
    job = server.convert("a.json", masking=MASKING)
    assert job.status == pb.Job.FAILED
    assert leaks(iter([("job", job.SerializeToString())])) == []
    assert left_by(server) == []


@each_engine
def test_no_rejected_record_tells_any(make_server: Callable[..., Server], engine: str) -> None:
    server = make_server(MYD_ENGINE=engine, MYD_LOG_LEVEL="DEBUG").start()
    lines = [
        f'{{"user_id":"{TEXT}1","account_num":"{DIGITS}1"}}',
        f'{{"user_id":"{TEXT}2","account_num":"{DIGITS}"',
        f'{{"user_id":"{TEXT}3" "account_num":"{DIGITS}1"}}',
        f"{TEXT}",
        f'{{"user_id":"{TEXT}4","account_num":"{DIGITS}1"}}',
    ]
    server.put("a.json", "\n".join(lines))
    job = server.convert(
        "a.json", layout="RECORD_LAYOUT_LINES", max_rejects=3, id_field="user_id", masking=MASKING
    )
    assert job.status == pb.Job.DONE, job.msg
    assert job.progress.rejects == 3
    assert left_by(server) == []


def test_rest_tells_none(rest_server: RestServer) -> None:
    server = rest_server.start()
    server.put("a.json", sample(SIZE))
    job_id = server.convert("a.json", masking=MASKING).job_id
    pages = ["/", "/jobs", f"/convert_to_csv/status?job_id={job_id}", f"/jobs/{job_id}/tables"]
    answers = [(page, server.rest.get(page)) for page in pages]
    assert [answer.status for _, answer in answers] == [200] * len(pages)
    assert leaks((page, answer.body) for page, answer in answers) == []


# What the same is stays the same


def columns_of(directory: Path) -> Mapping[tuple[str, str], list[str]]:
    """The cells of each column, but for links."""
    found = {}
    for path in sorted(directory.glob("*_1.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
        table = path.name.removesuffix("_1.csv").partition(".")[2]
        for place, name in enumerate(header):
            if name not in LINKS:
                found[table, name] = [row[place] for row in rows]
    return found


def joins(columns: Mapping[tuple[str, str], list[str]]) -> dict[tuple[Any, Any], int]:
    """How many pairs of rows have the same account, for each two columns with accounts."""
    counts = {
        place: Counter(filter(None, cells))
        for place, cells in columns.items()
        if place[1].rpartition(".")[2] in ACCOUNTS
    }
    return {
        (one, other): sum(counts[one][account] * counts[other][account] for account in counts[one])
        for one in counts
        for other in counts
    }


@each_engine
def test_accounts_join_as_they_did(make_server: Callable[..., Server], engine: str) -> None:
    server = make_server(MYD_ENGINE=engine).start()
    server.put("a.json", sample(SIZE))
    for output, fields in {"plain": {}, "masked": {"masking": MASKING}}.items():
        job = server.convert("a.json", output=output, csv_profile="CSV_PROFILE_DATABASE", **fields)
        assert job.status == pb.Job.DONE, job.msg
    plain, masked = (columns_of(server.output / name) for name in ("plain", "masked"))
    found = joins(plain)
    assert len(found) >= 25
    assert sum(map(bool, found.values())) > 25
    assert joins(masked) == found
    # What is no identifier is as it was, letter by letter.
    same = {place for place, cells in plain.items() if masked.get(place) == cells}
    for name in ("trans_amt", "trans_dtime", "account_type", "category1", "currency_code"):
        assert all(place in same for place in plain if place[1].rpartition(".")[2] == name)
    assert not any(place[1].rpartition(".")[2] in ACCOUNTS for place in same)
