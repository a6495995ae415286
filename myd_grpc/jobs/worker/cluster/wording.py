"""What Ray raises, in words: its own texts name processes and addresses, and its classes nobody."""

from __future__ import annotations

import platform

import ray
from ray.exceptions import (
    ActorUnavailableError,
    AuthenticationError,
    GetTimeoutError,
    OutOfDiskError,
    OutOfMemoryError,
    RayActorError,
    RaySystemError,
    RayTaskError,
    WorkerCrashedError,
)

from myd_grpc.jobs.worker.cluster.frames import REMEDY

# The first that fits counts: some are kinds of others.
_WORDS: tuple[tuple[type[BaseException], str], ...] = (
    (ActorUnavailableError, "its node cannot be reached"),
    (RayActorError, "its process or its node is gone"),
    (WorkerCrashedError, "its process or its node is gone"),
    (OutOfMemoryError, "its node has no memory left"),
    (OutOfDiskError, "its node has no room left on its disk"),
    (AuthenticationError, "this server is not let in"),
    (GetTimeoutError, "it did not answer in time"),
    (TimeoutError, "it did not answer in time"),
    (ConnectionError, "there is none, or it does not answer"),
    (RayTaskError, "its program failed there"),
    (RaySystemError, "the cluster failed"),
)


def why(error: Exception) -> str:
    """What an error of Ray's is about."""
    known = (words for kind, words in _WORDS if isinstance(error, kind))
    return next(known, f"Ray failed ({type(error).__name__})")


def why_not(error: Exception) -> str:
    """Why there is no joining a cluster."""
    if "Version mismatch" in str(error):
        return (
            f"it has another version of Ray or Python than the server ({ray.__version__} and "
            f"{platform.python_version()}): install the same on all"
        )
    return f"{why(error)}: {REMEDY}"
