"""What a call comes with to say who makes it, read from its metadata and its connection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from myd_grpc.callers.identity import Credentials

_GATEWAY = ("myd-via", "gateway")
"""What the gateway adds to each call. Its certificate opens the connection, and must not make one
caller of all who call by REST, whatever the callers file says. It takes a right and gives none, so
that it does not matter who else says it."""


def credentials_of(context: Any) -> Credentials:
    """The credentials of a call."""
    metadata = context.invocation_metadata() or ()
    passed_on = any((name, value) == _GATEWAY for name, value in metadata)
    return Credentials(
        tuple(value for name, value in metadata if name == "authorization"),
        () if passed_on else tuple(_certified_names(context.auth_context())),
    )


def _certified_names(connection: Any) -> Iterator[str]:
    if certificates := connection.get("x509_pem_cert", ()):
        # Only here: what reads certificates takes a tenth of the server's start.
        from myd_grpc.api.alternative_names import alternative_names  # noqa: PLC0415

        for certificate in certificates:
            yield from alternative_names(certificate)
