"""Crashes at every named point and at random times; `make crash` does the same at length."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from myd_grpc.convert.engines.available import ENGINES
from tests.robustness.crash_plans import (
    IN_SERVER,
    IN_WORKER,
    ONLY_REPLACING,
    STOP,
    Kill,
    Plan,
    plan_at,
)
from tests.robustness.crash_world import World
from tests.robustness.crashing import Round, Tally, rounds
from tests.support.object_store import require_object_store, running_store

ENGINE_NAMES = list(ENGINES)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("victim", "points"),
    [
        ("server", [*IN_SERVER]),
        pytest.param("server", [*IN_WORKER], marks=pytest.mark.soak),
        ("worker", [*IN_WORKER]),
        (STOP, ["before_checkpoint_commit"]),
        pytest.param(STOP, ["batch_written", "after_sync", "after_rename"], marks=pytest.mark.soak),
    ],
)
def test_a_job_survives_a_crash_at_every_point(
    tmp_path: Path, victim: str, points: list[str]
) -> None:
    world, tally = World(tmp_path), Tally()
    try:
        for number, point in enumerate(points):
            one = plan_at(number, point, victim, ENGINE_NAMES, replaces=point in ONLY_REPLACING)
            Round(world, one, tally).run()
    finally:
        world.server.kill()
    assert tally.points.keys() == set(points)
    assert tally.outcomes == {"DONE": len(points)}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("victim", ["server", pytest.param(STOP, marks=pytest.mark.soak)])
def test_a_job_is_found_whose_caller_was_not_answered(tmp_path: Path, victim: str) -> None:
    world, tally = World(tmp_path), Tally()
    try:
        for turn in range(1, 12):  # the commit of the submission is one of these
            if tally.found:
                break
            kills = (Kill(victim, 0.0, "after_commit", turn),)
            one = Plan(
                "plain", "", marked=False, replaces=False, kills=kills, engines=("python",) * 2
            )
            Round(world, one, tally).run()
    finally:
        world.server.kill()
    assert tally.found
    assert tally.outcomes == {"DONE": tally.rounds}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kills", [3, pytest.param(10, marks=pytest.mark.soak)])
def test_jobs_survive_crashes_at_any_time(tmp_path: Path, kills: int) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")  # noqa: T201 - shown when it fails
    for one, _ in rounds(tmp_path, seed, kills=kills):
        print(one)  # noqa: T201


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.soak)])
def test_jobs_survive_crashes_with_all_in_object_storage(tmp_path: Path, kills: int) -> None:
    require_object_store()
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")  # noqa: T201 - shown when it fails
    with running_store(tmp_path / "store") as store:
        for one, _ in rounds(tmp_path, seed, kills=kills, store=store):
            print(one)  # noqa: T201
