"""The engines there are."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

from myd_grpc.convert.engines.engine import Engine
from myd_grpc.convert.engines.python import PythonEngine

ENGINES: dict[str, Callable[[int], Engine]] = {}
"""The engines by name, the best one first, which is what "auto" stands for."""

WITHOUT_NATIVE = ""
"""Why there is no native engine; empty where there is one."""

try:  # the compiled core is optional
    from myd_grpc.convert.engines.native import NativeEngine
except ImportError:
    WITHOUT_NATIVE = (
        "was built, but cannot be loaded on this machine"
        if find_spec("myd_grpc._native")
        else "was not built, as that takes Rust (cargo) when myd is installed"
    )
else:
    ENGINES["native"] = NativeEngine

ENGINES["python"] = PythonEngine


def engine_for(name: str, threads: int = 0) -> Engine:
    """The engine of that name, for `threads` threads (0: as many as is usual).

    Raises LookupError when it is not installed.
    """
    if name == "auto":
        name = next(iter(ENGINES))
    return ENGINES[name](threads)
