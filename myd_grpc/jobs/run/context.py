"""What all attempts at jobs share, and how a job ends without a set."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from myd_grpc.convert.errors import ConversionError, Reason, ShortageError
from myd_grpc.convert.model import Conversion
from myd_grpc.convert.output.naming import set_directory
from myd_grpc.errors import InvalidRequestError
from myd_grpc.jobs.manifest import Destination
from myd_grpc.jobs.model import QueuedJob, Request
from myd_grpc.jobs.publish.place import OutputPlace
from myd_grpc.jobs.publish.sub_directories import DirectoryMissingError
from myd_grpc.jobs.run.recording import pause, persist
from myd_grpc.jobs.store.store import JobStore
from myd_grpc.jobs.worker.executor import Executor

logger = logging.getLogger(__name__)

_Result = TypeVar("_Result")

_FEW_FILES = 100
"""Files whose names are looked at in no time."""

_NO_INPUT = (
    "the server was started again with directories in which a file is no input; submit it again"
)


@dataclass(frozen=True, slots=True)
class AttemptContext:
    """What all attempts share.

    `conversion_of` tells what a request stands for, and raises InvalidRequestError when its files
    are no inputs any more. `checkpoint_s` is how often a worker saves where it is, `space_percent`
    how much room is wanted for the output, measured by the size of the input. `most_s` is for how
    many seconds an attempt may go on; 0 is for ever. `now` tells the time in epoch seconds.
    """

    store: JobStore
    output: OutputPlace
    workers: Executor
    conversion_of: Callable[[Request], Conversion]
    checkpoint_s: float = 1.0
    space_percent: int = 0
    most_s: int = 0
    now: Callable[[], float] = time.time

    async def conversion(self, request: Request) -> Conversion:
        """The conversion that is asked for. Raises ConversionError when there is no input."""
        try:
            if len(request.file_names) > _FEW_FILES:
                return await asyncio.to_thread(self.conversion_of, request)
            return self.conversion_of(request)
        except InvalidRequestError:
            raise ConversionError(Reason.INTERRUPTED, _NO_INPUT) from None

    def staging(self, job: QueuedJob, attempt: str) -> str:
        """The staging directory of a job's attempt of that name, or of the job's only one."""
        return str(self.output.staging(job.output_dir, job.job_id, attempt))

    def destination(self, job: QueuedJob, attempt: str) -> Destination | None:
        """Where a job's attempt of that name uploads what it has staged; None: nowhere."""
        return self.output.destination(job.output_dir, set_directory(job.name), attempt)

    async def in_output(self, job: QueuedJob, act: Callable[[OutputPlace], _Result]) -> _Result:
        """What `act` makes, in a thread, of the directory in which the job's set is to be."""
        return await asyncio.to_thread(self.output.within, job.output_dir, act)


async def fail(context: AttemptContext, job: QueuedJob, reason: Reason, message: str) -> None:
    """Free the job's space and commit its failure, in this order: who hears of it may count on it.

    Nothing may be working on the job.
    """
    job_id = job.job_id
    await discard(context, job)
    await persist(
        f"job {job_id}", lambda: context.store.fail([job_id], reason, message, int(context.now()))
    )
    logger.info("job %s: FAILED, %s", job_id, reason)


def may_have_attempts(context: AttemptContext, job: QueuedJob) -> bool:
    """Whether attempts may have left staging directories of their own, also under servers before.

    To find them, all names in the output directory are read.
    """
    return context.workers.may_linger or job.begun


async def discard(context: AttemptContext, job: QueuedJob) -> None:
    """Free the job's space, however long the machine lacks what that takes."""
    while True:
        try:
            await context.in_output(
                job,
                lambda output: output.discard(job.job_id, attempts=may_have_attempts(context, job)),
            )
        except ShortageError as error:
            logger.warning("job %s: %s", job.job_id, error.message)
            await pause()
        except DirectoryMissingError:
            return
        except ConversionError as error:
            logger.warning("job %s: nothing is removed: %s", job.job_id, error.message)
            return
        else:
            return
