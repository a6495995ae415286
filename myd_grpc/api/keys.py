"""The keys of requests, checked: what is wrong with one is said without repeating any of it."""

from __future__ import annotations

import re

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.api.fields import Checks
from myd_grpc.convert.model import IV_BYTES, KEY_BYTES, MASKING_KEY_BYTES, CipherKey, Keys


def keys_of_conversion(message: pb.ConvertToCsvRequest) -> Keys:
    """The keys of a request that was served before. Raises InvalidRequestError."""
    checks = Checks()
    cipher = cipher_key(checks, message.aes256cbckey, message.iv)
    masking = masking_key(checks, "masking.key", message.masking.key)
    checks.raise_violations()
    return Keys(cipher, masking)


def keys_of_resume(message: pb.ResumeJobRequest) -> Keys:
    """The keys that are handed over. Raises InvalidRequestError."""
    checks = Checks()
    cipher = cipher_key(checks, message.aes256cbckey, message.iv)
    masking = masking_key(checks, "masking_key", message.masking_key)
    checks.raise_violations()
    return Keys(cipher, masking)


def cipher_key(checks: Checks, key: str, iv: str) -> CipherKey | None:
    """Key and iv, None for plain JSON; no iv where the files begin with theirs."""
    if iv and not key:
        checks.refuse("aes256cbckey", "must come with an iv: key and iv, the key alone, or neither")
    key_bytes = _hex(checks, "aes256cbckey", key, KEY_BYTES)
    iv_bytes = _hex(checks, "iv", iv, IV_BYTES)
    return CipherKey(key_bytes, iv_bytes) if key_bytes else None


def masking_key(checks: Checks, where: str, key: str) -> bytes:
    """The key of pseudonyms, none where there is none; `where` is the field that has it."""
    return _hex(checks, where, key, MASKING_KEY_BYTES)


def _hex(checks: Checks, name: str, text: str, size: int) -> bytes:
    if not text:
        return b""
    digits = 2 * size
    if not re.fullmatch(rf"[0-9a-fA-F]{{{digits}}}", text):
        checks.refuse(name, f"must be {digits} hex digits")
        return b""
    return bytes.fromhex(text)
