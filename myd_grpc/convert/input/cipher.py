"""AES-256-CBC as MyData files use it: PKCS#7 padding, ciphertext raw or as base64 or hex text.

Decryption in CBC mode is block-parallel (NIST SP 800-38A, 6.2): P[i] = D(C[i]) xor C[i-1]. So a
whole chunk goes through the ECB core and is xored with itself shifted by one block, which is
several times as fast as the library's CBC mode.
"""

from __future__ import annotations

import binascii
import re
from abc import ABC, abstractmethod
from codecs import BOM_UTF8
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from Crypto.Cipher import AES
from Crypto.Util.strxor import strxor

from myd_grpc.convert.input.damage import FETCH_AGAIN
from myd_grpc.convert.model import CipherKey

BLOCK = 16
"""Bytes of one AES block."""

_HEX = frozenset(b"0123456789abcdefABCDEF")
_MEND_TEXT = "fetch the file again; if it is there, too, take it out"
_BASE64 = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=")
_WHITESPACE = b" \t\r\n\v\f"
_FEW = 64
# The alphabet for URLs and file names (RFC 4648, section 5) as the usual one.
_USUAL = bytes.maketrans(b"-_", b"+/")
# What may come before text.
_BEFORE_TEXT = re.compile(rb"(?:%b)?\s*" % BOM_UTF8)
_BEFORE_HEX = re.compile(_BEFORE_TEXT.pattern + rb"(?:0[xX])?")


_SPACE = re.escape(_WHITESPACE)
_MARK = re.escape(BOM_UTF8)  # one flaw, not three
# What text cannot have: where it is not at its end, an `=` either.
_NO_HEX = re.compile(_MARK + rb"|[^0-9A-Fa-f%b]" % _SPACE)
_NO_BASE64 = re.compile(
    _MARK + rb"|[^A-Za-z0-9+/_=%b-]|=(?=[%b]*[^=%b])" % (_SPACE, _SPACE, _SPACE)
)
# Text of 16 bytes, and a sign that programs put between texts.
_IV_BEFORE = re.compile(
    _BEFORE_TEXT.pattern + rb"(?:[0-9A-Fa-f]{32}|[A-Za-z0-9+/_-]{22}(?:==)?)\s*[:;,.|$]"
)
# So many letters for each that is none are no chance: of other bytes a quarter look like base64.
_LETTERS_FOR_ONE = 64


class PaddingError(ValueError):
    """The last block does not end in PKCS#7 padding."""


class DamagedTextError(ValueError):
    """Text that stands for ciphertext is damaged, at byte `offset` of the file if that shows."""

    def __init__(self, name: str, offset: int | None, what: str = "") -> None:
        self.name = name
        self.offset = offset
        if offset is None:
            super().__init__(f"its {name} text is damaged, or cut off; {FETCH_AGAIN}")
            return
        found = what or f"the character at byte {offset} does not belong there"
        super().__init__(f"its {name} text is damaged: {found}; {_MEND_TEXT}")

    def before(self, following: bytes) -> DamagedTextError:
        """The same where it is known what begins at the offset, be it that a text ends first."""
        rest = following.lstrip(b"=" + _WHITESPACE)
        if self.offset is None or not rest.startswith(BOM_UTF8):
            return self
        offset = self.offset + len(following) - len(rest)
        what = f"a byte order mark is at byte {offset}, as where files were put together"
        return DamagedTextError(self.name, offset, what)


class CbcDecryptor:
    """Decrypts consecutive whole blocks; state is the previous ciphertext block only.

    Without an iv the first block that comes is that, and no ciphertext.
    """

    def __init__(self, key: CipherKey) -> None:
        self._ecb = AES.new(key.key, AES.MODE_ECB)
        self._before = key.iv

    def decrypt(self, ciphertext: bytes) -> bytes:
        """The plaintext of whole blocks."""
        if not self._before:
            self._before, ciphertext = ciphertext[:BLOCK], ciphertext[BLOCK:]
        chained = self._before + ciphertext
        self._before = chained[-BLOCK:]
        return strxor(self._ecb.decrypt(ciphertext), chained[:-BLOCK])


def unpad(last_block: bytes) -> bytes:
    """What is left of the last block without its PKCS#7 padding (RFC 5652, 6.3)."""
    count = last_block[-1] if len(last_block) == BLOCK else 0
    if not 1 <= count <= BLOCK or last_block[-count:] != bytes([count]) * count:
        raise PaddingError
    return last_block[:-count]


