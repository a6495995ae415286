"""A key, what it encrypts, and requests that name it."""

from __future__ import annotations

import uuid
from typing import Any

from Crypto.Cipher import AES
from Crypto.Util.Padding import pad

KEY, IV = bytes(range(32)), bytes(range(16))
KEYS = {"aes256cbckey": KEY.hex(), "iv": IV.hex()}


def encrypted(text: str | bytes) -> bytes:
    data = text.encode() if isinstance(text, str) else text
    return AES.new(KEY, AES.MODE_CBC, IV).encrypt(pad(data, 16))


def with_id(**fields: Any) -> dict[str, Any]:
    """The fields of a request with the key and an id of its own."""
    return {**KEYS, "request_id": str(uuid.uuid4()), **fields}
