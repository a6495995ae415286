"""Broken records, as a person, a gRPC client and a REST client see that they were left out."""

from __future__ import annotations

import re
import subprocess
from random import Random

import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from tests.support.commanding import client
from tests.support.oracle_rejects import Damaged, damaged
from tests.support.resting import RestServer
from tests.support.serving import PATIENCE_S

HEADER = "file,record,byte_offset,reason\r\n"
LAYOUTS = ("LINES", "ARRAY")


@pytest.fixture(scope="module")
def broken(shared_rest: RestServer) -> dict[str, Damaged]:
    """For each layout what is in its file, which is called as the layout."""
    records = [b'{"no":%d}' % number for number in range(40)]
    made = {layout: damaged(Random(layout), layout, records, 0.3) for layout in LAYOUTS}
    for layout, one in made.items():
        assert len(one.rejects) > 1
        shared_rest.put(f"{layout}.json", one.document)
    return made


def convert(server: RestServer, *arguments: object) -> subprocess.CompletedProcess[str]:
    return client(server, "convert", "--merge", *map(str, arguments))


def job_of(server: RestServer, output: str) -> pb.Job:
    """The newest job for that set."""
    listed = server.stub.ListJobs(pb.ListJobsRequest(), timeout=PATIENCE_S).data
    found: pb.Job = next(job for job in listed if job.output_file_name == output)
    return found


def listed_of(file: str, one: Damaged) -> str:
    return "".join(f"{file},{number},{at},{why}\r\n" for number, at, why in one.rejects)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_as_many_as_are_allowed_are_left_out_and_told(
    shared_rest: RestServer, broken: dict[str, Damaged], layout: str
) -> None:
    file, one = f"{layout}.json", broken[layout]
    most = len(one.rejects)
    options = (file, "--layout", layout, "--output", layout, "--max-rejects", most)
    done = convert(shared_rest, *options)
    told = f"warning: {most} records left out as they are broken; rejects.csv lists them\n"
    assert (done.returncode, done.stderr) == (0, told)
    assert f"; {most} of them rejected, listed in rejects.csv\n" in done.stdout
    job = job_of(shared_rest, layout)
    assert (job.status, job.progress.rejects) == (pb.Job.DONE, most)
    assert job.progress.records == most + len(one.sound)
    shown = shared_rest.rest.get("/convert_to_csv/status", job_id=job.job_id).json["data"]
    assert shown["progress"]["rejects"] == str(most)
    found = shared_rest.output / layout
    listed = (found / "rejects.csv").read_bytes().decode("utf-8-sig")
    assert listed == HEADER + listed_of(file, one)
    rows = (found / f"{layout}_1.csv").read_text("utf-8-sig").splitlines()[1:]
    assert rows == [f",f1r{at},{no}" for no, at in enumerate(one.sound)]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_one_more_fails_the_job_as_without(
    shared_rest: RestServer, broken: dict[str, Damaged], layout: str
) -> None:
    most, output = len(broken[layout].rejects) - 1, f"no-{layout}"
    for allowed, at_fault in (([], 0), (["--max-rejects", most], most)):
        number, _, why = broken[layout].rejects[at_fault]
        reason = "INVALID_JSON" if why == "malformed" else "LIMIT_EXCEEDED"
        options = (f"{layout}.json", "--layout", layout, "--output", output, *allowed)
        failed = convert(shared_rest, *options)
        job = job_of(shared_rest, output)
        assert (failed.returncode, job.status, job.reason) == (1, pb.Job.FAILED, reason)
        assert f"{reason}: {layout}.json: record {number}" in failed.stdout
        assert not (shared_rest.output / output).exists()
        assert re.match(rf"{layout}\.json: record {number}\b", job.msg)


def test_files_of_one_job_share_what_is_allowed(
    shared_rest: RestServer, broken: dict[str, Damaged]
) -> None:
    files = [f"{layout}.json" for layout in LAYOUTS]
    most = sum(len(one.rejects) for one in broken.values())
    few = convert(shared_rest, *files, "--output", "few", "--max-rejects", most - 1)
    assert (few.returncode, ": ARRAY.json: record" in few.stdout) == (1, True)
    done = convert(shared_rest, *files, "--output", "both", "--max-rejects", most)
    assert (done.returncode, f"{most} records left out" in done.stderr) == (0, True)
    listed = "".join(listed_of(f"{layout}.json", broken[layout]) for layout in LAYOUTS)
    found = shared_rest.output / "both" / "rejects.csv"
    assert found.read_bytes().decode("utf-8-sig") == HEADER + listed


def test_in_which_of_many_sets_they_are_listed_is_told(shared_rest: RestServer) -> None:
    shared_rest.put("good/one.json", '{"a":1}\n{"a":2}')
    shared_rest.put("good/two.json", '{"a":1}\n{"a":tru}\n{"a":2}')
    files = ("good/one.json", "good/two.json", "--layout", "lines")
    done = client(shared_rest, "convert", *files, "--output", "many", "--max-rejects", "1")
    assert done.returncode == 0
    assert done.stderr == (
        "warning: 1 record left out as it is broken; rejects.csv lists it; "
        "good/two.json: see two/rejects.csv\n"
    )
    assert "; 1 of them rejected, listed in rejects.csv of each file's own set\n" in done.stdout
    assert (shared_rest.output / "many/two/rejects.csv").exists()