class TextPlace(NamedTuple):
    """A position in a file that is base64 or hex text, and how many letters come before it."""

    position: int
    letters: int


@dataclass(frozen=True, slots=True)
class EncodedFrom:
    """Ciphertext as text of the encoding `name`, from the letter with the number `first` on.

    A block begins with that. `letters` come before the position that it is read from.
    """

    name: str
    letters: int
    first: int


class RawText:
    """Ciphertext as it is."""

    lead = 0

    def decode(self, data: bytes) -> bytes:
        """The ciphertext bytes in `data`."""
        return data

    def finish(self) -> bytes:
        """The ciphertext bytes that could not be told before the end was known."""
        return b""

    def tails(self, data: bytes, offset: int) -> list[bytes]:  # noqa: ARG002 - of text alone
        """What the ciphertext bytes at the end of a file may be, which ends in `data`."""
        return [data]


class EncodedText(ABC):
    """Ciphertext as text, with white space anywhere, after `lead` bytes of something else."""

    name: ClassVar[str]
    unit: ClassVar[int]
    """Letters that stand for whole bytes together,"""
    unit_bytes: ClassVar[int]
    """and how many those are."""
    stray: ClassVar[re.Pattern[bytes]]
    """Finds what does not belong into such text."""

    def __init__(self, lead: int = 0) -> None:
        self.lead = lead
        self._rest = b""
        self._offset = lead
        self._passed = 0
        self._left_out = 0

    @classmethod
    def letters_before(cls, offset: int) -> int:
        """How many letters come before a ciphertext byte, which is the first one of a unit."""
        return offset // cls.unit_bytes * cls.unit

    def begin_at(self, place: TextPlace, first: int) -> None:
        """Has letter number `first` be the first one; `place` is where reading begins."""
        self._offset, self._passed = place
        self._left_out = first - place.letters

    @property
    def place(self) -> TextPlace:
        """Where reading goes on; some of the letters before that may still wait for others."""
        return TextPlace(self._offset, self._passed)

    def decode(self, data: bytes) -> bytes:
        """The ciphertext bytes of the whole units so far; raises DamagedTextError."""
        letters = self._letters(data)
        self._passed += len(letters)
        left_out = min(self._left_out, len(letters))
        self._left_out -= left_out
        text = self._rest + letters[left_out:]
        whole = len(text) - len(text) % self.unit
        self._rest = text[whole:]
        if self.stray.search(self._rest):
            raise self._damage(data, self._offset)
        try:
            found = self._bytes(text[:whole]) if whole else b""
        except ValueError:
            raise self._damage(data, self._offset) from None
        self._offset += len(data)
        return found

    def finish(self) -> bytes:
        """The bytes of the letters that are left; DamagedTextError where no text ends in such."""
        rest, self._rest = self._rest, b""
        try:
            return self._bytes(rest) if rest else b""
        except ValueError:
            raise DamagedTextError(self.name, None) from None

    def tails(self, data: bytes, offset: int) -> list[bytes]:
        """What the ciphertext bytes at the end of a file may be, which ends in `data` from there.

        Raises DamagedTextError.
        """
        letters = self._letters(data)
        bare = letters.rstrip(b"=")
        found = list[bytes]()
        for last in self._last_units(len(letters) - len(bare)):
            with suppress(ValueError):
                found.append(self._bytes(bare[(len(bare) - last) % self.unit :]))
        if not found:
            raise self._damage(data, offset)
        return found

    def _damage(self, data: bytes, offset: int) -> DamagedTextError:
        found = self.stray.search(data)
        return DamagedTextError(self.name, found and offset + found.start())

    @abstractmethod
    def _letters(self, data: bytes) -> bytes:
        """The letters in `data`."""

    @abstractmethod
    def _bytes(self, letters: bytes) -> bytes:
        """What letters stand for."""

    @abstractmethod
    def _last_units(self, padding: int) -> Sequence[int]:
        """How many letters the last unit may have before so many `=`."""


class HexText(EncodedText):
    """Ciphertext as hex text."""

    name = "hex"
    unit = 2
    unit_bytes = 1
    stray = _NO_HEX

    def _letters(self, data: bytes) -> bytes:
        return data.translate(None, _WHITESPACE)

    def _bytes(self, letters: bytes) -> bytes:
        return binascii.unhexlify(letters)

    def _last_units(self, padding: int) -> Sequence[int]:  # noqa: ARG002 - there is none
        return [2]


