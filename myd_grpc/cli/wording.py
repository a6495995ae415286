"""How numbers, times and jobs are put into words."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from itertools import groupby

from myd.analysis.v1.analysis_pb2 import Job, ShoppingSummary
from myd.analysis.v1.analysis_pb2 import OutputFormat as Format
from myd.analysis.v1.analysis_pb2 import RecordLayout as Layout
from myd_grpc.cli.terms import translated
from myd_grpc.client import CallError
from myd_grpc.secret_texts import INSTEAD, is_secret

_TYPED_KEY = (
    "no such file in the server's data directory; others can see what is typed: give a key in a "
    "file, with --key-file, and have this job's record deleted, with forget"
)
_UNITS = ("kB", "MB", "GB", "TB")


def count(number: int, noun: str) -> str:
    """`1 row`, `12,345 rows`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def size(number_of_bytes: float) -> str:
    """`812 B`, `20.5 MB`: powers of 1000, as disks and networks are sold."""
    if number_of_bytes < 1000:
        return f"{number_of_bytes:.0f} B"
    value = number_of_bytes / 1000
    for unit in _UNITS[:-1]:
        if value < 999.95:  # what would be shown as 1000.0
            return f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} {_UNITS[-1]}"


def duration(seconds: float) -> str:
    """`0:07`, `12:30`, `1:02:03`."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def time_left(job: Job) -> str:
    """`0:07 left`; empty while unknown."""
    eta_s = job.progress.eta_seconds
    if job.status != Job.WORKING or eta_s < 0 or not job.progress.bytes_read or waits(job):
        return ""
    return f"{duration(eta_s)} left"


def printable(text: str) -> str:
    """`text` without control characters: names come out of files, and ESC moves the cursor."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def stage(job: Job) -> str:
    """Where the job stands, in a word or two."""
    if job.status != Job.WORKING:
        return Job.Status.Name(job.status)
    return Job.Phase.Name(job.phase).removeprefix("PHASE_").lower().replace("_", " ")


def title(job: Job) -> str:
    """What a job is called: `a.json, b.json → out`; one that is not there, by its id."""
    if not job.file_names:
        return printable(job.job_id)
    return f"{inputs(job)} → {printable(job.output_file_name)}"


def inputs(job: Job) -> str:
    """The inputs of a job: `a.json, b.json`; of many files, how many."""
    names, total = job.file_names, max(job.progress.files_total, len(job.file_names))
    if not names:  # even the first is longer than a message has room for
        return count(total, "file")
    shown = [INSTEAD if _is_typed_key(job, name) else name for name in names[:2]]
    return printable(", ".join(shown) if total <= 2 else f"{shown[0]} and {total - 1} more")


def _is_typed_key(job: Job, name: str) -> bool:
    """Whether a name is a key that was typed in place of it: there is no such file."""
    is_missing = job.reason == "FILE_NOT_FOUND" and job.msg.startswith(f"{name}: ")
    return is_missing and is_secret(name)


def figures(job: Job, bytes_per_s: float | None) -> list[str]:
    """What can be said of the progress: bytes, rate, records, rejects, rows, files."""
    progress = job.progress
    if not progress.bytes_total:
        return []
    parts = [f"{size(progress.bytes_read)} of {size(progress.bytes_total)}"]
    if bytes_per_s is not None and job.phase == Job.PHASE_CONVERTING:
        parts.append(f"{bytes_per_s / 1e6:.1f} MB/s")
    parts += filter(None, [count(progress.records, "record"), rejects(job)])
    parts += filter(None, [count(progress.rows, "row"), read_as(job)])
    if progress.files_total > 1:
        parts.append(f"{progress.files_done} of {progress.files_total} files done")
    return parts


def rejects(job: Job) -> str:
    """`3 of them rejected`: records that are left out; empty if there are none."""
    return f"{job.progress.rejects:,} of them rejected" if job.progress.rejects else ""


