"""How many processors this process may use, by its affinity and by its control groups' quotas.

A container that may use two of sixty-four processors sees all of them: what it may use is in the
files of its control group (cgroups(7)), `cpu.max` of version 2 or `cpu.cfs_quota_us` of version 1.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

MEMBERSHIP = Path("/proc/self/cgroup")
ROOT = Path("/sys/fs/cgroup")

MOST_THREADS = 64
"""On so many threads an engine works at most."""


def usable(membership: Path = MEMBERSHIP, root: Path = ROOT) -> int:
    """How many processors this process may use, at least one; a part of one counts as one.

    `membership` names the control groups of this process, `root` is where they are mounted.
    """
    return max(1, min(len(os.sched_getaffinity(0)), *_quotas(membership, root)))


@cache
def _quotas(membership: Path, root: Path) -> tuple[int, ...]:
    """The quotas in processors, one of which bounds nothing; read once, as each job asks."""
    quotas = (_quota(group) for group in _groups(membership, root))
    return (sys.maxsize, *(math.ceil(quota) for quota in quotas if quota is not None))


def _groups(membership: Path, root: Path) -> Iterator[Path]:
    """The directories of the groups, and of all around them: each may have a quota of its own.

    A container may see its own group mounted as the root, and its name as it is outside.
    """
    for line in _text(membership).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        names = (controllers, "cpu", "cpu,cpuacct") if controllers else ("", "unified")
        inner = Path(path.lstrip("/"))
        for mount in dict.fromkeys(root / name for name in names):
            yield from (mount / part for part in (inner, *inner.parents) if ".." not in part.parts)


def _quota(group: Path) -> float | None:
    """The quota of a group in processors; None where it has none."""
    quota, _, period = _text(group / "cpu.max").partition(" ")
    if not quota:
        quota, period = _text(group / "cpu.cfs_quota_us"), _text(group / "cpu.cfs_period_us")
    try:
        return int(quota) / int(period) if int(quota) > 0 else None
    except (ValueError, ZeroDivisionError):
        return None  # "max", or no such file


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except (OSError, ValueError):
        return ""
