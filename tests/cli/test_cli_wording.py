"""How numbers and jobs are put into words, and how often a log hears of them."""

from __future__ import annotations

import inspect
import io
import re

import grpc
import pytest
from rich.cells import cell_len
from rich.console import Console

from myd.analysis.v1.analysis_pb2 import RECORD_LAYOUT_KEYED, Job, OutputFormat
from myd_grpc.cli import terms, wording
from myd_grpc.cli.job_table import fitted_title, live_table
from myd_grpc.cli.plain import PlainOutput, PlainView
from myd_grpc.cli.rate import Rate
from myd_grpc.cli.terminal import TerminalOutput
from myd_grpc.client import Client, InvalidRequestError
from myd_grpc.client.errors import Violation
from myd_grpc.convert.notes import spare_key_note
from myd_grpc.jobs.run.recovery import waiting_for


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
    parts += [Job.Part(file_name="set/out.xlsx"), Job.Part(file_name="set/out_2.xlsx")]
    parts.append(Job.Part(file_name="set/out.a_1_1.parquet"))
    assert wording.files(Job.Table(parts=parts)) == (
        "set/out.a_1_1.csv … _3.csv, set/out.xlsx … _2.xlsx, set/out.a_1_1.parquet"
    )


def test_a_file_that_tables_share_counts_once(capsys: pytest.CaptureFixture[str]) -> None:
    workbook = Job.Part(file_name="out.xlsx", bytes=1_000_000)
    tables = [Job.Table(name=name, rows=2, parts=[workbook]) for name in ("out", "out.tr")]
    job = Job(status="DONE", tables=tables, tables_total=2, formats=["OUTPUT_FORMAT_XLSX"])
    assert "in 2 tables, 1.0 MB of XLSX, from" in wording.outcome(job)
    names = [name for name in OutputFormat.keys() if not name.endswith("UNSPECIFIED")]  # noqa: SIM118 - no dict
    job = Job(status="DONE", formats=names)
    assert " of CSV, XLSX and PARQUET, from" in wording.outcome(job)
    assert wording.table_size(tables[0]) == "-"
    with_csv = Job.Table(parts=[Job.Part(file_name="out_1.csv", bytes=2_000), workbook])
    assert wording.table_size(with_csv) == "2.0 kB"
    # A table goes by its files where it has them for itself.
    TerminalOutput().tables(tables)
    assert capsys.readouterr().out.splitlines()[1].split()[:2] == ["out", "out.xlsx"]
    TerminalOutput().tables(tables[:1])
    assert capsys.readouterr().out.splitlines()[1].split()[:1] == ["out.xlsx"]


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


def test_it_is_told_how_many_records_are_left_out_and_where_they_are_listed() -> None:
    job = Job(status="WORKING", progress={"bytes_total": 9, "records": 1200, "rejects": 1100})
    assert wording.figures(job, None)[1:3] == ["1,200 records", "1,100 of them rejected"]
    job.status, job.merge = Job.DONE, True
    assert wording.outcome(job).endswith(
        "from 1,200 records in less than a second; 1,100 of them rejected, listed in rejects.csv"
    )


def test_a_job_that_waits_shows_no_speed_and_is_not_said_to_go_on() -> None:
    job = Job(status="WORKING", phase="PHASE_CONVERTING", progress={"bytes_total": 9})
    job.progress.bytes_read = 1
    assert "2.0 MB/s" in wording.figures(job, 2e6)
    assert wording.left(job) == "stopped watching, the job goes on"
    job.phase = Job.PHASE_WAITING_FOR_KEY
    assert "2.0 MB/s" not in wording.figures(job, 2e6)
    assert wording.time_left(job) == ""
    assert wording.left(job) == "stopped watching, the job waits for its key"


def test_a_watch_is_resumed_for_as_long_as_is_said() -> None:
    patience = inspect.signature(Client).parameters["resume_patience_s"].default
    assert f"for up to {patience / 60:.0f} minutes" in wording.broken_off("why")


