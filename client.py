"""The command line client; `python client.py --help` lists its commands."""

import sys

from myd_grpc.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
