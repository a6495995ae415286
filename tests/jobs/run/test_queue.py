"""The queue of jobs: how many of a caller wait and run, and who is next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myd_grpc.callers.model import CallerLimits
from myd_grpc.convert.model import NO_KEYS
from myd_grpc.errors import QueueFullError, QuotaError
from myd_grpc.jobs.model import QueuedJob
from myd_grpc.jobs.run.queue import JobQueue

NAMES = "abcdefghijklmnopqrst"


def job(owner: str, number: int) -> QueuedJob:
    return QueuedJob(f"{owner}{number}", owner, "", "out", NO_KEYS, overwrite=True)


def submit(queue: JobQueue, owner: str, number: int) -> None:
    with queue.accepting(owner):
        queue.add(job(owner, number))


def queue_with(workers: int, max_queued: int, limits: Mapping[str, CallerLimits]) -> JobQueue:
    return JobQueue(lambda: workers, max_queued, lambda name: limits.get(name, CallerLimits()))


def test_a_caller_has_so_many_jobs_waiting_and_others_are_let_in() -> None:
    queue = queue_with(1, 100, {"a": CallerLimits(queued=2)})
    for number in range(3):
        submit(queue, "a", number)
        queue.begin()
    with pytest.raises(QuotaError) as refused:
        submit(queue, "a", 3)
    assert (refused.value.subject, refused.value.retry_s) == ("caller", 5)
    submit(queue, "b", 0)
    assert queue.get("b0")


def test_a_caller_with_no_place_to_wait_may_still_begin_at_once() -> None:
    queue = queue_with(2, 100, {"a": CallerLimits(running=1, queued=0)})
    submit(queue, "a", 0)
    assert queue.begin()
    with pytest.raises(QuotaError):
        submit(queue, "a", 1)
    queue.end(job("a", 0))
    submit(queue, "a", 1)


def test_places_of_jobs_that_are_being_submitted_are_kept() -> None:
    queue = queue_with(0, 2, {"a": CallerLimits(queued=1)})
    with queue.accepting("a"):
        with pytest.raises(QuotaError), queue.accepting("a"):
            pass
        with queue.accepting("b"), pytest.raises(QueueFullError), queue.accepting("c"):
            pass
    submit(queue, "a", 0)


def test_a_caller_at_its_bound_leaves_workers_to_others() -> None:
    queue = queue_with(3, 100, {"a": CallerLimits(running=1)})
    for number in range(5):
        submit(queue, "a", number)
    first = queue.begin()
    assert first
    assert queue.begin() is None
    submit(queue, "b", 0)
    assert queue.begin() == job("b", 0)
    queue.end(first)
    assert queue.begin() == job("a", 1)


def test_a_job_that_is_taken_out_leaves_its_place() -> None:
    queue = queue_with(0, 1, {})
    submit(queue, "a", 0)
    assert queue.remove("a0") == job("a", 0)
    assert queue.remove("a0") is None
    submit(queue, "b", 0)
    assert queue.remove_all() == [job("b", 0)]
    assert queue.get("b0") is None


@given(
    st.lists(st.sampled_from(NAMES), max_size=120),
    st.dictionaries(st.sampled_from(NAMES), st.integers(1, 3)),
    st.integers(1, 4),
    st.randoms(use_true_random=False),
)
def test_of_many_callers_each_is_served_in_turn_within_its_bounds(
    came: list[str], bounds: dict[str, int], workers: int, random: object
) -> None:
    limits = {name: CallerLimits(running=most) for name, most in bounds.items()}
    queue = queue_with(workers, len(came), limits)
    for number, owner in enumerate(came):
        submit(queue, owner, number)
    running: list[QueuedJob] = []
    served: list[str] = []
    left = Counter(came)
    while len(served) < len(came):
        while begun := queue.begin():
            running.append(begun)
            served.append(begun.job_id)
            left[begun.owner] -= 1
        mine = Counter(one.owner for one in running)
        assert all(mine[name] <= most for name, most in bounds.items())
        # No worker is idle while somebody may run one more.
        if len(running) < workers:
            assert all(mine[name] >= bounds.get(name, workers) for name in +left)
        ended = running.pop(random.randrange(len(running)))  # type: ignore[attr-defined]
        queue.end(ended)
    own = {name: [one for one in served if one[0] == name] for name in set(came)}
    for jobs in own.values():
        assert jobs == sorted(jobs, key=lambda one: int(one[1:]))


def test_jobs_that_ran_before_a_restart_go_on_first() -> None:
    queue = queue_with(2, 100, {})
    names = ["a0", "a1", "a2", "b0", "c0", "b1"]
    for name in names:  # in the order of their submission, as the store has them
        queue.add(replace(job(name[0], int(name[1])), begun=name in {"a0", "b0"}))
    went_on = [queue.begin(), queue.begin()]
    assert [one.job_id for one in went_on if one] == ["a0", "b0"]
    served = []
    for _ in range(4):
        queue.end(job("a", 0))
        served.append(queue.begin())
    assert [one.job_id for one in served if one] == ["a1", "c0", "b1", "a2"]


def test_slots_that_no_job_wants_are_lent_and_wanted_back() -> None:
    queue = queue_with(3, 100, {})
    submit(queue, "a", 0)
    assert queue.begin()
    assert [queue.lend() for _ in range(3)] == [True, True, False]
    assert queue.wanted_back == 0
    for number in range(3):
        submit(queue, "b", number)
    assert queue.begin() is None
    assert queue.wanted_back == 2  # the third could not begin in them either
    queue.take_back()
    assert queue.begin()
    assert queue.wanted_back == 1
    assert not queue.lend()


def test_slots_are_lent_while_those_that_wait_may_not_run() -> None:
    queue = queue_with(3, 100, {"a": CallerLimits(running=1)})
    submit(queue, "a", 0)
    assert queue.begin()
    submit(queue, "a", 1)
    assert queue.lend()
    submit(queue, "b", 0)
    assert not queue.lend()
    assert queue.wanted_back == 0  # one is free
    assert queue.begin()


def test_a_job_that_is_published_leaves_its_slot_but_counts_as_running() -> None:
    queue = queue_with(1, 100, {"a": CallerLimits(running=2)})
    for number in range(3):
        submit(queue, "a", number)
    submit(queue, "b", 0)
    assert queue.begin() == job("a", 0)
    assert queue.begin() is None
    queue.publish()
    assert queue.begin() == job("b", 0)
    queue.publish()
    assert queue.begin() is None  # two sets are enough to be published with one slot
    queue.end(job("b", 0), published=True)
    assert queue.begin() == job("a", 1)
    queue.end(job("a", 1))
    assert queue.begin() == job("a", 2)
    queue.end(job("a", 2))
    queue.end(job("a", 0), published=True)
    assert [queue.lend(), queue.lend()] == [True, False]


def test_as_many_of_a_caller_run_as_may_while_one_is_published() -> None:
    queue = queue_with(2, 100, {"a": CallerLimits(running=1)})
    submit(queue, "a", 0)
    submit(queue, "a", 1)
    assert queue.begin()
    queue.publish()
    assert queue.begin() is None
    queue.end(job("a", 0), published=True)
    assert queue.begin() == job("a", 1)
