"""How numbers and jobs are put into words, and how often a log hears of them."""

from __future__ import annotations

import pytest

from myd.analysis.v1.analysis_pb2 import RECORD_LAYOUT_KEYED, Job
from myd_grpc.cli import wording
from myd_grpc.cli.plain import PlainOutput, PlainView
from myd_grpc.cli.rate import Rate
from myd_grpc.cli.terminal import TerminalOutput


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (2_500_000_000, "2.5 GB"),
        (7e15, "7000.0 TB"),
    ],
)
def test_sizes(number: float, words: str) -> None:
    assert wording.size(number) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0:00"), (7.4, "0:07"), (59.6, "1:00"), (3723, "1:02:03")]
)
def test_durations(seconds: float, words: str) -> None:
    assert wording.duration(seconds) == words


def test_time_left_is_told_once_it_is_known() -> None:
    job = Job(status="WORKING", progress={"bytes_read": 1, "eta_seconds": 61})
    assert wording.time_left(job) == "1:01 left"
    job.progress.eta_seconds = -1
    assert wording.time_left(job) == ""


def test_many_files_are_counted() -> None:
    job = Job(output_file_name="out", file_names=["a.json", "b.json"])
    assert wording.title(job) == "a.json, b.json → out"
    job.file_names.append("c.json")
    assert wording.title(job) == "a.json and 2 more → out"
    job.progress.files_total = 90_000
    assert wording.title(job) == "a.json and 89999 more → out"


def test_the_files_of_a_table() -> None:
    parts = [Job.Part(file_name=f"set/out.a_1_{n}.csv") for n in (1, 2, 3)]
    assert wording.files(Job.Table(parts=parts[:1])) == "set/out.a_1_1.csv"
    assert wording.files(Job.Table(parts=parts)) == "set/out.a_1_1.csv … _3.csv"


def test_control_characters_are_not_passed_on() -> None:
    assert wording.printable("a\x1b[2Jb\n한") == "a\ufffd[2Jb\ufffd한"


def test_the_rate_is_that_of_the_last_seconds() -> None:
    rate = Rate()
    assert rate.per_second() is None
    for second in range(100):
        rate.add(second, second * 10 if second < 50 else second * 1000)
    assert rate.per_second() == pytest.approx(1000)


def test_a_short_time_gives_no_rate() -> None:
    rate = Rate()
    rate.add(1.0, 0)
    rate.add(1.1, 10**9)
    assert rate.per_second() is None


def test_a_log_gets_a_line_a_second_and_each_change(capsys: pytest.CaptureFixture[str]) -> None:
    now_s = 0.0
    view = PlainView(clock=lambda: now_s)
    for tenth in range(25):
        now_s = 100 + tenth / 10
        phase = Job.PHASE_QUEUED if tenth < 2 else Job.PHASE_CONVERTING
        view.show(Job(job_id="j", status="WORKING", phase=phase, progress={"percent": tenth}))
    shown = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in shown] == [
        ["queued", "0.0%"],
        ["converting", "2.0%"],
        ["converting", "12.0%"],
        ["converting", "22.0%"],
    ]


def test_jobs_are_told_apart_in_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    view = PlainView(name_jobs=True, clock=lambda: 5.0)
    for job_id in "ab":
        view.show(Job(job_id=job_id, status="WORKING", phase="PHASE_QUEUED", file_names=["f"]))
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["a", "b"]


def test_what_a_job_waits_for_is_told_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    view = PlainView(clock=lambda: 5.0)
    job = Job(job_id="j", status="WORKING", phase="PHASE_CONVERTING")
    for msg in ("", "waits for\x1b room", "waits for\x1b room", ""):
        job.msg = msg
        view.show(job)
    shown = capsys.readouterr().out.splitlines()
    assert shown == [
        "converting  0.0%",
        "converting  0.0%  waits for\ufffd room",
        "converting  0.0%",
    ]
    PlainOutput().job(Job(job_id="j", status="WORKING", phase="PHASE_QUEUED", msg="waits"))
    assert capsys.readouterr().out == "j\tqueued\t0.0%\tj\nwaits\n"


def test_a_terminal_shows_what_a_job_waits_for(capsys: pytest.CaptureFixture[str]) -> None:
    job = Job(job_id="j", status="WORKING", phase="PHASE_CONVERTING", msg="waits [for] room")
    TerminalOutput().job(job)
    assert "waits [for] room" in capsys.readouterr().out
    job.phase = Job.PHASE_WAITING_FOR_KEY  # which is said with the command that hands it over
    TerminalOutput().job(job)
    assert "waits [for]" not in capsys.readouterr().out


def test_it_is_told_as_which_layout_a_file_was_read() -> None:
    job = Job(status="WORKING", layout="RECORD_LAYOUT_AUTO", progress={"bytes_total": 9})
    assert wording.figures(job, None)[-1] == "0 rows"
    job.layout = RECORD_LAYOUT_KEYED
    assert wording.figures(job, None)[-1] == "read as KEYED"
    job.status = Job.DONE
    assert " from 0 records read as KEYED in less than a second" in wording.outcome(job)


def test_what_is_strange_about_a_set_is_told_with_its_outcome() -> None:
    job = Job(job_id="j", status="DONE", msg="the keys of a\x1b look like data")
    assert wording.outcome(job) == (
        "0 rows in 0 tables, 0 B of CSV, from 0 records in less than a second; "
        "note: the keys of a\ufffd look like data"
    )