def _left_out(job: Job) -> str:
    """What was rejected and where that is listed."""
    place = "" if job.merge else " of each file's own set"
    return f"; {rejects(job)}, listed in rejects.csv{place}" if rejects(job) else ""


def read_as(job: Job) -> str:
    """`read as KEYED`; empty until the layout is recognised."""
    layout = Layout.Name(job.layout).removeprefix("RECORD_LAYOUT_")
    return "" if layout in ("UNSPECIFIED", "AUTO") else f"read as {layout}"


def waiting(job: Job, command: str) -> str:
    """What a job waits for, and the command that hands it over."""
    return f"{translated(printable(job.msg))}\nhand it over:  {command}"


def waits(job: Job) -> bool:
    """Whether a job waits for its keys."""
    return job.phase == Job.PHASE_WAITING_FOR_KEY


def keys_wanted(job: Job) -> list[str]:
    """The arguments for the keys that a job waits for, as its message says which."""
    masking = "the masking key over" in job.msg
    is_alone = "hand the masking key" in job.msg
    return ["--key-file"] * (not is_alone) + ["--masking-key-file"] * masking


def left(job: Job) -> str:
    """That a job is watched no more, and what becomes of it."""
    return f"stopped watching, the job {'waits for its key' if waits(job) else 'goes on'}"


def broken_off(why: str) -> str:
    """That a watch of the client library is about to be resumed, for as long as that does so."""
    return f"the watch broke off ({why}); resuming, for up to 5 minutes"


def repeating(error: CallError) -> str:
    """That a call is made again; the server itself may take seconds for each that it refuses."""
    if not error.reason:
        return f"{error}; trying again for some seconds"
    return printable(f"{error.reason}: {error}; trying again for up to 40 s")


def message(job: Job) -> str:
    """What a working job says; one that waits for its key says it with what is to be done."""
    return "" if job.status != Job.WORKING or waits(job) else printable(job.msg)


def outcome(job: Job) -> str:
    """How a job ended, in one line; `warnings` are beside it."""
    if job.status == Job.DONE:
        records = " ".join(filter(None, [count(job.progress.records, "record"), read_as(job)]))
        return f"{_written(job)} from {records} in {_took(job)}{_left_out(job)}"
    if job.status == Job.FAILED:
        if _is_typed_key(job, job.msg.partition(": ")[0]):
            return f"{job.reason}: {INSTEAD}: {_TYPED_KEY}"
        return translated(printable(f"{job.reason}: {job.msg}" if job.msg else job.reason))
    return "there is no such job, or its record was deleted"


def warnings(job: Job) -> list[str]:
    """What a person should know before trusting what a DONE job wrote."""
    if job.status != Job.DONE:
        return []
    found = [translated(printable(job.msg))] if job.msg else []
    if not job.tables_total:
        found.append("the set is empty: no column was left to write, by --include and --exclude")
    return [f"warning: {text}" for text in found]


def nothing_cancelled(job: Job) -> str:
    """A line that says that a job had ended before it was cancelled."""
    return printable(f"{job.job_id} is already {_ending(job)}: nothing was cancelled")


def key_not_needed(job: Job) -> str:
    """A line that says that a key was handed to a job that did not wait for one."""
    return printable(f"{job.job_id} does not wait for a key: this one was not looked at")


def no_tables(job: Job) -> str:
    """A line that says why a job has no tables to list."""
    if job.status == Job.WORKING:
        return printable(f"{job.job_id} still works: its tables are listed when it is DONE")
    return printable(f"{job.job_id} is {_ending(job)}: it has no tables")


def _ending(job: Job) -> str:
    status = Job.Status.Name(job.status)
    return f"{status} ({job.reason})" if job.reason else status


def moment(epoch_s: int) -> str:
    """`11-28 14:03`, in this machine's time zone; empty for "not yet"."""
    return time.strftime("%m-%d %H:%M", time.localtime(epoch_s)) if epoch_s else ""


