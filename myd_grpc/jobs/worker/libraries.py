"""What a worker loads in its sandbox, when a task asks for what that makes."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from myd_grpc.jobs.worker.landlock import READ, Access

_PARQUET = "pyarrow"
_LOADED_BY_IT = ("numpy",)
"""Where it is there."""
_LOADING_IT = Path(__file__).parents[2] / "convert" / "output"
"""Modules of ours that are loaded with it."""
# What is not Python in them rests on what is there, and the last says where in there.
_SYSTEM, _SYSTEM_INDEX = ("/lib", "/lib64", "/usr/lib", "/usr/lib64"), "/etc/ld.so.cache"

_EXPANDING = ("backports", "zlib_ng")
"""What expands inputs, where it is no part of Python's own library; it needs nothing beside it."""


def rules() -> Iterator[tuple[str, Access]]:
    """What of this machine's files these need, to be read; nothing where they are not."""
    for library in (place for name in _EXPANDING for place in _places(name)):
        yield str(library.parent), Access.READ_DIR
        yield str(library), READ
    if not find_spec(_PARQUET):
        return
    for library in (place for name in (_PARQUET, *_LOADED_BY_IT) for place in _places(name)):
        # It is looked for among all that are beside it.
        yield str(library.parent), Access.READ_DIR
        yield str(library), READ
        yield str(library.with_name(f"{library.name}.libs")), READ
    for directory in (str(_LOADING_IT), *_SYSTEM):
        yield directory, READ
    yield _SYSTEM_INDEX, Access.READ_FILE


def _places(name: str) -> Iterator[Path]:
    """The directory of a library."""
    spec = find_spec(name)
    if spec and spec.submodule_search_locations:
        yield from map(Path, spec.submodule_search_locations)
