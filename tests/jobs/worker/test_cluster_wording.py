"""What is said of a cluster: in words of everybody's, whatever Ray raises."""

from __future__ import annotations

import os

import pytest

if os.environ.get("CI") != "true":
    pytest.importorskip("ray", reason="left out: workers on a cluster, as there is no Ray")

from ray import exceptions

from myd_grpc.jobs.worker.cluster.frames import REMEDY
from myd_grpc.jobs.worker.cluster.wording import why, why_not


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (exceptions.ActorDiedError(), "its process or its node is gone"),
        (exceptions.ActorUnavailableError("", None), "its node cannot be reached"),
        (exceptions.WorkerCrashedError(), "its process or its node is gone"),
        (exceptions.AuthenticationError("token abc"), "this server is not let in"),
        (exceptions.GetTimeoutError(), "it did not answer in time"),
        (ConnectionError("10.0.0.1:6379"), "there is none, or it does not answer"),
        (RuntimeError("10.0.0.1"), "Ray failed (RuntimeError)"),
    ],
    ids=lambda one: type(one).__name__ if isinstance(one, Exception) else "",
)
def test_what_ray_raises_is_said_in_words(error: Exception, words: str) -> None:
    assert why(error) == words
    assert why_not(error) == f"{words}: {REMEDY}"
