"""After a start: no job is WORKING without someone who works, no staging is left over."""

from __future__ import annotations

import logging

from myd_grpc.convert.errors import Reason
from myd_grpc.jobs.model import Identity, Job
from myd_grpc.jobs.publish import OutputDirectory
from myd_grpc.jobs.store import JobStore

logger = logging.getLogger(__name__)

INTERRUPTED = "the server was stopped before the job was done; submit it again"


async def recover(store: JobStore, output: OutputDirectory, now: int) -> None:
    """Settle what the last server left: published jobs are DONE, all others FAILED.

    The output directory is cleared before a failure is committed: who hears of it may count on
    the space. Blocks the loop, which serves nobody yet.
    """
    left = await store.working()
    published = [job for job, identity in left if _is_published(output, job, identity)]
    for job in published:
        await store.done(job.job_id, now)
    unfinished = [job for job, _ in left if job not in published]
    for job in unfinished:
        output.restore(job.job_id, job.request.output_file_name)
    output.sweep()
    await store.fail([job.job_id for job in unfinished], Reason.INTERRUPTED, INTERRUPTED, now)
    if left:
        logger.info("after restart: %d jobs done, %d failed", len(published), len(unfinished))


def _is_published(output: OutputDirectory, job: Job, identity: Identity | None) -> bool:
    name = job.request.output_file_name
    return identity is not None and output.holds_published(name, identity)
