"""Rows of the job database as domain data, and back."""

from __future__ import annotations

import json
import sqlite3

from myd_grpc.convert.model import Layout, Profile, Progress
from myd_grpc.jobs.model import Identity, Job, Phase, Request, RequestMark, Status, Table


def submission_columns(
    job_id: str, request: Request, mark: RequestMark | None
) -> dict[str, object]:
    """The columns of a job that has just been submitted."""
    return {
        "job_id": job_id,
        "status": Status.WORKING,
        "phase": Phase.QUEUED,
        "files_total": len(request.file_names),
        "file_names": json.dumps(request.file_names, ensure_ascii=False),
        "output_file_name": request.output_file_name,
        "merge": request.merge,
        "csv_profile": request.profile,
        "layout": request.layout,
        "record_path": request.record_path,
        "id_field": request.id_field,
        "overwrite": request.overwrite,
        "request_id": mark.request_id if mark else None,
        "request_digest": mark.digest if mark else None,
    }


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


def job_of(row: sqlite3.Row, tables: tuple[Table, ...] = ()) -> Job:
    """The job of a row of job_status."""
    return Job(
        job_id=row["job_id"],
        request=_request(row),
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
        tables=tables,
    )


def _request(row: sqlite3.Row) -> Request:
    return Request(
        file_names=tuple(json.loads(row["file_names"])),
        output_file_name=row["output_file_name"],
        merge=bool(row["merge"]),
        profile=Profile(row["csv_profile"]),
        layout=Layout(row["layout"]),
        record_path=row["record_path"],
        id_field=row["id_field"],
        overwrite=bool(row["overwrite"]),
    )


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


def identity_of(row: sqlite3.Row) -> Identity | None:
    """The directory that a job may have published."""
    if row["staging_inode"] is None:
        return None
    return Identity(row["staging_device"], row["staging_inode"], row["staging_modified_ns"])
