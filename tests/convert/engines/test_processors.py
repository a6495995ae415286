"""The number of processors that may be used, with made-up control groups."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from myd_grpc.config import Settings
from myd_grpc.convert.engines import processors
from myd_grpc.convert.engines.processors import usable

V1_MEMBERSHIP = "12:memory:/box\n4:cpu,cpuacct:/box/inner\n1:name=systemd:/box\n"


@pytest.fixture(autouse=True)
def sixteen_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)))


def made(home: Path, membership: str, files: dict[str, str]) -> tuple[Path, Path]:
    """A membership file, and a root of control groups with these files."""
    for name, text in files.items():
        path = home / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    (home / "membership").write_text(membership)
    return home / "membership", home / "cgroup"


@pytest.mark.parametrize(
    ("membership", "files", "expected"),
    [
        # A container sees its own group as the root.
        ("0::/\n", {"cpu.max": "200000 100000"}, 2),
        ("0::/\n", {"cpu.max": "max 100000"}, 16),
        ("0::/\n", {"cpu.max": "50000 100000"}, 1),
        ("0::/\n", {"cpu.max": "250000 100000"}, 3),
        ("0::/\n", {"cpu.max": "6400000 100000"}, 16),
        ("0::/\n", {}, 16),
        ("0::/\n", {"cpu.max": "what is this"}, 16),
        ("", {"cpu.max": "200000 100000"}, 16),
        # Groups within groups: the least counts, wherever it is.
        ("0::/a/b\n", {"a/cpu.max": "300000 100000", "a/b/cpu.max": "max 100000"}, 3),
        ("0::/a/b\n", {"a/cpu.max": "900000 100000", "a/b/cpu.max": "100000 50000"}, 2),
        ("0::/a/b\n", {"cpu.max": "400000 100000", "c/cpu.max": "100000 100000"}, 4),
        # A container without a namespace of its own: the name is that outside.
        ("0::/pods/this\n", {"cpu.max": "200000 100000"}, 2),
        ("0::/../other\n", {"cpu.max": "200000 100000"}, 2),
        # Version 1, by whichever name it is mounted.
        (
            V1_MEMBERSHIP,
            {
                "cpu,cpuacct/box/inner/cpu.cfs_quota_us": "-1",
                "cpu,cpuacct/box/inner/cpu.cfs_period_us": "100000",
                "cpu,cpuacct/box/cpu.cfs_quota_us": "150000",
                "cpu,cpuacct/box/cpu.cfs_period_us": "50000",
            },
            3,
        ),
        (
            V1_MEMBERSHIP,
            {"cpu/cpu.cfs_quota_us": "200000", "cpu/cpu.cfs_period_us": "100000"},
            2,
        ),
        # Both versions at once.
        ("1:cpu:/\n0::/\n", {"unified/cpu.max": "500000 100000"}, 5),
    ],
)
def test_the_least_of_all_quotas_and_of_the_affinity_counts(
    tmp_path: Path, membership: str, files: dict[str, str], expected: int
) -> None:
    assert usable(*made(tmp_path, membership, files)) == expected


def test_it_is_how_many_conversions_run_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = made(tmp_path, "0::/\n", {"cpu.max": "300000 100000"})
    monkeypatch.setattr(processors.usable, "__defaults__", files)
    assert Settings.from_environ({}).workers == 3
