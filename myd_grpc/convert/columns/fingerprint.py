"""What tells the keys of pseudonyms apart, without telling anything of them (docs/spec.md 3.13)."""

from __future__ import annotations

import hmac

_LABEL = b"myd masking key fingerprint"
"""No pseudonym is made of it: in what those are made of, a domain ends in U+0000."""
_DIGITS = 16


def key_fingerprint(key: bytes) -> str:
    """The first 64 bits of the HMAC-SHA-256 of a label, as hex digits."""
    return hmac.digest(key, _LABEL, "sha256").hex()[:_DIGITS]
