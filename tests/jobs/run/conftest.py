"""What the tests of how jobs are run share: servers without their rim."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.spread_house import House


@pytest.fixture
def house(tmp_path: Path) -> Callable[..., House]:
    """Makes houses; those of the same name have the same directories."""

    def make(slots: int, points: str = "", name: str = "house") -> House:
        (tmp_path / name).mkdir(exist_ok=True)
        return House(tmp_path / name, slots, points)

    return make
