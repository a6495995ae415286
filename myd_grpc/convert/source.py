"""One input file as a stream of decrypted bytes, and what can be told of it before it is read."""

from __future__ import annotations

import os
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
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
from myd_grpc.convert.memory import Chunk, Memory
from myd_grpc.convert.model import CipherKey
from myd_grpc.convert.paths import open_input

CHUNK = 4 << 20
"""Bytes that are handed on at a time."""

HEADROOM = 1 << 20
"""Bytes of room before them, for the part of a record that was left over before."""

# As much as a layout is recognised from: whatever comes next can begin while more is read.
_FIRST_CHUNK = 1 << 20
_HEAD = 4096
_DAMAGE = re.compile("[\ufffd\x00-\x08\x0b\x0c\x0e-\x1f]")
_REPLACEMENT = "\ufffd".encode()
_BOM = b"\xef\xbb\xbf"
_VALUE_STARTS = frozenset(b'[{"-0123456789tfn')


class Source:
    """Reads a file from its start to the size it had when it was opened.

    `read()` gives the next decrypted bytes, none at the end, in memory that is used again when no
    view of it is left. `position` and `size` count bytes of the file as it lies on disk.
    """

    def __init__(self, fd: int, name: str, key: CipherKey | None, start: int = 0) -> None:
        status = os.fstat(fd)
        self.name = name
        self.size = status.st_size
        self.modified_ns = status.st_mtime_ns
        self.position = 0
        self._fd = fd
        self._skip = 0
        self._wanted = _whole_blocks(min(_FIRST_CHUNK, CHUNK))
        self._memory = Memory(HEADROOM + _whole_blocks(min(CHUNK, self.size)))
        self._read = self._plain(start) if key is None else self._decrypting(key, start)

    @classmethod
    def open(
        cls,
        data_dir: str,
        name: str,
        no_inputs: Sequence[str],
        key: CipherKey | None,
        start: int = 0,
    ) -> Self:
        """Opens `name` (relative to `data_dir`), to be read from a decrypted offset on.

        Raises ConversionError as `open_input` does.
        """
        return cls(open_input(data_dir, name, no_inputs), name, key, start)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)
        # The way to read refers to the source: together they would keep their memory for a while.
        del self._read, self._memory

    def read(self) -> Chunk:
        """The next decrypted bytes, none at the end.

        Raises ConversionError: FILE_UNREADABLE when the file became shorter or cannot be read,
        WRONG_KEY for bad padding.
        """
        while True:
            memory = self._memory.take()
            filled = self._read(memory[HEADROOM:][: self._wanted])
            self._wanted = _whole_blocks(CHUNK)
            skipped = min(self._skip, filled)
            self._skip -= skipped
            if filled > skipped or not filled:
                return Chunk(memory[: HEADROOM + filled], HEADROOM + skipped)

    def _plain(self, start: int) -> Callable[[memoryview], int]:
        self._go_to(start)
        return self.fill

    def _go_to(self, position: int) -> None:
        self.position = os.lseek(self._fd, position, os.SEEK_SET)

    def stored(self, size: int) -> bytearray:
        """The next `size` bytes as they lie on disk, fewer at the end of the file."""
        data = bytearray(min(size, self.size - self.position))
        self.fill(memoryview(data))
        return data

    def fill(self, room: memoryview) -> int:
        """Reads the next bytes as they lie on disk; answers how many: fewer only at the end."""
        wanted, filled = min(len(room), self.size - self.position), 0
        while filled < wanted:
            try:
                count = os.readv(self._fd, [room[filled:wanted]])
            except OSError as error:
                raise self._unreadable(os.strerror(error.errno or 0).lower()) from None
            if not count:
                raise self._unreadable(
                    "became shorter while it was read "
                    f"({self.position} of {self.size} bytes were left)"
                )
            filled += count
            self.position += count
        return filled

    def _decrypting(self, key: CipherKey, start: int) -> Callable[[memoryview], int]:
        encoding = recognise_encoding(_at(self._fd, 0, _HEAD))
        self._skip = start
        if isinstance(encoding, EncodedText):
            decrypted = _Encoded(self, encoding, CbcDecryptor(key)).read
        else:
            if start >= BLOCK:
                # Any block can be decrypted by itself, given the ciphertext of the one before.
                self._skip = start % BLOCK
                self._go_to(start - self._skip)
                key = CipherKey(key.key, _at(self._fd, self.position - BLOCK, BLOCK))
            decrypted = _Raw(self, CbcDecryptor(key)).read

        def read(room: memoryview) -> int:
            try:
                return decrypted(room)
            except PaddingError:
                raise wrong_key(self.name, "its last block does not end in padding") from None
            except ValueError:
                raise self._unreadable(
                    f"its base64 or hex text is damaged before byte {self.position}"
                ) from None

        return read

    def _unreadable(self, why: str) -> ConversionError:
        return ConversionError(Reason.FILE_UNREADABLE, f"{self.name}: {why}")

    def probe(self, key: CipherKey | None) -> None:
        """Looks at both ends of the file, with three small reads at any size.

        Raises ConversionError: WRONG_KEY where the key, the iv or the file's form cannot be
        right, INVALID_JSON for an empty file.
        """
        if not self.size:
            raise ConversionError(
                Reason.INVALID_JSON, f"{self.name}: is empty: there is no JSON value in the file"
            )
        if key is not None:
            self._probe_encrypted(_at(self._fd, 0, _HEAD), key)

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
        head = _at(self._fd, 0, _HEAD)
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
        first = bytes(CbcDecryptor(key).decrypt(start)) if len(start) == BLOCK else b""
        ending = encoding.tail(_at(self._fd, max(0, self.size - _HEAD), _HEAD))[-2 * BLOCK :]
        if len(ending) == BLOCK:
            return unpad(first)
        chain = CipherKey(key.key, ending[:BLOCK])
        unpad(bytes(CbcDecryptor(chain).decrypt(ending[BLOCK:])))
        return first


