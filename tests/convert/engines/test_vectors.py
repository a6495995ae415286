"""The native engine with the vectors of older processors, which this one has, too."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.converting import native
from tests.support.serving import ROOT

LEVELS = ("any", "avx2", "avx512")
"""As `MYD_VECTORS` names them, the least first."""
FUZZ = """
import sys
from myd_grpc import _native
from tests.robustness import fuzz
fuzz.compare(60, 41)
print(*_native.vectors())
"""


def with_vectors(asked: str, program: str) -> list[str]:
    """What a program prints in a process that may use these vectors at most."""
    environ = {**os.environ, "MYD_VECTORS": asked}
    command = [sys.executable, "-c", program]
    return subprocess.check_output(command, env=environ, cwd=ROOT, text=True).split()


@native
@pytest.mark.parametrize("asked", LEVELS[:2])
def test_random_documents_become_the_same_with_lesser_vectors(asked: str) -> None:
    # Not imported above: where the engine was not built, there is none.
    from myd_grpc import _native  # noqa: PLC0415

    widest, compiled = _native.vectors()
    lesser = min(asked, widest, key=LEVELS.index)
    assert with_vectors(asked, FUZZ)[-2:] == [lesser, compiled]


@native
def test_vectors_that_do_not_exist_are_not_heeded() -> None:
    ask = "from myd_grpc import _native; print(*_native.vectors())"
    assert with_vectors("sse9", ask) == with_vectors("", ask)
