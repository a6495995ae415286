"""The engines there are."""

from __future__ import annotations

from myd_grpc.convert.engine import Engine, Flattening
from myd_grpc.convert.flatten import PythonEngine

ENGINES = {"python": PythonEngine}
"""By name, the best one first: that is what "auto" stands for."""


def engine_for(name: str, flattening: Flattening) -> Engine:
    """The engine of that name; raises LookupError when it is not installed."""
    if name == "auto":
        name = next(iter(ENGINES))
    return ENGINES[name](flattening)
