"""The program of a worker that tries to get out whenever it is given a conversion.

What came of that is a line in the server's log.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from myd_grpc.jobs.worker import program
from tests.support.attacks import all_tried

_work = program._work


def work(task: Any, *others: Any) -> None:
    """Try it all, and then do the task."""
    home = Path(task.conversion.data_dir).parent
    own = Path(task.staging).parent / ".tried"
    own.mkdir(exist_ok=True)
    tried = all_tried(os.getppid(), home, own)
    (own / "loot").unlink()
    own.rmdir()
    sys.stderr.write(f"tried {tried}\n")
    _work(task, *others)


if __name__ == "__main__":
    program.__dict__["_work"] = work
    program.main()
