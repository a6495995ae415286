"""The engines there are."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from myd_grpc.convert.engine import Engine, Flattening
from myd_grpc.convert.flatten import PythonEngine

ENGINES: dict[str, Callable[[Flattening, int], Engine]] = {}
"""By name, the best one first: that is what "auto" stands for."""

with suppress(ImportError):  # the compiled core is optional
    from myd_grpc.convert.native import NativeEngine

    ENGINES["native"] = NativeEngine

ENGINES["python"] = PythonEngine


def engine_for(name: str, flattening: Flattening, threads: int = 0) -> Engine:
    """The engine of that name, for `threads` threads (0: as many as is usual).

    Raises LookupError when it is not installed.
    """
    if name == "auto":
        name = next(iter(ENGINES))
    return ENGINES[name](flattening, threads)
