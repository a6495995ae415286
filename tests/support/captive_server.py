"""The server with workers that try to get out (see `captive_worker`)."""

from __future__ import annotations

import sys

from myd_grpc.app import main
from myd_grpc.jobs.worker import process

if __name__ == "__main__":
    process.PROGRAM = "tests.support.captive_worker"
    sys.exit(main())
