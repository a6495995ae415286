"""`python -m benchmarks.simulation.server SECONDS REPORT`: the server with simulated workers.

There are MYD_WORKERS of them, each job takes about so many seconds, and what is seen meanwhile is
written into the file REPORT at the end.
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.simulation.workers import SimulatedExecutor
from myd_grpc.app import main
from myd_grpc.config import Settings

if __name__ == "__main__":
    seconds, report = float(sys.argv[1]), Path(sys.argv[2])

    def executor(settings: Settings) -> SimulatedExecutor:
        """As many workers as are set."""
        return SimulatedExecutor(settings.workers, seconds, report)

    sys.exit(main(executor=executor))
