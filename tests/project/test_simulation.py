"""The simulation of many workers, in a small form: nothing is lost, and nobody waits for ever."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.service import running
from tests.support.serving import PATIENCE_S, ROOT

WORKERS, JOBS, WATCHERS = 20, 60, 50


def test_all_jobs_end_and_all_watchers_see_it(tmp_path: Path) -> None:
    report = tmp_path / "report"
    program = ("-m", "benchmarks.simulation.server", "0.2", str(report))
    with running(program=program, MYD_WORKERS=str(WORKERS)) as service:
        numbers = [JOBS, WATCHERS, WORKERS, 0]
        load = ["-m", "benchmarks.simulation.load", service.address, *map(str, numbers)]
        done = subprocess.run(
            [sys.executable, *load],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            timeout=PATIENCE_S,
            check=True,
        )
    seen = json.loads(done.stdout)
    assert seen["jobs"] == {"DONE": JOBS}
    assert seen["outcomes"] == {"DONE": WATCHERS}
    figures = json.loads(report.read_text())
    # A worker reports at least at its beginning, and a watcher sees at least the end.
    assert len(figures["late"]) >= JOBS
    assert seen["messages"] >= WATCHERS
