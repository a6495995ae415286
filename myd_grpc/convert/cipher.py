"""AES-256-CBC as MyData files use it: PKCS#7 padding, ciphertext raw or as base64 or hex text.

Decryption in CBC mode is block-parallel (NIST SP 800-38A, 6.2): P[i] = D(C[i]) xor C[i-1]. So a
whole chunk goes through the ECB core and is xored with itself shifted by one block, which is
several times as fast as the library's CBC mode.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable

from Crypto.Cipher import AES
from Crypto.Util.strxor import strxor

from myd_grpc.convert.model import CipherKey

BLOCK = 16
"""Bytes of one AES block."""

_HEX = frozenset(b"0123456789abcdefABCDEF")
_BASE64 = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")
_WHITESPACE = b" \t\r\n"


class PaddingError(ValueError):
    """The last block does not end in PKCS#7 padding."""


class CbcDecryptor:
    """Decrypts consecutive whole blocks; state is the previous ciphertext block only."""

    def __init__(self, key: CipherKey) -> None:
        self._ecb = AES.new(key.key, AES.MODE_ECB)
        self._before = key.iv

    def decrypt(self, ciphertext: bytes) -> bytes:
        """The plaintext of whole blocks."""
        chained = self._before + ciphertext
        self._before = chained[-BLOCK:]
        return strxor(self._ecb.decrypt(ciphertext), chained[:-BLOCK])


def unpad(last_block: bytes) -> bytes:
    """What is left of the last block without its PKCS#7 padding (RFC 5652, 6.3)."""
    count = last_block[-1] if len(last_block) == BLOCK else 0
    if not 1 <= count <= BLOCK or last_block[-count:] != bytes([count]) * count:
        raise PaddingError
    return last_block[:-count]


class RawText:
    """Ciphertext as it is."""

    complete = True

    def decode(self, data: bytes) -> bytes:
        """The ciphertext bytes in `data`."""
        return data

    def tail(self, data: bytes) -> bytes:
        """The ciphertext bytes at the end of a file that ends in `data`."""
        return data


class EncodedText:
    """Ciphertext as base64 or hex text, with white space anywhere, decoded piece by piece."""

    def __init__(self, unit: int, decode: Callable[[bytes], bytes]) -> None:
        self._unit = unit
        self._decode = decode
        self._rest = b""

    def decode(self, data: bytes) -> bytes:
        """The ciphertext bytes of the whole units so far; ValueError where the text is damaged."""
        text = self._rest + data.translate(None, _WHITESPACE)
        whole = len(text) - len(text) % self._unit
        self._rest = text[whole:]
        return self._decode(text[:whole]) if whole else b""

    def tail(self, data: bytes) -> bytes:
        """The ciphertext bytes at the end of a file that ends in `data`, as units do."""
        text = data.translate(None, _WHITESPACE)
        return self._decode(text[len(text) % self._unit :])

    @property
    def complete(self) -> bool:
        """Whether all text so far was whole units."""
        return not self._rest


Encoding = RawText | EncodedText


def recognise_encoding(head: bytes) -> Encoding:
    """How ciphertext that begins with `head` is written; raw unless every byte is of an alphabet.

    By chance, 64 bytes of raw ciphertext look like base64 once in 10^37 files.
    """
    letters = set(head.translate(None, _WHITESPACE))
    if letters and letters <= _HEX:
        return EncodedText(2, binascii.unhexlify)
    if letters and letters <= _BASE64:
        return EncodedText(4, lambda text: binascii.a2b_base64(text, strict_mode=True))
    return RawText()
