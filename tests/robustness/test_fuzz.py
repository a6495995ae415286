"""Random documents through both engines; `make fuzz` has a million of them."""

from __future__ import annotations

import pytest

from tests.robustness import fuzz
from tests.support.converting import native


@native
@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(1, 4))]
)
def test_random_documents(seed: int) -> None:
    fuzz.compare(1000, seed)
