"""The program of a worker that can begin no thread for the tasks of some jobs."""

from __future__ import annotations

import resource
from typing import Any

from myd_grpc.jobs.worker import program

JOB = "short"
"""The id of such a job."""

_work = program._work


def work(task: Any, *others: Any) -> None:
    """Do the task, with as many threads as there may be for it."""
    limits = resource.getrlimit(resource.RLIMIT_NPROC)
    if task.job_id == JOB:
        resource.setrlimit(resource.RLIMIT_NPROC, (1, limits[1]))
    _work(task, *others)
    resource.setrlimit(resource.RLIMIT_NPROC, limits)


if __name__ == "__main__":
    program.__dict__["_work"] = work
    program.main()
