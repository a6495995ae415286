"""The end of an attempt: its set appears, which is committed, or the job has none to be seen."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from myd_grpc.convert.errors import ConversionError
from myd_grpc.convert.model import PartFile, Progress
from myd_grpc.convert.output.naming import set_directory
from myd_grpc.jobs.model import QueuedJob
from myd_grpc.jobs.publish.place import NotDurableError
from myd_grpc.jobs.publish.sub_directories import DirectoryMissingError
from myd_grpc.jobs.run.context import AttemptContext, discard, may_have_attempts
from myd_grpc.jobs.run.recording import JobRecorder, pause
from myd_grpc.tracebacks import describe

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Complete:
    """A set that an attempt of that name has staged, and what is said of it.

    `uploaded` is the digest of its manifest, where there is a destination.
    """

    attempt: str
    uploaded: str
    progress: Progress
    parts: tuple[PartFile, ...]
    note: str


async def publish(
    job: QueuedJob, context: AttemptContext, recorder: JobRecorder, made: Complete
) -> None:
    """Let the set appear, and commit first that it will, and then that it has.

    It waits for what the machine lacks. Raises ConversionError when there is no set to be seen.
    """
    directory, replace = set_directory(job.name), job.overwrite
    staged = await context.in_output(
        job, lambda output: output.stage(job.job_id, made.attempt, made.uploaded)
    )
    await recorder.publishing(made.progress, made.parts, staged.token, made.note)
    try:
        is_left = await recorder.while_short(
            lambda: context.in_output(
                job, lambda output: output.publish(staged, directory, replace=replace)
            ),
            made.note,
        )
    except NotDurableError as error:
        await _take_back(job, context, directory)
        raise error.why from None
    await recorder.done(int(context.now()))
    logger.info("job %s: DONE, rows: %d", job.job_id, made.progress.rows)
    if is_left or may_have_attempts(context, job):
        await discard(context, job)


async def _take_back(job: QueuedJob, context: AttemptContext, directory: str) -> None:
    """Hide the set again, however long it takes: a FAILED job must have none to be seen."""
    job_id = job.job_id
    while True:
        try:
            await context.in_output(job, lambda output: output.take_back(job_id, directory))
        except DirectoryMissingError:
            return
        except (ConversionError, OSError) as error:
            logger.warning("job %s: its set is not hidden again: %s", job_id, describe(error))
            await pause()
        else:
            return
