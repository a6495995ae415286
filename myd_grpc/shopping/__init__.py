"""The summary of one user's shopping in one file (docs/spec.md 5): months and categories.

`summary.summarise` is run in a worker process: no gRPC and no SQLite here. The server knows only
what is asked and answered.
"""

from myd_grpc.convert.timezone import SEOUL
from myd_grpc.shopping.model import (
    DATE_FIELDS,
    OWNER_FIELDS,
    Query,
    Summary,
    UserNotFoundError,
)

__all__ = [
    "DATE_FIELDS",
    "OWNER_FIELDS",
    "SEOUL",
    "Query",
    "Summary",
    "UserNotFoundError",
]
