"""The benchmarks: that they measure and write; what they find is not for a test."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks import plot
from myd_grpc.convert.engines.available import ENGINES
from tests.support.converting import native
from tests.support.object_store import require_object_store
from tests.support.resting import build_gateway
from tests.support.serving import ROOT


def test_a_page_is_written(tmp_path: Path) -> None:
    options = ["--quick", "--only", "shapes", "--write", str(tmp_path)]
    subprocess.run([sys.executable, "-m", "benchmarks", *options], cwd=ROOT, check=True)
    page = (tmp_path / "benchmarks.md").read_text("utf-8")
    assert page.startswith("# Benchmarks\n\nMeasured 20")
    assert "## Cost by the shape of records" in page
    assert all(f"{engine}, ns/byte" in page for engine in ENGINES)
    assert [path.name for path in tmp_path.iterdir()] == ["benchmarks.md"]


@pytest.mark.soak
@pytest.mark.parametrize(
    "section",
    [
        "browsers",
        "choosing",
        "cluster",
        "flood",
        pytest.param("headline", marks=native),
        "latency",
        "many_files",
        "objects",
        "package",
        "parquet",
        "rejects",
        "simulation",
        "summary",
        "watchers",
        pytest.param("workbooks", marks=native),
    ],
)
def test_a_section_is_measured(section: str) -> None:
    if section == "browsers":
        build_gateway()
    if section == "cluster" and os.environ.get("CI") != "true":
        pytest.importorskip("ray", reason="left out: workers on a cluster, as there is no Ray")
    if section == "parquet":
        pytest.importorskip("pyarrow", reason="left out: Parquet, as there is no pyarrow")
    if section == "objects":
        require_object_store()
    command = [sys.executable, "-m", "benchmarks", "--quick", "--only", section]
    subprocess.run(command, cwd=ROOT, check=True)


def test_bars_are_as_long_as_the_speeds_are_high() -> None:
    page = (ROOT / "docs" / "benchmarks.md").read_text("utf-8")
    picture = ET.fromstring(plot.drawn(page))  # noqa: S314 - it is our own
    space = "{http://www.w3.org/2000/svg}"
    bars = [int(one.attrib["width"]) for one in picture.iter(f"{space}rect")][1:]
    texts = list(picture.iter(f"{space}text"))
    speeds = [int(one.text or "") for one in texts if one.get("class") == "speed"]
    assert len(bars) == len(speeds) >= 4
    assert bars == sorted(bars, reverse=True)
    scale = bars[0] / speeds[0]
    assert all(
        abs(bar - max(2, speed * scale)) < 2 for bar, speed in zip(bars, speeds, strict=True)
    )