def times(job: Job) -> str:
    """`submitted 11-28 14:03, started 11-28 14:03`."""
    known = {
        "submitted": job.submit_time,
        "started": job.job_start_time,
        "ended": job.job_end_time,
    }
    return ", ".join(f"{what} {moment(epoch_s)}" for what, epoch_s in known.items() if epoch_s)


def nothing_forgotten(job: Job) -> str:
    """A line that says that a job had no record."""
    return printable(f"there is no job {job.job_id}: nothing was forgotten")


def forgotten(job: Job) -> str:
    """A line that says that a job's record is deleted."""
    return printable(f"{job.job_id} is forgotten; what it wrote stays")


def _written(job: Job) -> str:
    written = f"{count(job.progress.rows, 'row')} in {count(job.tables_total, 'table')}"
    if len(job.tables) < job.tables_total:
        return written  # how many bytes there are in those that are not here is not known
    # A file that tables share is there once.
    sizes = {part.file_name: part.bytes for table in job.tables for part in table.parts}
    return f"{written}, {size(sum(sizes.values()))} of {formats(job)},"


def formats(job: Job) -> str:
    """The formats of a job: `CSV`, `CSV, XLSX and PARQUET`."""
    names = [Format.Name(one).removeprefix("OUTPUT_FORMAT_") for one in job.formats]
    if not names:  # of a server that knows no other
        return "CSV"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _took(job: Job) -> str:
    seconds = job.job_end_time - job.job_start_time
    if not seconds:
        return "less than a second"
    return f"{seconds} s" if seconds < 60 else duration(seconds)


def files(table: Job.Table) -> str:
    """The files of a table, format by format: `out_1.csv … _4.csv, out.xlsx`."""
    names = (printable(part.file_name) for part in table.parts)
    by_ending = groupby(names, lambda name: name.rpartition(".")[2])
    return ", ".join(_first_and_last(list(of_one)) for _, of_one in by_ending)


def _first_and_last(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} … _{names[-1].rpartition('_')[2]}"


def share_files(tables: Iterable[Job.Table]) -> bool:
    """Whether a file has several of these tables, so that they are not known by their files."""
    tables_of = Counter(part.file_name for table in tables for part in table.parts)
    return any(count > 1 for count in tables_of.values())


def table_size(table: Job.Table) -> str:
    """The size of a table's files but for workbooks, which all share; `-` if it has no others."""
    own = [part.bytes for part in table.parts if not part.file_name.endswith(".xlsx")]
    return size(sum(own)) if own else "-"


def location(job: Job) -> str:
    """Where the files are; only the server knows where its output directory lies."""
    return printable(f"in {job.output_dir}/ of the server's output directory")


def basis(summary: ShoppingSummary) -> str:
    """What a summary rests on: `12 order lines, 1 without a date, 2 left out, owner by user_id`."""
    parts = [
        count(summary.order_lines, "order line"),
        f"{summary.undated_lines:,} without a date",
        f"{summary.foreign_lines:,} left out",
        f"owner by {printable(summary.owner_field)}" if summary.owner_field else "no owner named",
    ]
    return ", ".join(parts)


def cautions(summary: ShoppingSummary) -> list[str]:
    """What a reader of a summary should know before trusting it."""
    found = []
    if not summary.order_lines:
        found.append(
            "warning: no order line counts: this user has none, or none of the proposal asked for"
        )
    if summary.foreign_lines:
        lines = count(summary.foreign_lines, "order line")
        found.append(f"warning: {lines} left out: another owner is named, or it is in doubt whose")
    if summary.undated_lines:
        lines = count(summary.undated_lines, "order line")
        found.append(f"warning: {lines} without a date that can be read: in no month")
    if not summary.owner_field:
        found.append("warning: no record names its owner: all of the file counts as this user's")
    return found


def why_unwritten(error: OSError) -> str:
    """Why what there is to show cannot be written to standard output."""
    if isinstance(error, BrokenPipeError):
        return "nobody reads any more"
    return f"standard output cannot be written ({error.strerror})"
