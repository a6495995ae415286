"""What several workers have to do of a job: all of it, or what its checkpoint leaves."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from myd_grpc.convert.checkpoint_form import StaleCheckpointError
from myd_grpc.convert.model import Conversion
from myd_grpc.convert.output.naming import set_directories, set_directory
from myd_grpc.jobs.model import QueuedJob, SavedCheckpoint
from myd_grpc.jobs.publish.place import OutputPlace, StagedShare
from myd_grpc.jobs.run.context import AttemptContext, discard
from myd_grpc.jobs.run.recording import JobRecorder
from myd_grpc.jobs.run.shares import Share, Shares, Whole, split
from myd_grpc.jobs.worker.protocol import Looked

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SharesLeft:
    """The job as a whole, and its shares in order, also those that are made."""

    whole: Whole
    shares: list[Share]


async def shares_left(
    job: QueuedJob,
    context: AttemptContext,
    recorder: JobRecorder,
    conversion: Conversion,
    looked: Looked,
) -> SharesLeft:
    """The shares as the checkpoint has them, or new ones where there is none that fits."""
    _, checkpoint = await recorder.work()
    directories = await asyncio.to_thread(set_directories, conversion.file_names)
    conversion = replace(conversion, set_directories=directories)
    name, shares = await _resumed(job, context, looked, checkpoint)
    if checkpoint and not shares:
        logger.warning("job %s: its checkpoint does not fit; from the start", job.job_id)
        await recorder.drop_checkpoint()
    if not shares:
        if job.begun or checkpoint:
            await discard(context, job)
        sizes = [version.size for version in looked.inputs]
        shares = await asyncio.to_thread(split, sizes, context.workers.slots)
    return SharesLeft(Whole(name, conversion, looked.inputs, looked.progress), shares)


async def _resumed(
    job: QueuedJob, context: AttemptContext, looked: Looked, checkpoint: SavedCheckpoint | None
) -> tuple[str, list[Share]]:
    """The attempt's name and the shares in the checkpoint; a new name, and none if it does not fit.

    The name stays the same: what is put together under it may have been begun.
    """
    if checkpoint:
        try:
            found = await asyncio.to_thread(Shares.from_json, checkpoint.state)
        except StaleCheckpointError:
            pass
        else:
            if found.inputs == looked.inputs:
                shares = await context.in_output(job, partial(_there, job, found.shares))
                logger.info("job %s: goes on from its checkpoint", job.job_id)
                return checkpoint.attempt, shares
    return secrets.token_hex(4), []


def join(job: QueuedJob, left: SharesLeft, attempt: str, output: OutputPlace) -> str:
    """Let one attempt have the sets of all shares; its `uploaded`. Raises ConversionError."""
    directories = left.whole.conversion.set_directories
    staged = [
        StagedShare(share.attempt, directories[share.first : share.end], share.made.uploaded)
        for share in left.shares
        if share.made
    ]
    return output.join(job.job_id, attempt, set_directory(job.name), staged)


def _there(job: QueuedJob, shares: Sequence[Share], output: OutputPlace) -> list[Share]:
    """The shares, but those from the start of which what was made is gone."""
    name = set_directory(job.name)
    return [
        Share(share.first, share.end)
        if share.made and not output.has_staged(job.job_id, share.attempt, name)
        else share
        for share in shares
    ]
