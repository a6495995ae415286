"""`make demo`, smaller: it shows all it says, and cleans up when it is interrupted."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
from rich.cells import cell_len

from tests.support.resting import GATEWAY, build_gateway
from tests.support.serving import ROOT, Hold
from tests.support.terminal import Terminal

DEMO = [sys.executable, str(ROOT / "scripts" / "demo.py"), "--directory"]


def servers_of(directory: Path) -> list[int]:
    """Processes whose settings name the directory."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("MYD_DATA_DIR") == str(directory / "data"):
                found.append(process.pid)
        except psutil.Error:  # gone, or not ours to look at
            continue
    return found


def test_the_demo_goes_all_the_way(tmp_path: Path) -> None:
    if shutil.which("go"):
        build_gateway()
    by_rest = GATEWAY.exists()
    program = [*DEMO, str(tmp_path / "demo"), "--size", "200KB"]
    terminal = {**os.environ, "COLUMNS": "80"}
    done = subprocess.run(program, env=terminal, capture_output=True, text=True, check=True)
    shown = done.stdout
    for sight in ("listening on 127.0.0.1:", "CSV files in", "user-000001,f1r1,", "2022-06"):
        assert sight in shown
    cut = [line for line in shown.splitlines() if line.endswith(" ...")]
    assert len(cut) >= 3
    assert max(map(cell_len, cut)) <= 80
    assert ("/jobs/live" in shown) == by_rest
    assert ('{"data":[{"job_id":"' in shown) == by_rest
    assert servers_of(tmp_path / "demo") == []


def test_an_interrupted_demo_leaves_nothing(tmp_path: Path, hold: Callable[[str], Hold]) -> None:
    written = hold("batch_written")
    environment = {**os.environ, "MYD_FAILPOINTS": written.setting}
    demo = Terminal([*DEMO, str(tmp_path / "demo"), "--size", "2MB"], environment)
    demo.read_until("listening on")
    assert servers_of(tmp_path / "demo")
    written.reached()
    demo.read_until("converting")
    demo.type("\x03")
    assert demo.exit_code() == 130
    assert "Traceback" not in demo.shown
    assert not (tmp_path / "demo").exists()
    assert servers_of(tmp_path / "demo") == []
