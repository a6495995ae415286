"""The client library: typed calls, and watches that survive a restart of the server.

from myd_grpc.client import Client, Key

with Client("127.0.0.1:50051") as client:
    job_id = client.convert(["big.json"], "out", key=Key.from_file("big.key"))
    for job in client.watch(job_id):
        print(job.progress.percent, job.progress.rows)

AsyncClient is the same for asyncio.
"""

import logging

from myd_grpc.client.aio import AsyncClient
from myd_grpc.client.channel import DEFAULT_ADDRESS
from myd_grpc.client.client import Client
from myd_grpc.client.connector import InvalidTlsError, Tls
from myd_grpc.client.errors import (
    AlreadyExistsError,
    CallError,
    InvalidRequestError,
    NotFoundError,
    NotGrpcError,
    PermissionDeniedError,
    PreconditionError,
    ResourceError,
    TlsError,
    UnauthenticatedError,
    UnavailableError,
)
from myd_grpc.client.keys import InvalidKeyError, Key, MaskingKey
from myd_grpc.client.tokens import InvalidTokenError, TokenSource
from myd_grpc.options import (
    ConvertKeywords,
    Masking,
    MaskMethod,
    MaskProfile,
    MaskRule,
    ReadKeywords,
)

# Only a program that sets up its logs is told there; nothing is printed by itself.
logging.getLogger(__name__).addHandler(logging.NullHandler())

__all__ = [
    "DEFAULT_ADDRESS",
    "AlreadyExistsError",
    "AsyncClient",
    "CallError",
    "Client",
    "ConvertKeywords",
    "InvalidKeyError",
    "InvalidRequestError",
    "InvalidTlsError",
    "InvalidTokenError",
    "Key",
    "MaskMethod",
    "MaskProfile",
    "MaskRule",
    "Masking",
    "MaskingKey",
    "NotFoundError",
    "NotGrpcError",
    "PermissionDeniedError",
    "PreconditionError",
    "ReadKeywords",
    "ResourceError",
    "Tls",
    "TlsError",
    "TokenSource",
    "UnauthenticatedError",
    "UnavailableError",
]
