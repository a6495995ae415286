"""One input file as a stream of decrypted bytes, and what can be told of it before it is read."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Self

from myd_grpc.convert.cipher import (
    BLOCK,
    CbcDecryptor,
    EncodedText,
    Encoding,
    PaddingError,
    RawText,
    recognise_encoding,
    unpad,
)
from myd_grpc.convert.errors import ConversionError, Reason
from myd_grpc.convert.model import CipherKey
from myd_grpc.convert.paths import open_input

CHUNK = 4 << 20
"""Bytes that are read at a time."""

# As much as a layout is recognised from: whatever comes next can begin while more is read.
_FIRST_CHUNK = 1 << 20
_HEAD = 4096
_DAMAGE = re.compile("[\ufffd\x00-\x08\x0b\x0c\x0e-\x1f]")
_REPLACEMENT = "\ufffd".encode()
_BOM = b"\xef\xbb\xbf"
_VALUE_STARTS = frozenset(b'[{"-0123456789tfn')


@dataclass(frozen=True, slots=True)
class InputMark:
    """What shows that an input file is still the one that it was."""

    size: int
    modified_ns: int

    @classmethod
    def of(cls, fd: int) -> Self:
        """That of an open file as it is now."""
        status = os.fstat(fd)
        return cls(status.st_size, status.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class Stored:
    """A file to be read by an engine itself, which takes the descriptor `fd` over.

    It is read from `position` to `size`, both in the file as it lies. With `key` (the key, and the
    ciphertext before the position) it is decrypted, and `skip` bytes of plaintext are left out.
    """

    fd: int
    position: int
    size: int
    skip: int = 0
    key: tuple[bytes, bytes] | None = field(default=None, repr=False)


class Source:
    """Reads a file from its start to the size it had when it was opened.

    `read()` gives the next decrypted bytes, none at the end. `position` and `size` count bytes of
    the file as it lies on disk.
    """

    def __init__(
        self,
        fd: int,
        name: str,
        key: CipherKey | None,
        start: int = 0,
        mark: InputMark | None = None,
    ) -> None:
        self.name = name
        self.mark = mark or InputMark.of(fd)
        self.position = 0
        self.chunk = CHUNK
        self._fd = fd
        self._key = key
        self._head = self._at(0, _HEAD) if key else b""
        self._is_text = isinstance(recognise_encoding(self._head), EncodedText)
        self._wanted = min(_FIRST_CHUNK, CHUNK)
        self.go_on(start)

    @classmethod
    def open(
        cls,
        data_dir: str,
        name: str,
        no_inputs: Sequence[str],
        key: CipherKey | None,
        start: int = 0,
        mark: InputMark | None = None,
    ) -> Self:
        """Opens `name` (relative to `data_dir`), to be read from a decrypted offset on.

        `mark` is that of the file when it was looked at before. Raises ConversionError as
        `open_input` does, and where that offset is not in the file.
        """
        fd = open_input(data_dir, name, no_inputs)
        try:
            return cls(fd, name, key, start, mark)
        except ConversionError:
            os.close(fd)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    @property
    def size(self) -> int:
        """That of the file when it was first looked at."""
        return self.mark.size

    def go_on(self, offset: int) -> None:
        """Has the decrypted bytes from that offset on read next."""
        place = self._place(offset)
        self.position, self._skip = place.position, place.skip
        self._next = self._some if place.key is None else self._decrypting(CipherKey(*place.key))

    def stored(self, offset: int) -> Stored | None:
        """The file from a decrypted offset on, unless it is text that stands for ciphertext."""
        return None if self._is_text else replace(self._place(offset), fd=os.dup(self._fd))

    def _place(self, offset: int) -> Stored:
        if self._key is None:
            return Stored(self._fd, offset, self.size)
        key, skip = self._key, offset
        if not self._is_text and offset >= BLOCK:
            # Any block can be decrypted by itself, given the ciphertext of the one before.
            skip = offset % BLOCK
            before = self._at(offset - skip - BLOCK, BLOCK)
            if len(before) < BLOCK:
                raise self._cut_off(offset)
            key = CipherKey(key.key, before)
        return Stored(self._fd, offset - skip, self.size, skip, (key.key, key.iv))

    def reached(self, offset: int) -> int:
        """About how much of the file as it lies stands for the bytes before a decrypted offset."""
        return self.position if self._is_text else min(offset, self.size)

    def read(self) -> bytes:
        """The next decrypted bytes, none at the end.

        Raises ConversionError: FILE_UNREADABLE when the file became shorter or cannot be read,
        WRONG_KEY for bad padding.
        """
        while True:
            text = self._next()
            skipped = min(self._skip, len(text))
            self._skip -= skipped
            if len(text) > skipped or not text:
                return text[skipped:]

    def _some(self) -> bytes:
        """The next bytes as they lie on disk, none at the end."""
        size = min(self._wanted, self.size - self.position)
        self._wanted = self.chunk
        data = self._at(self.position, size)
        if size and not data:
            raise self._cut_off(self.position)
        self.position += len(data)
        return data

    def _at(self, offset: int, size: int) -> bytes:
        try:
            return os.pread(self._fd, size, offset)
        except OSError as error:
            raise self._unreadable(os.strerror(error.errno or 0).lower()) from None

    def _decrypting(self, key: CipherKey) -> Callable[[], bytes]:
        encoding = recognise_encoding(self._head)
        decrypted = _Decryption(self._some, encoding, CbcDecryptor(key)).read

        def read() -> bytes:
            try:
                return decrypted()
            except PaddingError:
                raise wrong_key(self.name, "its last block does not end in padding") from None
            except ValueError:
                raise self._unreadable(
                    f"its base64 or hex text is damaged before byte {self.position}"
                ) from None

        return read

    def _cut_off(self, offset: int) -> ConversionError:
        """The failure of a file that ends before an offset within the size that it had."""
        return self._unreadable(self._change() or f"ends before byte {offset} of {self.size}")

    def _change(self) -> str | None:
        """What has become of the file since it was looked at; None for one that is as it was."""
        now, size = InputMark.of(self._fd), self.size
        if now == self.mark:
            return None
        if now.size < size:
            what = f"became shorter while it was read ({now.size} of {size} bytes were left)"
        elif now.size > size:
            what = f"became longer while it was read ({size} bytes at first, then {now.size})"
        else:
            what = "was written to while it was read"
        return f"{what}; write files under another name, and rename them when they are complete"

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """What is read within is the file as it was when it was looked at.

        Raises ConversionError, FILE_UNREADABLE, where it has changed, also in place of a failure:
        that may have come of the change.
        """
        self._require_unchanged()
        try:
            yield
        except Exception:
            self._require_unchanged()
            raise
        self._require_unchanged()

    def _require_unchanged(self) -> None:
        if change := self._change():
            raise self._unreadable(change) from None

    def _unreadable(self, why: str) -> ConversionError:
        return ConversionError(Reason.FILE_UNREADABLE, f"{self.name}: {why}")

    def probe(self, key: CipherKey | None) -> None:
        """Looks at both ends of the file, with three small reads at any size.

        Raises ConversionError: WRONG_KEY where the key, the iv or the file's form cannot be
        right, INVALID_JSON for an empty file.
        """
        with self.unchanged():
            if not self.size:
                raise ConversionError(
                    Reason.INVALID_JSON,
                    f"{self.name}: is empty: there is no JSON value in the file",
                )
            if key is not None:
                self._probe_encrypted(self._head, key)

    @contextmanager
    def hinting(self, key: CipherKey | None) -> Iterator[None]:
        """Says so where the malformed JSON that is met within is ciphertext without a key."""
        try:
            yield
        except ConversionError as error:
            if error.reason is Reason.INVALID_JSON and not key and self._looks_encrypted():
                raise ConversionError(
                    error.reason,
                    f"{error.message}; the file looks encrypted: send aes256cbckey and iv",
                ) from None
            raise

    def _looks_encrypted(self) -> bool:
        """Whether the file, read as plain JSON, seems to be ciphertext."""
        if self.size < BLOCK:
            return False  # there is no ciphertext of less than one
        head = self._at(0, _HEAD)
        if isinstance(recognise_encoding(head), EncodedText):
            word = head.split(maxsplit=1)[0]
            return len(word) > len("false") and not set(word) <= set(b"0123456789+-.eE")
        return _damage(head) > len(head) / 8

    def _probe_encrypted(self, head: bytes, key: CipherKey) -> None:
        encoding = recognise_encoding(head)
        if isinstance(encoding, RawText) and self.size % BLOCK:
            hint = _plain_json_hint(head) or "it is no AES-CBC ciphertext, or not all of it"
            raise wrong_key(self.name, f"its length is not a multiple of {BLOCK}; {hint}")
        try:
            first = self._first_block(head, encoding, key)
        except ValueError:
            hint = _plain_json_hint(head) or "its last block does not end in padding"
            raise wrong_key(self.name, hint) from None
        if not may_begin_json(first):
            hint = _plain_json_hint(head) or "its first block does not decrypt to JSON"
            raise wrong_key(self.name, hint)

    def _first_block(self, head: bytes, encoding: Encoding, key: CipherKey) -> bytes:
        """The first block's plaintext; ValueError where the last one's padding is wrong."""
        start = encoding.decode(head)[:BLOCK]
        first = CbcDecryptor(key).decrypt(start) if len(start) == BLOCK else b""
        ending = encoding.tail(self._at(max(0, self.size - _HEAD), _HEAD))[-2 * BLOCK :]
        if len(ending) == BLOCK:
            return unpad(first)
        chain = CipherKey(key.key, ending[:BLOCK])
        unpad(CbcDecryptor(chain).decrypt(ending[BLOCK:]))
        return first


class _Decryption:
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

        Raises PaddingError, and ValueError where the text is damaged.
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
        if len(self._cipher) != BLOCK or not self._encoding.complete:
            raise PaddingError
        self._ended = True
        return unpad(self._decryptor.decrypt(self._cipher))


def wrong_key(name: str, why: str) -> ConversionError:
    """The failure of a file that these key and iv do not decrypt."""
    return ConversionError(
        Reason.WRONG_KEY, f"{name}: cannot be decrypted with this key and iv: {why}"
    )


def may_begin_json(head: bytes) -> bool:
    """Whether these may be the first bytes of a JSON text, be it a flawed one.

    One block of a wrong key's plaintext passes once in 10^4 times: half of random bytes are no
    UTF-8, while a flaw in a real document is a byte or two.
    """
    text = head.removeprefix(_BOM).lstrip(b" \t\r\n")
    return _damage(head) < 3 and (not text or text[0] in _VALUE_STARTS)


def _damage(data: bytes) -> int:
    """How many control characters and malformed UTF-8 sequences are in `data`."""
    # A U+FFFD that was there before is text: somebody else's decoder left it.
    return len(_DAMAGE.findall(data.decode(errors="replace"))) - data.count(_REPLACEMENT)


def _plain_json_hint(head: bytes) -> str:
    looks_plain = head.removeprefix(_BOM).lstrip(b" \t\r\n")[:1] in (b"[", b"{")
    plain = looks_plain and may_begin_json(head[: 4 * BLOCK])
    return "it is plain JSON: leave the key and iv out" if plain else ""
