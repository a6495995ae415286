"""Rows of the job database as domain data, and back."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec

from myd_grpc.convert.model import (
    DEFAULT_LIMITS,
    SECTION_NAMES,
    Limits,
    PartFile,
    Progress,
)
from myd_grpc.jobs.model import (
    Job,
    Phase,
    Request,
    RequestFingerprint,
    Status,
    UnfinishedJob,
)
from myd_grpc.jobs.store.message_sizes import first_names
from myd_grpc.options import (
    NO_CHOICE,
    NO_MASKING,
    ColumnChoice,
    ConvertOptions,
    Format,
    Layout,
    Masking,
)

_LONGEST_TABLE_NAME = 64 << 10
"""Bytes of a table's name that are shown: names had no bound once, and a page must have one."""


@dataclass(frozen=True, slots=True)
class _Terms:
    """The settings a request was accepted under, the year, and whether a key came for nothing."""

    limits: Limits = DEFAULT_LIMITS
    section_names: frozenset[str] = SECTION_NAMES
    this_year: int = 0
    spare_masking_key: bool = False


@dataclass(frozen=True, slots=True)
class _Columns:
    """What is done with columns: what the request says, and what its preset said then."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    maps: tuple[str, ...] = ()
    masking: Masking = NO_MASKING
    preset: ColumnChoice = NO_CHOICE


_NO_COLUMNS = _Columns()

_ENCODER = msgspec.json.Encoder(order="deterministic")
_FILE_NAMES = msgspec.json.Decoder(tuple[str, ...])
_OPTIONS = msgspec.json.Decoder(ConvertOptions)
_TERMS = msgspec.json.Decoder(_Terms)
_COLUMNS = msgspec.json.Decoder(_Columns)


def submission_columns(
    owner: str, job_id: str, request: Request, fingerprint: RequestFingerprint | None
) -> dict[str, object]:
    """The columns of a job that has just been submitted."""
    return {
        "job_id": job_id,
        "owner": owner,
        "status": Status.WORKING,
        "phase": Phase.QUEUED,
        "files_total": len(request.file_names),
        "file_names": file_names_text(first_names(request.file_names)),
        "output_file_name": request.output_file_name,
        "output_key": request.set_key,
        "data_dir": request.data_dir,
        "output_dir": request.output_dir,
        "layout": request.options.layout,
        "options": _json(_without_columns(request.options)),
        "encrypted": request.encrypted,
        "needs_masking_key": request.needs_masking_key,
        "terms": _json(
            _Terms(
                request.limits,
                request.section_names,
                request.this_year,
                request.spare_masking_key,
            )
        ),
        "column_choice": digest_of(columns) if (columns := columns_text(request)) else None,
        "dictionary": digest_of(request.dictionary) if request.dictionary else None,
        "request_id": fingerprint.request_id if fingerprint else None,
        "request_digest": fingerprint.digest if fingerprint else None,
        "key_digest": fingerprint.key_digest if fingerprint else None,
    }


def columns_text(request: Request) -> str:
    """What a request does with columns, as it is kept; "" where it does nothing with any."""
    options = request.options
    columns = _Columns(
        options.include, options.exclude, options.maps, options.masking, request.preset
    )
    return "" if columns == _NO_COLUMNS else _json(columns)


def _without_columns(options: ConvertOptions) -> ConvertOptions:
    return replace(options, include=(), exclude=(), maps=(), masking=NO_MASKING)


def digest_of(text: str) -> str:
    """By which a text is kept that many jobs have in common."""
    return hashlib.sha256(text.encode()).hexdigest()


def file_names_text(names: Sequence[str]) -> str:
    """File names as they are kept."""
    return _json(names)


def _json(value: object) -> str:
    return _ENCODER.encode(value).decode()


def progress_columns(reached: Progress, eta_s: float) -> dict[str, object]:
    """The columns that say how far a job is."""
    return {
        "bytes_total": reached.bytes_total,
        "bytes_read": reached.bytes_read,
        "bytes_done": reached.bytes_done,
        "records": reached.records,
        "rejects": reached.rejects,
        "rows": reached.rows,
        "files_done": reached.files_done,
        "eta_seconds": eta_s,
        "engine": reached.engine,
        "layout": reached.layout,
    }


def job_of(row: sqlite3.Row) -> Job:
    """The job of a row of job_status, without its tables."""
    return Job(
        job_id=row["job_id"],
        request=request_of(row),
        status=Status(row["status"]),
        phase=Phase(row["phase"]),
        reason=row["reason"],
        msg=row["msg"],
        revision=row["revision"],
        submit_revision=row["submit_revision"],
        submit_time=row["submit_time"],
        start_time=row["job_start_time"],
        end_time=row["job_end_time"],
        progress=_progress(row),
        eta_s=row["eta_seconds"],
        tables_total=row["tables_total"] if row["status"] == Status.DONE else 0,
        owner=row["owner"],
    )


def request_of(row: sqlite3.Row) -> Request:
    """The request of a row of job_status as it is shown: without what only the work takes."""
    terms = _TERMS.decode(row["terms"] or "{}")  # which jobs of the first version have not
    return Request(
        file_names=_FILE_NAMES.decode(row["file_names"]),
        output_file_name=row["output_file_name"],
        options=_OPTIONS.decode(row["options"]),
        encrypted=bool(row["encrypted"]),
        needs_masking_key=bool(row["needs_masking_key"]),
        limits=terms.limits,
        section_names=terms.section_names,
        this_year=terms.this_year,
        spare_masking_key=terms.spare_masking_key,
        data_dir=row["data_dir"],
        output_dir=row["output_dir"],
    )


def whole_request_of(row: sqlite3.Row) -> Request:
    """The request of a row of job_status that was joined with all that the work takes."""
    shown = request_of(row)
    columns = _COLUMNS.decode(row["own_columns"]) if row["own_columns"] else _NO_COLUMNS
    options = replace(
        shown.options,
        include=columns.include,
        exclude=columns.exclude,
        maps=columns.maps,
        masking=columns.masking,
    )
    return replace(
        shown,
        file_names=_FILE_NAMES.decode(row["all_file_names"] or row["file_names"]),
        options=options,
        preset=columns.preset,
        dictionary=row["own_dictionary"] or "",
    )


def first_format_of(row: sqlite3.Row) -> Format:
    """The first of the formats in a row of job_status."""
    return _OPTIONS.decode(row["options"]).formats[0]


def part_of(row: sqlite3.Row) -> PartFile:
    """The part of a row of csv_rows."""
    return PartFile(_shown_name(row["table_name"]), row["file_name"], row["rows"], row["bytes"])


def _shown_name(name: str) -> str:
    """A table's name, cut with a hash if it is longer than any is by now."""
    data = name.encode(errors="replace")
    if len(data) <= _LONGEST_TABLE_NAME:
        return name
    cut = data[:_LONGEST_TABLE_NAME].decode(errors="ignore")
    return f"{cut}~{hashlib.sha256(data).hexdigest()[:8]}"


def _progress(row: sqlite3.Row) -> Progress:
    return Progress(
        bytes_total=row["bytes_total"],
        bytes_read=row["bytes_read"],
        bytes_done=row["bytes_done"],
        records=row["records"],
        rows=row["rows"],
        files_total=row["files_total"],
        files_done=row["files_done"],
        layout=Layout(row["layout"]),
        engine=row["engine"],
        rejects=row["rejects"],
    )


def unfinished_of(row: sqlite3.Row) -> UnfinishedJob:
    """The job of a row of job_status that has not ended."""
    return UnfinishedJob(
        job_id=row["job_id"],
        owner=row["owner"],
        output_dir=row["output_dir"],
        name=row["output_file_name"],
        overwrite=_OPTIONS.decode(row["options"]).overwrite,
        encrypted=bool(row["encrypted"]),
        needs_masking_key=bool(row["needs_masking_key"]),
        phase=Phase(row["phase"]),
        staged=row["staged"] or "",
        has_request_id=row["request_id"] is not None,
        waiting_since=row["waiting_since"],
        begun=row["job_start_time"] > 0,
    )
