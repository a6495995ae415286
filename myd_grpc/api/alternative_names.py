"""The names that callers are known by, read from their certificates (RFC 5280, 4.2.1.6)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from Crypto.IO import PEM
from Crypto.Util.asn1 import DerObject, DerObjectId, DerOctetString, DerSequence

_KINDS = {0x82: "dns:", 0x86: "uri:"}
"""Tags of the kinds of general names that callers are known by."""
_EXTENSIONS = b"\xa3"
_ALTERNATIVE_NAMES = "2.5.29.17"


@lru_cache(maxsize=1024)
def alternative_names(certificate: bytes) -> tuple[str, ...]:
    """The names in a certificate (PEM) that the library has verified, whole; none if it is odd.

    Not those that the library tells by itself: it cuts names off at U+0000, so that a certificate
    for `a.example`, U+0000 and anything would be one for `a.example`; and its `peer_identities()`
    falls back to the common name, which is free text.
    """
    try:
        der, _, _ = PEM.decode(certificate.decode("ascii"))
        return tuple(_names(der))
    except (ValueError, IndexError, TypeError):
        return ()


def _names(der: bytes) -> Iterator[str]:
    signed = _parts(_parts(der)[0])
    for field in signed:
        if isinstance(field, bytes) and field.startswith(_EXTENSIONS):
            for extension in _parts(DerObject().decode(field).payload):
                identifier, *_, value = _parts(extension)
                if DerObjectId().decode(identifier).value == _ALTERNATIVE_NAMES:
                    yield from _general_names(DerOctetString().decode(value).payload)


def _general_names(der: bytes) -> Iterator[str]:
    for name in _parts(der):
        if kind := _KINDS.get(name[0]):
            # As long as it says it is, whatever is in it. Text that is not ASCII is nobody's.
            yield kind + DerObject().decode(name).payload.decode("ascii", "replace")


def _parts(der: bytes) -> list[Any]:
    """The elements of a sequence: numbers as such, all else as it is encoded."""
    sequence = DerSequence().decode(der)
    return [sequence[index] for index in range(len(sequence))]
