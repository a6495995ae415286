"""What each format takes to be written that a server may have been installed without.

It is looked for, not imported: the server, which asks, must stay light.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec

from myd_grpc.options import Format

_NEEDS = {
    Format.XLSX: (
        "myd_grpc._native",
        "XLSX takes the native engine, whichever converts: install myd with Rust (cargo) there",
    ),
    Format.PARQUET: (
        "pyarrow",
        "PARQUET takes pyarrow: pip install 'myd-grpc[parquet]'",
    ),
}
"""A module for each, and what to do where it is not there."""


def unmet(formats: Iterable[Format]) -> list[str]:
    """What to do so that all of these can be written; nothing where they can."""
    needs = (_NEEDS[one] for one in formats if one in _NEEDS)
    return [what for module, what in needs if not find_spec(module)]
