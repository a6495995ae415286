"""The summary of one user's shopping in one file (docs/spec.md 5): months and categories.

It is run in a worker process: no gRPC and no SQLite here.
"""

from myd_grpc.shopping.model import (
    DATE_FIELDS,
    OWNER_FIELDS,
    SEOUL,
    Query,
    Summary,
    UserNotFoundError,
)
from myd_grpc.shopping.summary import summarise

__all__ = [
    "DATE_FIELDS",
    "OWNER_FIELDS",
    "SEOUL",
    "Query",
    "Summary",
    "UserNotFoundError",
    "summarise",
]