@pytest.mark.parametrize(
    ("of_the_server", "here"),
    [
        (
            "record_path.json: send aes256cbckey and iv",
            "record_path.json: give its key and iv with --key-file",
        ),
        ("name it by record_path", "name it by --record-path"),
        (
            "no iv was sent: if the file does not begin with it, send the iv it was encrypted with",
            (
                "no iv was sent: if the file does not begin with it, give the iv it was encrypted "
                "with, as the second line of the key file or in MYD_IV"
            ),
        ),
        (
            "must be given: a column may get pseudonyms, which are made with it",
            (
                "must be given: a column may get pseudonyms, which are made with it; "
                "`openssl rand -hex 32 > masking.key` makes one"
            ),
        ),
        ("leave the layout out to have", "leave --layout out to have"),
        ("choose fewer by include or exclude", "choose fewer by --include or --exclude"),
        (
            "a.json: no such file; its path counts from the data directory",
            "a.json: no such file in the server's data directory, from which its path counts",
        ),
        (
            "plain JSON: leave the key and iv out",
            "plain JSON: leave the key out, or convert it by itself where other files need one",
        ),
        ("name the layout KEYED, which", "pass --layout keyed, which"),
        (
            'name "a.maps" by maps to get a table of its members',
            'name "a.maps" by --map to get a table of its members',
        ),
        (
            'nothing matched include "include", exclude "b", maps "c", masking rule "d" and 2 more',
            'nothing matched --include "include", --exclude "b", --map "c", --mask "d" and 2 more',
        ),
        (
            spare_key_note(is_masked=False),
            "a masking key came, but nothing was masked: pass --mask-profile or --mask",
        ),
        (
            "the text looks like CP949 (EUC-KR): send encoding=cp949, or save it as UTF-8",
            "the text looks like CP949 (EUC-KR): pass --encoding cp949, or save it as UTF-8",
        ),
        (
            "the text is in UTF-8, not in CP949: leave encoding out",
            "the text is in UTF-8, not in CP949: leave --encoding out",
        ),
        (
            "layout or a record_path lets id_field name",
            "layout or a --record-path lets --id-field name",
        ),
        (
            waiting_for(encrypted=True, needs_masking_key=False),
            waiting_for(encrypted=True, needs_masking_key=False).replace(
                " with ResumeJob, or send the same request with the same request_id again", ""
            ),
        ),
    ],
)
def test_what_the_server_says_is_told_in_words_of_the_command_line(
    of_the_server: str, here: str
) -> None:
    assert terms.translated(of_the_server) == here


def test_fields_at_fault_are_named_as_they_are_typed() -> None:
    fields = ("output_file_name", "file_names[1]", "csv_profile", "page_size", "iv")
    wrong = tuple(Violation(field, "is wrong") for field in fields)
    error = InvalidRequestError("", grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST", wrong)
    assert terms.refusal(error) == (
        "--output: is wrong; FILE 2: is wrong; --profile: is wrong; --page-size: is wrong; "
        "iv: is wrong"
    )


def test_a_title_is_cut_to_its_place_without_a_stray_blank() -> None:
    job = Job(output_file_name="출력", file_names=["아주_긴_이름의_파일.json"])
    assert fitted_title(job, 80) == "아주_긴_이름의_파일.json → 출력"
    for cells in range(12, 40):
        shown = fitted_title(job, cells)
        assert cell_len(shown) <= cells
        assert shown.endswith(" → 출력")
        assert " …" not in shown
    job.output_file_name = "길" * 40
    assert fitted_title(job, 30).startswith("아주_긴")


def test_jobs_that_work_come_first_and_the_rest_is_counted() -> None:
    jobs = [Job(job_id=f"{n:032}", status="DONE", submit_time=n) for n in range(1, 30)]
    jobs.append(Job(job_id="w" * 32, status="WORKING", phase="PHASE_CONVERTING", submit_time=1))
    for job in jobs:
        job.file_names.append("아주 긴 이름의 파일 " * 9)
    for width, shown in ((40, 6), (57, 6), (77, 10), (120, 20)):
        console = Console(width=width, record=True, file=io.StringIO())
        console.print(live_table(jobs, width, height=24))
        text = console.export_text()
        assert re.findall("[w0-9]{32}", text) == ["w" * 32] + [
            f"{n:032}" for n in range(29, 30 - shown, -1)
        ]
        assert text.rstrip().endswith(f"and {30 - shown} more")
        assert text.count("\n") <= 24


def test_what_is_strange_about_a_set_is_a_warning_beside_its_outcome() -> None:
    job = Job(job_id="j", status="DONE", msg="the keys of a\x1b look like data", tables_total=1)
    assert wording.warnings(job) == ["warning: the keys of a\ufffd look like data"]
    job.msg, job.tables_total = "", 0
    assert (
        wording.outcome(job)
        == "0 rows in 0 tables, 0 B of CSV, from 0 records in less than a second"
    )
    assert wording.warnings(job) == [
        "warning: the set is empty: no column was left to write, by --include and --exclude"
    ]
    for status in ("WORKING", "FAILED", "NOTFOUND"):
        assert wording.warnings(Job(status=status, msg="why")) == []
