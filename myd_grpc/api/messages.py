"""Jobs as messages of the API.

A job never makes a message that a caller with default limits cannot take: the store bounds what is
long. A job that cannot be sent all the same, as it may lie in an old database, is sent without what
is at fault, so that no list or stream of others ends with it.
"""

from __future__ import annotations

import logging
import posixpath
from dataclasses import fields
from typing import Any

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.convert.errors import shortened
from myd_grpc.convert.model import PartFile
from myd_grpc.convert.output.naming import set_directory
from myd_grpc.jobs.model import Change, DeletedJob, Job, Phase, Status, Table
from myd_grpc.options import ConvertOptions, as_fields
from myd_grpc.shopping import Summary
from myd_grpc.tracebacks import describe

logger = logging.getLogger(__name__)

_MOST_PERCENT_BEFORE_DONE = 99.9
_MOST_MSG_BYTES = 4096

STATUSES = {
    Status.WORKING: pb.Job.WORKING,
    Status.DONE: pb.Job.DONE,
    Status.FAILED: pb.Job.FAILED,
}
PHASES = {
    Phase.QUEUED: pb.Job.PHASE_QUEUED,
    Phase.CONVERTING: pb.Job.PHASE_CONVERTING,
    Phase.PUBLISHING: pb.Job.PHASE_PUBLISHING,
    Phase.WAITING_FOR_KEY: pb.Job.PHASE_WAITING_FOR_KEY,
    Phase.ENDED: pb.Job.PHASE_ENDED,
}
_SHOWN = [
    one.name for one in fields(ConvertOptions) if one.name in pb.Job.DESCRIPTOR.fields_by_name
]
"""The options that a job shows."""


def job_message(job: Job) -> pb.Job:
    """The job as callers see it; `tables` as far as the job has them."""
    try:
        return _whole(job)
    except ValueError as error:  # text that is no UTF-8, or a number out of range
        logger.warning("job %s: sent in parts only: %s", job.job_id, describe(error))
    return pb.Job(
        job_id=job.job_id,
        status=STATUSES[job.status],
        phase=PHASES[job.phase],
        revision=job.revision,
        tables_total=job.tables_total,
    )


def _whole(job: Job) -> pb.Job:
    return pb.Job(
        job_id=job.job_id,
        status=STATUSES[job.status],
        msg=shortened(job.msg, _MOST_MSG_BYTES),
        job_start_time=job.start_time,
        job_end_time=job.end_time,
        phase=PHASES[job.phase],
        reason=job.reason,
        revision=job.revision,
        progress=_progress(job),
        file_names=job.request.file_names,
        output_file_name=job.request.output_file_name,
        engine=job.progress.engine,
        submit_time=job.submit_time,
        output_dir=posixpath.join(
            job.request.output_dir, set_directory(job.request.output_file_name)
        ),
        tables=map(table_message, job.tables),
        tables_total=job.tables_total,
        **_options(job),
    )


def _options(job: Job) -> dict[str, Any]:
    """The options that a job shows, as they were asked for; the layout may be found by now."""
    shown = {name: getattr(job.request.options, name) for name in _SHOWN}
    return as_fields(shown | {"layout": job.progress.layout})


def job_or_not_found(job_id: str, job: Job | None) -> pb.Job:
    """The job, or the answer about one that is not there."""
    return job_message(job) if job else pb.Job(job_id=job_id, status=pb.Job.NOTFOUND)


def watch_bytes(change: Change) -> bytes:
    """The change as a serialised WatchJobResponse, which is also a WatchJobsResponse."""
    return pb.WatchJobResponse(data=_change(change)).SerializeToString()


def _change(change: Change) -> pb.Job:
    if isinstance(change, DeletedJob):
        return pb.Job(job_id=change.job_id, status=pb.Job.NOTFOUND, revision=change.revision)
    return job_message(change)


def table_message(table: Table) -> pb.Job.Table:
    """A table with those of its parts that are there."""
    return pb.Job.Table(
        name=table.name, rows=table.rows, parts=[_part(part) for part in table.parts]
    )


def summary_message(summary: Summary) -> pb.ShoppingSummary:
    """A shopping summary as callers see it."""
    message = pb.ShoppingSummary(
        months=summary.months,
        year_months=summary.year_months,
        order_lines=summary.order_lines,
        undated_lines=summary.undated_lines,
        foreign_lines=summary.foreign_lines,
        owner_field=summary.owner_field,
    )
    for first, seconds in summary.categories.items():
        # An empty list must show, too: naming the entry makes it.
        message.categories[first].extend(seconds)
    return message


def _progress(job: Job) -> pb.Job.Progress:
    reached = job.progress
    return pb.Job.Progress(
        bytes_total=reached.bytes_total,
        bytes_read=reached.bytes_read,
        records=reached.records,
        rows=reached.rows,
        files_total=reached.files_total,
        files_done=reached.files_done,
        percent=_percent(job),
        eta_seconds=job.eta_s,
        rejects=reached.rejects,
    )


def _percent(job: Job) -> float:
    if job.status is Status.DONE:
        return 100.0
    if not job.progress.bytes_total:
        return 0.0
    percent = 100 * job.progress.bytes_done / job.progress.bytes_total
    return round(min(percent, _MOST_PERCENT_BEFORE_DONE), 1)


def _part(part: PartFile) -> pb.Job.Part:
    return pb.Job.Part(file_name=part.file_name, rows=part.rows, bytes=part.size)