class Base64Text(EncodedText):
    """Ciphertext as base64 text of either alphabet, with all of its padding or some or none."""

    name = "base64"
    unit = 4
    unit_bytes = 3
    stray = _NO_BASE64

    def _letters(self, data: bytes) -> bytes:
        return data.translate(_USUAL, _WHITESPACE)

    def _bytes(self, letters: bytes) -> bytes:
        if letters.endswith(b"==="):
            raise ValueError("a unit that is padding alone")  # the library may let that pass
        padding = b"=" * (-len(letters) % self.unit)
        return binascii.a2b_base64(letters + padding, strict_mode=True)

    def _last_units(self, padding: int) -> Sequence[int]:
        # That cannot be told from the end alone: any of the padding may be left out.
        return {0: [4, 2, 3], 1: [3, 2], 2: [2]}.get(padding, [])


Encoding = RawText | EncodedText


def recognise_encoding(head: bytes) -> Encoding:
    """How ciphertext that begins with `head` is written; raw unless every byte is of an alphabet.

    By chance, 64 bytes of raw ciphertext look like base64 once in 10^37 files.
    """
    for lead, letters, text in (
        (_BEFORE_HEX, _HEX, HexText),
        (_BEFORE_TEXT, _BASE64, Base64Text),
    ):
        start = lead.match(head).end()  # type: ignore[union-attr]
        # Of raw ciphertext the first few bytes show it.
        if _found(head[start : start + _FEW]) <= letters:
            found = _found(head[start:])
            if found and found <= letters:
                return text(start)
    return RawText()


def damage_in(head: bytes) -> DamagedTextError | None:
    """What is wrong with a file that begins with `head`, if that is hex or base64 but for a little.

    With a letter that is none, hex is taken for base64, and base64 for raw ciphertext.
    """
    for lead, text in ((_BEFORE_HEX, HexText), (_BEFORE_TEXT, Base64Text)):
        start = lead.match(head).end()  # type: ignore[union-attr]
        size = len(head) - start
        strays = [found.start() for found in text.stray.finditer(head, start)]
        if size >= BLOCK and 0 < len(strays) <= 1 + size // _LETTERS_FOR_ONE:
            return DamagedTextError(text.name, strays[0]).before(head[strays[0] :])
    return None


def has_iv_before(head: bytes) -> bool:
    """Whether a file begins with text of 16 bytes and a sign: `<iv>:<ciphertext>`."""
    return bool(_IV_BEFORE.match(head))


def _found(text: bytes) -> set[int]:
    return set(text.translate(None, _WHITESPACE))


class Decoding:
    """The ciphertext that a text stands for."""

    def __init__(self, read: Callable[[], bytes], encoding: EncodedText) -> None:
        self._read = read
        self._encoding = encoding
        self._lead = encoding.lead
        self._ended = False

    def read(self) -> bytes:
        """The next bytes, none at the end. Raises DamagedTextError."""
        while not self._ended:
            text = self._read()
            self._ended = not text
            left_out = min(self._lead, len(text))
            self._lead -= left_out
            text = text[left_out:]
            found = self._encoding.finish() if self._ended else self._encoding.decode(text)
            if found:
                return found
        return b""


class Decryption:
    """The plaintext of ciphertext; its last block waits for the end."""

    def __init__(
        self, read: Callable[[], bytes], encoding: Encoding, decryptor: CbcDecryptor
    ) -> None:
        self._read = read
        self._encoding = encoding
        self._decryptor = decryptor
        self._cipher = b""
        self._ended = False

    def read(self) -> bytes:
        """The next bytes, none at the end.

        Raises PaddingError and DamagedTextError.
        """
        while not self._ended:
            stored = self._read()
            plain = self._decrypted(stored) if stored else self._last()
            if plain:
                return plain
        return b""

    def _decrypted(self, stored: bytes) -> bytes:
        cipher = self._cipher + self._encoding.decode(stored)
        whole = max(0, len(cipher) - 1) // BLOCK * BLOCK
        self._cipher = cipher[whole:]
        return self._decryptor.decrypt(cipher[:whole])

    def _last(self) -> bytes:
        last = self._cipher + self._encoding.finish()
        if len(last) != BLOCK:
            raise PaddingError
        self._ended = True
        return unpad(self._decryptor.decrypt(last))
