"""The memory of other processes, to be searched for what must not be in it. For root alone."""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

_RANGE = re.compile(r"([0-9a-f]+)-([0-9a-f]+) rw")
_MOST = 64 << 20
_OVERLAP = 256


def spellings(secret: bytes) -> dict[str, bytes]:
    """How a secret may be written."""
    return {
        "raw": secret,
        "hex": secret.hex().encode(),
        "HEX": secret.hex().upper().encode(),
        # The ends depend on what is around.
        "base64": base64.b64encode(secret).rstrip(b"=")[:-1],
    }


def copies(pid: int, secret: bytes) -> Counter[str]:
    """How many copies of a secret there are in a process's memory, by how they are written."""
    found: Counter[str] = Counter()
    for memory in _contents(pid):
        for name, one in spellings(secret).items():
            found[name] += memory.count(one)
    return +found


def _contents(pid: int) -> Iterator[bytes]:
    """All that the process can write, piece by piece."""
    try:
        memory = Path(f"/proc/{pid}/mem").open("rb", buffering=0)  # noqa: SIM115
    except PermissionError:
        pytest.skip("only root may look into another process")
    with memory:
        for first, last in _RANGE.findall(Path(f"/proc/{pid}/maps").read_text()):
            start, end = int(first, 16), int(last, 16)
            for place in range(start, end, _MOST):
                memory.seek(place)
                try:
                    yield memory.read(min(end - place, _MOST + _OVERLAP))
                except OSError:
                    break  # what the kernel shows nobody, or what is gone by now