class _Plaintext(ABC):
    """What a file's ciphertext decrypts to."""

    def __init__(self, source: Source, decryptor: CbcDecryptor) -> None:
        self._source = source
        self._decryptor = decryptor
        self._ended = False

    def read(self, room: memoryview) -> int:
        """Fills room for whole blocks, or part of it at the end; answers how much.

        Raises PaddingError, and ValueError where the text is damaged.
        """
        filled = 0
        while filled < len(room) and not self._ended:
            filled += self._some(room[filled:])
        return filled

    @abstractmethod
    def _some(self, room: memoryview) -> int:
        """Fills some of the room, sets `_ended` at the end."""


class _Raw(_Plaintext):
    """Plaintext of ciphertext that lies in the file as it is."""

    def _some(self, room: memoryview) -> int:
        size = self._source.fill(self._decryptor.room(len(room)))
        self._ended = self._source.position == self._source.size
        if size % BLOCK:
            raise PaddingError
        self._decryptor.decrypt_room(room[:size])
        if not self._ended:
            return size
        last = bytes(room[max(0, size - BLOCK) : size])
        return size - len(last) + len(unpad(last))


class _Encoded(_Plaintext):
    """Plaintext of ciphertext that is written as text; the last block waits for the end."""

    def __init__(self, source: Source, encoding: EncodedText, decryptor: CbcDecryptor) -> None:
        super().__init__(source, decryptor)
        self._encoding = encoding
        self._cipher = b""

    def _some(self, room: memoryview) -> int:
        # Text is longer than what it stands for.
        text = self._source.stored(len(room))
        plain = self._decrypted(text) if text else self._last()
        room[: len(plain)] = plain
        return len(plain)

    def _decrypted(self, text: bytearray) -> bytearray:
        cipher = self._cipher + self._encoding.decode(text)
        whole = max(0, len(cipher) - 1) // BLOCK * BLOCK
        self._cipher = cipher[whole:]
        return self._decryptor.decrypt(cipher[:whole])

    def _last(self) -> bytes:
        self._ended = True
        if len(self._cipher) != BLOCK or not self._encoding.complete:
            raise PaddingError
        return unpad(bytes(self._decryptor.decrypt(self._cipher)))


def _whole_blocks(size: int) -> int:
    return size + -size % BLOCK


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


def _at(fd: int, offset: int, size: int) -> bytes:
    return os.pread(fd, size, offset)
