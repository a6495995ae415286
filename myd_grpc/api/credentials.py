"""What a call comes with to say who makes it, read from its metadata and its connection."""

from __future__ import annotations

from typing import Any

from myd_grpc.callers.identity import Credentials

_NAMES = {"peer_uri": "uri:", "peer_dns": "dns:"}
"""Properties of a connection that hold the subject alternative names of its certificate. There is
no other that would do: `peer_identities()` falls back to the common name, which is free text."""


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
        () if passed_on else tuple(_alternative_names(context.auth_context())),
    )


def _alternative_names(properties: Any) -> list[str]:
    return [
        kind + name.decode("utf-8", "replace")
        for key, kind in _NAMES.items()
        for name in properties.get(key, ())
    ]
