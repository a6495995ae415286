"""Which build of myd this is: machines that work together must have the same."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

_PACKAGE = Path(__file__).parent


@cache
def build() -> str:
    """The version, and a hash over the sources: `0.1.0+3f2a9c51d07e`.

    The native engine does not count: all engines make the same bytes.
    """
    seen = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*.py")):
        seen.update(f"{path.relative_to(_PACKAGE)}\0".encode() + path.read_bytes() + b"\0")
    return f"{version('myd-grpc')}+{seen.hexdigest()[:12]}"
