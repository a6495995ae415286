"""What a worker loads in its sandbox, when a task asks for what that makes."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from myd_grpc.jobs.worker.landlock import READ, Access

_OURS = Path(__file__).parents[2]
"""What of ourselves rests on such a library."""
_LIBRARIES = ("pyarrow", "numpy")
"""What makes Parquet, and what that loads where it is there."""
# What is not Python in them rests on what is there, and the last says where in there.
_SYSTEM, _SYSTEM_INDEX = ("/lib", "/lib64", "/usr/lib", "/usr/lib64"), "/etc/ld.so.cache"


def rules() -> Iterator[tuple[str, Access]]:
    """What of this machine's files these need, to be read; nothing where they are not."""
    found = [place for name in _LIBRARIES for place in _places(name)]
    for library in found:
        # It is looked for among all that are beside it.
        yield str(library.parent), Access.READ_DIR
        yield str(library), READ
        yield str(library.with_name(f"{library.name}.libs")), READ
    if found:
        for place in (str(_OURS), *_SYSTEM):
            yield place, READ
        yield _SYSTEM_INDEX, Access.READ_FILE


def _places(name: str) -> Iterator[Path]:
    """The directory of a library."""
    spec = find_spec(name)
    if spec and spec.submodule_search_locations:
        yield from map(Path, spec.submodule_search_locations)
