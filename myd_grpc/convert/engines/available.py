"""The engines there are."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from myd_grpc.convert.engines.engine import Engine

ENGINES: dict[str, Callable[[], Callable[[int], Engine]]] = {}
"""The engines by name, the best one first, which is what "auto" stands for.

The server names engines, and only its workers use one: what an engine takes is imported by a call.
"""

WITHOUT_NATIVE = ""
"""Why there is no native engine; empty where there is one."""


def engine_for(name: str, threads: int = 0) -> Engine:
    """The engine of that name, for `threads` threads (0: as many as is usual).

    Raises LookupError when it is not installed.
    """
    if name == "auto":
        name = next(iter(ENGINES))
    return ENGINES[name]()(threads)


def load() -> None:
    """Import what the engines take, for when a sandbox will not let it be read."""
    for engine in ENGINES.values():
        engine()


def _native_engine() -> Callable[[int], Engine]:
    from myd_grpc.convert.engines.native import NativeEngine  # noqa: PLC0415 - see ENGINES

    return NativeEngine


def _python_engine() -> Callable[[int], Engine]:
    from myd_grpc.convert.engines.python import PythonEngine  # noqa: PLC0415 - see ENGINES

    return PythonEngine


try:  # the compiled core is optional
    import myd_grpc._native  # noqa: F401 - whether it can be loaded
except ImportError:
    WITHOUT_NATIVE = (
        "was built, but cannot be loaded on this machine"
        if find_spec("myd_grpc._native")
        else "was not built, as that takes Rust (cargo) when myd is installed"
    )
else:
    ENGINES["native"] = _native_engine

ENGINES["python"] = _python_engine
