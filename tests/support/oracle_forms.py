"""The oracle of the tests: what text a file holds, whatever is around it (docs/spec.md 2.3, 2.10).

All at once, and with one-shot functions of libraries only.
"""

from __future__ import annotations

import binascii
import gzip
import re
import zlib

from Crypto.Cipher import AES
from Crypto.Util.Padding import unpad

from tests.support.compressing import zstd_library

_SPACE = re.compile(rb"\s")
_HEX = re.compile(rb"[0-9a-fA-F\s]+")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_=\s-]+")
_BOMS = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}


class FormError(Exception):
    """The file is in none of the forms, or damaged."""


def text_of(stored: bytes, key: tuple[bytes, bytes] | None, encoding: str) -> bytes:
    """The text in UTF-8 of a file with these bytes; raises FormError.

    `key` are a key and an iv.
    """
    try:
        plain = _decrypted(stored, *key) if key else stored
        return _in_utf8(_expanded(plain), encoding)
    except (ValueError, EOFError, OSError, zlib.error, zstd_library().ZstdError) as error:
        raise FormError(str(error)) from error


def _decrypted(stored: bytes, key: bytes, iv: bytes) -> bytes:
    cipher = _ciphertext(_in_ascii(_expanded(stored)))
    return unpad(AES.new(key, AES.MODE_CBC, iv).decrypt(cipher), 16)


def _in_ascii(data: bytes) -> bytes:
    """Base64 or hex text, which may be in UTF-16; other data as it is."""
    codec = _BOMS.get(data[:2])
    try:
        text = data[2:].decode(codec).encode("ascii") if codec else data
    except UnicodeError:
        return data
    return text if _BASE64.fullmatch(text) else data


def _ciphertext(data: bytes) -> bytes:
    text = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    digits = text.removeprefix(b"0x")
    if _HEX.fullmatch(digits):
        return _expanded(binascii.unhexlify(_SPACE.sub(b"", digits)))
    if _BASE64.fullmatch(text):
        padded = _SPACE.sub(b"", text)
        letters = padded.rstrip(b"=")
        padding = b"=" * (-len(letters) % 4)
        if len(padded) > len(letters + padding):
            raise FormError("more padding than there can be")
        letters = letters.translate(bytes.maketrans(b"-_", b"+/"))
        return _expanded(binascii.a2b_base64(letters + padding, strict_mode=True))
    return data


def _expanded(data: bytes) -> bytes:
    if data.startswith(b"\x1f\x8b\x08"):
        return gzip.decompress(data)
    if data.startswith(b"\x28\xb5\x2f\xfd") or data[1:4] == b"\x2a\x4d\x18":
        expanded: bytes = zstd_library().decompress(data)
        return expanded
    return data


def _in_utf8(text: bytes, encoding: str) -> bytes:
    if codec := _BOMS.get(text[:2]):
        marks = text[:2] if text[2:4] == text[:2] else b""
        return (marks + text[2:]).decode(codec).encode()
    is_marked = text.startswith(b"\xef\xbb\xbf")
    return text.decode(encoding).encode() if encoding and not is_marked else text
