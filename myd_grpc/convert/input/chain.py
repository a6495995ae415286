"""The way from a file as it lies to its text, stage by stage (docs/spec.md 2.3, 2.10).

    as it lies → expanded → decoded → expanded → decrypted → expanded → in UTF-8

Each stage is there where what comes before it begins as what it takes. Without a key nothing is
decoded or decrypted, and what is expanded is the file.
"""

from __future__ import annotations

from dataclasses import dataclass

from myd_grpc.convert.input.cipher import (
    CbcDecryptor,
    Decoding,
    Decryption,
    EncodedText,
    RawText,
    recognise_encoding,
)
from myd_grpc.convert.input.compression import Compression, compression_of, likely_compression_of
from myd_grpc.convert.input.expansion import Expansion, is_sound
from myd_grpc.convert.input.input_file import HEAD
from myd_grpc.convert.input.pieces import GATHERED, Gathered
from myd_grpc.convert.input.stage import Peeked, Pull, StageError
from myd_grpc.convert.input.transcoding import Charset, Transcoding, charset_of
from myd_grpc.convert.model import CipherKey, TextForm

_LOOKED_AT = HEAD // 4
"""As many are had from a file's first bytes, also where those are hex."""


def is_plainly_direct(head: bytes, key: CipherKey | None, form: TextForm) -> bool:
    """Whether a file that begins so plainly has no stages, as most text has none.

    A frame of zstd that is to be skipped may begin with a bracket, too.
    """
    is_text = head.startswith((b"[", b"{")) and head[1:4] != b"*M\x18"
    return is_text and key is None and charset_of(head[:1], form.encoding) is None


class Chain:
    """The stages of one file. To begin with, no more is read than it takes to tell them.

    `read` gives the next bytes of the text, none at the end; it raises StageError, PaddingError and
    DamagedTextError. What is expanded comes in pieces of about so many bytes at least.
    """

    def __init__(
        self, pull: Pull, key: CipherKey | None, form: TextForm, piece: int = GATHERED
    ) -> None:
        self._form = form
        self._piece = piece
        self.around = _Around()
        level = Peeked(pull)
        if key is None:
            self.plain = compression_of(level.head(_LOOKED_AT))
            """How the text is compressed."""
        else:
            level = self._decrypted(level, key)
            self.plain = likely_compression_of(level.head(_LOOKED_AT))
        level = self._expanded(level, self.plain)
        self.charset = charset_of(level.head(_LOOKED_AT), form.encoding)
        """What the text is converted from."""
        if self.charset:
            level = Peeked(Transcoding(self.charset, level.read).read)
        self._text = level
        self.read = level.read

    @property
    def is_direct(self) -> bool:
        """Whether nothing is to be done but to decode and to decrypt."""
        return not (self.around.is_there or self.plain or self.charset)

    def beginning(self) -> bytes:
        """The first bytes of the text, before any is read; raises what `read` does for none."""
        head = self._text.head(HEAD)
        if not head and self._text.failure:
            raise self._text.failure
        return head

    def _decrypted(self, level: Peeked, key: CipherKey) -> Peeked:
        around = self.around
        around.file = _sound_compression(level)
        level = self._expanded(level, around.file)
        around.charset = _charset_of_encoded(level.head(HEAD))
        if around.charset:
            level = Peeked(Transcoding(around.charset, level.read).read)
        around.text = level.head(HEAD)
        encoding = recognise_encoding(around.text)
        if isinstance(encoding, EncodedText):
            level = Peeked(Decoding(level.read, encoding).read)
            around.encoded = _sound_compression(level)
            level = self._expanded(level, around.encoded)
        # Of others than these, both ends are looked at as they lie.
        around.ciphertext = level.head(HEAD if around.is_there else _LOOKED_AT)
        around.failure = level.failure
        return Peeked(Decryption(level.read, RawText(), CbcDecryptor(key)).read)

    def _expanded(self, level: Peeked, kind: Compression | None) -> Peeked:
        if kind is None:
            return level
        expansion = Expansion(kind, level.read, self._form.max_expanded_bytes)
        return Peeked(Gathered(expansion.read, self._piece).read)


@dataclass(slots=True)
class _Around:
    """What there is around ciphertext, and how that begins."""

    file: Compression | None = None
    """How the file is compressed,"""
    charset: Charset | None = None
    """what base64 or hex text is converted from,"""
    encoded: Compression | None = None
    """and how that is compressed which it stands for."""
    text: bytes = b""
    """The first bytes of what is decoded,"""
    ciphertext: bytes = b""
    """and of what is decrypted;"""
    failure: Exception | None = None
    """why there are no more of them, if that is not the end."""

    @property
    def is_there(self) -> bool:
        """Whether there is any of these."""
        return bool(self.file or self.charset or self.encoded)


def _sound_compression(level: Peeked) -> Compression | None:
    """How ciphertext is compressed; other ciphertext begins so by chance, but goes on otherwise."""
    head = level.head(_LOOKED_AT)
    kind = likely_compression_of(head)
    return kind if kind and is_sound(kind, head) else None


def _charset_of_encoded(head: bytes) -> Charset | None:
    """How base64 or hex text is encoded; other ciphertext begins with a byte order mark, too."""
    charset = charset_of(head, "")
    if charset is None:
        return None
    rest = iter([head])
    text = Peeked(Transcoding(charset, lambda: next(rest, b"")).read).head(HEAD)
    return charset if isinstance(recognise_encoding(text), EncodedText) else None


def text_head(plain: bytes, form: TextForm) -> bytes | None:
    """The first bytes of the text, of which the beginning was `plain` when it was encrypted.

    None where that is compressed, and too little of it to tell.
    """
    rest = iter([plain])
    chain = Chain(lambda: next(rest, b""), None, form)
    try:
        text = chain.beginning()
    except StageError:
        text = b""
    return None if chain.plain and not text else text
