"""Whether key and iv fit a ciphertext, by its two ends; and if not, what seems to be the matter.

In CBC mode a wrong iv spoils the first block only, and a wrong key spoils all of them. So which
blocks read as JSON tells where the fault is.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from Crypto.Cipher import AES

from myd_grpc.convert.input.chain import text_head
from myd_grpc.convert.input.cipher import BLOCK, CbcDecryptor, PaddingError, unpad
from myd_grpc.convert.input.compression import likely_compression_of
from myd_grpc.convert.input.damage import CUT_OFF, FETCH_AGAIN
from myd_grpc.convert.jsontext.boundary import UnfinishedError, value_end
from myd_grpc.convert.jsontext.formats import begins_json, damage, may_begin_json, reads_as_text
from myd_grpc.convert.jsontext.window import Window
from myd_grpc.convert.model import CipherKey, TextForm

_AS_PKCS7 = "encrypt it with PKCS#7 padding"
_MARK_BEFORE = "a byte order mark is before the ciphertext: take it off, it is 3 bytes"
NO_IV = "no iv was sent: if the file does not begin with it, send the iv it was encrypted with"
_KEY_ALONE = "send the key alone, without iv"
_SPACE = b" \t\r\n"
_CLOSER_OF = {b"[": b"]", b"{": b"}"}
_CLOSERS = tuple(_CLOSER_OF.values())
_MANY = 4 * BLOCK
"""Bytes of text that a wrong key never makes by chance."""


@dataclass(frozen=True, slots=True)
class CiphertextEnds:
    """Both ends of a ciphertext.

    `start` is all of it if `is_whole`. `tails` are what its last bytes may be: which, the end of a
    text alone does not always tell. There are none where the end is not known.
    """

    start: bytes
    is_whole: bool
    tails: Sequence[bytes]


class TrialDecryption:
    """What a key and iv make of the ends of a ciphertext."""

    def __init__(self, ends: CiphertextEnds, key: CipherKey, form: TextForm) -> None:
        self._key = key
        self._cipher = ends.start[: len(ends.start) // BLOCK * BLOCK]
        self._is_iv_last = any(tail.endswith(key.iv) for tail in ends.tails)
        self._endings = [text for tail in ends.tails if (text := _ending(tail, key))]
        is_padded = any(_without_padding(text) is not None for text in self._endings)
        self.is_padded = is_padded or not ends.tails
        plain = CbcDecryptor(key).decrypt(self._cipher)
        self.plain = _bare(plain) if ends.is_whole else plain
        self.text = text_head(self.plain, form) if self._cipher else b""
        """The text that was encrypted; None where it was compressed, and does not show."""

    @property
    def begins(self) -> bool:
        """Whether the first block decrypts to what JSON, compressed or not, may begin with."""
        if likely_compression_of(self.plain):
            return True
        text = (self.text or b"").rstrip(b"\0")
        return bool(self._cipher) and (may_begin_json(text[:BLOCK]) or begins_json(text))

    @property
    def is_text(self) -> bool:
        """Whether the text goes on as JSON, too: the key and iv are right then."""
        if likely_compression_of(self.plain):
            return True
        text = self.text or b""
        return self.begins and (reads_as_text(text[:-BLOCK]) or begins_json(text))

    @property
    def another_iv(self) -> str | None:
        """What has to be sent as the iv, where that shows though the text may begin."""
        return None

    def fault(self) -> str:
        """What is wrong, and what to do about it."""
        if beside := self._iv_beside or self._known_iv():
            return beside
        if self.is_text:
            return self._wrong_padding()
        rest = self.plain[BLOCK:]
        if (self.is_padded or len(rest) >= _MANY) and rest and reads_as_text(rest):
            return self._wrong_iv(rest)
        return self._wrong_key()

    def _wrong_key(self) -> str:
        if self._cipher.startswith(BOM_UTF8):
            return _MARK_BEFORE
        if self._is_ecb():
            return "it was encrypted in ECB mode: encrypt it in CBC mode"
        sign = (
            "its first block does not decrypt to JSON"
            if self.is_padded
            else "its last block does not end in padding"
        )
        return self._likely_wrong(sign)

    def _likely_wrong(self, sign: str) -> str:
        """That the key is wrong, by what is a sign of that; the likeliest cause is told first."""
        both = "check both; if they are this file's"
        return f"most likely the key or the iv is wrong, as {sign}: {both}, {FETCH_AGAIN}"

    @property
    def _iv_beside(self) -> str | None:
        if self._cipher[:BLOCK] == self._key.iv:
            return f"the iv is written before the ciphertext: {_KEY_ALONE}"
        if self._is_iv_last:
            return "the iv is written after the ciphertext: take the last 16 bytes off the file"
        return None

    def _wrong_padding(self) -> str:
        found = (hint for text in self._endings if (hint := _padding(text)))
        return next(found, CUT_OFF)

    def _wrong_iv(self, rest: bytes) -> str:
        key, first = self._key.key, self._cipher[:BLOCK]
        for iv, what in ((bytes(BLOCK), "zeros"), (key[:BLOCK], "the first half of the key")):
            if may_begin_json(CbcDecryptor(CipherKey(key, iv)).decrypt(first)):
                return f"the key is right, but it was encrypted with {what} as the iv: send that"
        if damage(self.plain[:BLOCK]) <= 1:  # a character may be cut through
            return (
                "the key is right, but what was encrypted begins as a text that is no JSON: "
                "encrypt the JSON itself; if it is JSON, send the iv it was encrypted with"
            )
        # The end of a long text tells whether it is a list by itself, but not an object: as often
        # as not, another one is around that.
        is_told = not rest.lstrip(_SPACE).startswith(b"{") or self._ends_within(rest)
        if may_begin_json(rest[:BLOCK]) and is_told and self._is_whole_text(rest):
            return (
                f"it looks as if the iv was written before the ciphertext: {_KEY_ALONE}, or else "
                "send the iv it was encrypted with"
            )
        told = (
            "the key is right but the iv is not, as only the first block does not decrypt to JSON: "
            "send the iv it was encrypted with"
        )
        may_be_whole = rest.lstrip(_SPACE).startswith(b"{") and self._is_whole_text(rest)
        beside = f"; or, if that was written before the ciphertext, {_KEY_ALONE}"
        return told + beside * may_be_whole

    def _known_iv(self) -> str | None:
        """With which iv that is known compressed text begins: no other is told from its rest."""
        key, first = self._key.key, self._cipher[:BLOCK]
        for iv, what in ((bytes(BLOCK), "zeros"), (key[:BLOCK], "the first half of the key")):
            if likely_compression_of(CbcDecryptor(CipherKey(key, iv)).decrypt(first)):
                return f"the key is right, but it was encrypted with {what} as the iv: send that"
        return None

    @staticmethod
    def _ends_within(rest: bytes) -> bool:
        """Whether the first value of a text is all there."""
        bare = rest.lstrip(_SPACE)
        try:
            value_end(Window.over(bare, 0), 0, len(bare))
        except UnfinishedError:
            return False
        return True

    def _is_whole_text(self, rest: bytes) -> bool:
        """Whether a text of its own may begin after the first block, and not go on there."""
        bare = rest.lstrip(_SPACE)
        if bare[:1] not in _CLOSER_OF:
            return False
        try:
            end = value_end(Window.over(bare, 0), 0, len(bare))
        except UnfinishedError:
            closer = _CLOSER_OF[bare[:1]]
            return any(_bare(text).rstrip(_SPACE).endswith(closer) for text in self._endings)
        return bare[end:].lstrip(_SPACE)[:1] not in (b",", *_CLOSERS)

    def _is_ecb(self) -> bool:
        plain = AES.new(self._key.key, AES.MODE_ECB).decrypt(self._cipher)[:-BLOCK]
        return len(plain) >= _MANY and may_begin_json(plain[:BLOCK]) and reads_as_text(plain)


class TrialWithoutIv(TrialDecryption):
    """The same where the iv was taken from the ciphertext's start, as none was sent.

    If it is not there, the text begins with its second block.
    """

    @property
    def another_iv(self) -> str | None:
        """See TrialDecryption: with one that is known, the first 16 bytes are text, not an iv."""
        key = self._key.key
        for iv, what in ((bytes(BLOCK), "zeros"), (key[:BLOCK], "the first half of the key")):
            first = CbcDecryptor(CipherKey(key, iv)).decrypt(self._key.iv)
            if first.lstrip(_SPACE)[:1] in _CLOSER_OF and not damage(first[: BLOCK - 3]):
                return f"it was encrypted with {what} as the iv: send that"
        return None

    def fault(self) -> str:
        """See TrialDecryption."""
        if another := self.another_iv:
            return another
        if not self._cipher:
            return (
                "no iv was sent, and the file has no more than one block, so it does not begin "
                "with it: send the iv it was encrypted with"
            )
        if self.is_padded and self.plain and reads_as_text(self.plain):
            return (
                "no iv was sent, and the file does not begin with it: "
                "send the iv it was encrypted with"
            )
        # The padding at the end shows, but for one time in 256, that the key is right.
        return f"{NO_IV}; or else check the key" if self.is_padded else super().fault()

    def _likely_wrong(self, sign: str) -> str:
        alone = "check it; if it is this file's"
        return f"most likely the key is wrong, as {sign}: {alone}, {FETCH_AGAIN}"


def _ending(tail: bytes, key: CipherKey) -> bytes:
    """The plaintext of the last two blocks, of one or none if there are no more."""
    blocks = tail[len(tail) % BLOCK :][-3 * BLOCK :]
    chain = CipherKey(key.key, blocks[:BLOCK]) if len(blocks) == 3 * BLOCK else key
    return CbcDecryptor(chain).decrypt(blocks[-2 * BLOCK :])


def _without_padding(text: bytes) -> bytes | None:
    with suppress(PaddingError):
        return text[:-BLOCK] + unpad(text[-BLOCK:])
    return None


def _bare(text: bytes) -> bytes:
    """A whole text without its padding, of whichever kind."""
    bare = _without_padding(text)
    if bare is not None:
        return bare
    return text[: -text[-1]] if _is_x923(text) else text.rstrip(b"\0")


def _is_x923(text: bytes) -> bool:
    """Whether the last byte is the length of a padding that is of zeros otherwise."""
    count = text[-1] if text else 0
    return 1 < count <= BLOCK and text[-count:-1] == bytes(count - 1)


def _padding(text: bytes) -> str | None:
    """What a text that ends in no PKCS#7 padding seems to be padded with."""
    bare, body = text.rstrip(b"\0"), text[: -text[-1]] if text[-1] <= BLOCK else b""
    if bare.endswith(b"\x80") and bare[:-1].rstrip().endswith(_CLOSERS):
        return f"its padding is that of ISO/IEC 7816-4, not PKCS#7: {_AS_PKCS7}"
    if bare != text and (reads_as_text(bare) or text.endswith(b"\0\0")):
        return f"NUL bytes follow the text (zero padding), not PKCS#7 padding: {_AS_PKCS7}"
    if _is_x923(text):
        return f"its padding is that of ANSI X.923, not PKCS#7: {_AS_PKCS7}"
    if body.rstrip().endswith(_CLOSERS) and reads_as_text(body):
        return f"its padding looks like that of ISO 10126, not PKCS#7: {_AS_PKCS7}"
    if reads_as_text(text):
        what = f"it is cut off, so {FETCH_AGAIN}, or else {_AS_PKCS7}"
        return f"its last block is text without padding: {what}"
    return None
