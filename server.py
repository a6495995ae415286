"""Starts the gRPC server; `myd_grpc.config` lists the settings."""

import sys

from myd_grpc.app import main

if __name__ == "__main__":
    sys.exit(main())
