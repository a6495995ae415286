"""Crashes at any time of servers, and of workers, actors and nodes of a real Ray cluster."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.robustness.crashing_on_cluster import rounds
from tests.support.ray_cluster import require_ray

require_ray()


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_jobs_survive_crashes_at_any_time(tmp_path: Path) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")  # noqa: T201 - shown when it fails
    for one, _ in rounds(tmp_path, seed, kills=6):
        print(one)  # noqa: T201
