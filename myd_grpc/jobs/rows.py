"""Rows of the job database as domain data, and back."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict
from typing import TypedDict

from myd_grpc.convert.model import Layout, Limits, PartFile, Profile, Progress
from myd_grpc.convert.naming import folded
from myd_grpc.jobs.model import (
    Identity,
    Job,
    Phase,
    Request,
    RequestMark,
    Status,
    Unfinished,
)
from myd_grpc.jobs.sizes import first_names

_LONGEST_TABLE_NAME = 64 << 10
"""In bytes. Names had no bound once, and a page of tables must have one."""


class _Terms(TypedDict, total=False):
    """The settings a request was accepted under, and a layout that was perhaps to be found out."""

    limits: Limits
    section_names: frozenset[str]
    layout: Layout


def submission_columns(
    job_id: str, request: Request, mark: RequestMark | None
) -> dict[str, object]:
    """The columns of a job that has just been submitted."""
    return {
        "job_id": job_id,
        "status": Status.WORKING,
        "phase": Phase.QUEUED,
        "files_total": len(request.file_names),
        "file_names": file_names_text(first_names(request.file_names)),
        "output_file_name": request.output_file_name,
        "output_key": folded(request.output_file_name),
        "merge": request.merge,
        "csv_profile": request.profile,
        "layout": request.layout,
        "record_path": request.record_path,
        "id_field": request.id_field,
        "overwrite": request.overwrite,
        "encrypted": request.encrypted,
        "terms": _terms(request),
        "request_id": mark.request_id if mark else None,
        "request_digest": mark.digest if mark else None,
        "key_digest": mark.key_digest if mark else None,
    }


def file_names_text(names: Sequence[str]) -> str:
    """File names as they are kept."""
    return json.dumps(names, ensure_ascii=False)


def progress_columns(reached: Progress, eta_s: float) -> dict[str, object]:
    """The columns that say how far a job is."""
    return {
        "bytes_total": reached.bytes_total,
        "bytes_read": reached.bytes_read,
        "records": reached.records,
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
    )


def request_of(row: sqlite3.Row, all_file_names: str | None = None) -> Request:
    """The request of a row of job_status, with the first file names unless all are given."""
    return Request(
        file_names=tuple(json.loads(all_file_names or row["file_names"])),
        output_file_name=row["output_file_name"],
        merge=bool(row["merge"]),
        profile=Profile(row["csv_profile"]),
        record_path=row["record_path"],
        id_field=row["id_field"],
        overwrite=bool(row["overwrite"]),
        encrypted=bool(row["encrypted"]),
        **_read_terms(row["terms"], Layout(row["layout"])),
    )


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


def _terms(request: Request) -> str:
    values = {
        "limits": asdict(request.limits),
        "section_names": sorted(request.section_names),
        "layout": request.layout,
    }
    return json.dumps(values, ensure_ascii=False)


def _read_terms(text: str | None, found: Layout) -> _Terms:
    if text is None:
        return {"layout": found}
    values = json.loads(text)
    return {
        "limits": Limits(**values["limits"]),
        "section_names": frozenset(values["section_names"]),
        "layout": Layout(values["layout"]),
    }


def _progress(row: sqlite3.Row) -> Progress:
    return Progress(
        bytes_total=row["bytes_total"],
        bytes_read=row["bytes_read"],
        records=row["records"],
        rows=row["rows"],
        files_total=row["files_total"],
        files_done=row["files_done"],
        layout=Layout(row["layout"]),
        engine=row["engine"],
    )


def unfinished_of(row: sqlite3.Row) -> Unfinished:
    """The job of a row of job_status that has not ended."""
    return Unfinished(
        job_id=row["job_id"],
        name=row["output_file_name"],
        overwrite=bool(row["overwrite"]),
        encrypted=bool(row["encrypted"]),
        phase=Phase(row["phase"]),
        identity=_identity(row),
        has_mark=row["request_id"] is not None,
        waiting_since=row["waiting_since"],
    )


def _identity(row: sqlite3.Row) -> Identity | None:
    if row["staging_inode"] is None:
        return None
    return Identity(row["staging_device"], row["staging_inode"], row["staging_modified_ns"])
