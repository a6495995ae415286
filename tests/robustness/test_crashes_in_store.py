"""Crashes at every named point, with inputs and sets in an object store."""

from __future__ import annotations

from pathlib import Path

import pytest

from myd_grpc.convert.engines.available import ENGINES
from tests.robustness.crash_plans import (
    IN_WORKER,
    STOP,
    STORE,
    STORED_IN_SERVER,
    UPLOADING,
    plan_at,
)
from tests.robustness.crash_world import World
from tests.robustness.crashing import Round, Tally
from tests.support.object_store import require_object_store, running_store

ENGINE_NAMES = list(ENGINES)


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("replaces", [False, True])
@pytest.mark.parametrize(
    ("victim", "points"),
    [
        ("server", [*STORED_IN_SERVER]),
        ("server", [*IN_WORKER, *UPLOADING]),
        ("all", [*UPLOADING, "before_publish"]),
        ("worker", [*IN_WORKER, *UPLOADING]),
        (STORE, [*UPLOADING, "batch_written", "write_manifest", "manifest_written"]),
        (STOP, ["batch_written", "after_sync", *UPLOADING, "write_manifest", "manifest_written"]),
    ],
)
def test_a_job_survives_a_crash_at_every_point(
    tmp_path: Path, victim: str, points: list[str], *, replaces: bool
) -> None:
    require_object_store()
    tally = Tally()
    with running_store(tmp_path / "store") as store:
        world = World(tmp_path, store)
        try:
            for number, point in enumerate(points):
                one = plan_at(number, point, victim, ENGINE_NAMES, replaces=replaces)
                Round(world, one, tally).run()
        finally:
            world.server.kill()
    assert tally.points.keys() == set(points)
    assert tally.outcomes == {"DONE": len(points)}
