"""Crashes at every named point, with inputs and sets in an object store."""

from __future__ import annotations

from pathlib import Path

import pytest

from myd_grpc.convert.engines.available import ENGINES
from tests.robustness.crash_inputs import KINDS
from tests.robustness.crash_plans import (
    CALLER,
    IN_WORKER,
    ONLY_AUDITED,
    STOP,
    STORE,
    STORED_IN_SERVER,
    UPLOADING,
    Kill,
    Plan,
)
from tests.robustness.crash_world import World
from tests.robustness.crashing import Round, Tally
from tests.support.object_store import require_object_store, running_store

ENGINE_NAMES = list(ENGINES)
EARLY = {"before_commit", "after_commit"}
"""Reached by the first statements of a starting server; later ones are of interest."""


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
                one = Plan(
                    kind=KINDS[number % len(KINDS)],
                    by=CALLER if number % 2 or point in ONLY_AUDITED else "",
                    marked=True,
                    replaces=replaces,
                    kills=(Kill(victim, 0.0, point, 8 if point in EARLY else 1),),
                    engines=(
                        ENGINE_NAMES[number % len(ENGINE_NAMES)],
                        ENGINE_NAMES[number // 2 % len(ENGINE_NAMES)],
                    ),
                )
                Round(world, one, tally).run()
        finally:
            world.server.kill()
    assert tally.points.keys() == set(points)
    assert tally.outcomes == {"DONE": len(points)}
