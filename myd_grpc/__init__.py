"""Convert encrypted MyData JSON files to CSV and summarise shopping, over gRPC."""

import os

# gRPC's core writes lines of its own to stderr, in a form of its own, for what is told here anyway,
# as for a port that is taken. It reads this when it is loaded, and not again.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
