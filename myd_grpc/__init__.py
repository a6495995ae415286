"""Convert encrypted MyData JSON files to CSV and summarise shopping, over gRPC."""

import os

# gRPC's core writes lines of its own to stderr, one for each caller whose handshake fails: only
# errors of its own are wanted there. It reads this when it is loaded, and not again.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
