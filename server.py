"""Starts the gRPC server; docs/operating.md lists its settings, which are environment variables."""

import argparse
import sys

from myd_grpc.app import main

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rest", action="store_true", help="run the REST gateway beside it")
    sys.exit(main(rest=parser.parse_args().rest))
