"""One input file as a stream of decrypted bytes, as long as it does not change."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Self

from myd_grpc.convert.errors import ConversionError, Reason
from myd_grpc.convert.input.byte_source import ByteSource, Inputs, InputVersion
from myd_grpc.convert.input.chain import Chain, is_plainly_direct
from myd_grpc.convert.input.cipher import (
    BLOCK,
    CbcDecryptor,
    DamagedTextError,
    Decryption,
    EncodedFrom,
    EncodedText,
    Encoding,
    PaddingError,
    RawText,
    TextPlace,
    recognise_encoding,
)
from myd_grpc.convert.input.damage import CUT_OFF
from myd_grpc.convert.input.input_directory import InputDirectory
from myd_grpc.convert.input.input_file import InputFile
from myd_grpc.convert.input.local import LocalFile
from myd_grpc.convert.input.objects import InputObjects
from myd_grpc.convert.input.pieces import GATHERED
from myd_grpc.convert.input.positions import Position, Positions
from myd_grpc.convert.input.recent_text import RecentText
from myd_grpc.convert.input.stage import Pull, StageError
from myd_grpc.convert.input.text_reader import TextReader
from myd_grpc.convert.model import ANY_FORM, CipherKey, TextForm
from myd_grpc.objectstore.location import is_url

CHUNK = 4 << 20
"""Bytes that are read at a time."""

_STAGE_CHUNK = 1 << 20
"""Bytes that are read at a time for stages, which keep some."""

# As much as a layout is recognised from: whatever comes next can begin while more is read.
_FIRST_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Stored:
    """A file to be read by an engine itself.

    `file` is a descriptor, which it takes over, or gives the so many bytes at an offset. It is read
    from `position` to `size`, both in the file as it lies. With `key` (the key, and the ciphertext
    before the position) it is decrypted, and `skip` bytes of plaintext are left out. `encoded` says
    of which text the ciphertext is to be decoded.
    """

    file: int | Callable[[int, int], bytes]
    size: int
    position: int
    skip: int
    key: tuple[bytes, bytes] | None = field(repr=False)
    encoded: EncodedFrom | None


class Source(InputFile):
    """Reads a file from its start to the size it had when it was opened.

    `read()` gives the next decrypted bytes, none at the end. `position` and `size` count bytes of
    the file as it lies on disk.
    """

    def __init__(
        self,
        file: ByteSource,
        name: str,
        key: CipherKey | None,
        version: InputVersion | None = None,
        form: TextForm = ANY_FORM,
    ) -> None:
        super().__init__(file, name, version)
        self.position = 0
        self._offset = 0
        self.form = form
        self.chunk = CHUNK
        self.key = key
        self._positions = Positions(self, key, self.encoding())
        self._wanted = min(_FIRST_CHUNK, CHUNK)
        self.chain: Chain | None = None
        """The stages, where there is more to be done than to decode and to decrypt."""
        self._reader: TextReader | None = None
        self._recent: RecentText | None = None
        if self.size and not is_plainly_direct(self.head, key, form):
            chain, _ = self._chained()
            self.chain = None if chain.is_direct else chain
        self._begin(0)

    @classmethod
    def open(
        cls,
        data_dir: str,
        name: str,
        excluded_dirs: Sequence[str],
        key: CipherKey | None,
        version: InputVersion | None = None,
        confined_to: str = "",
        *,
        form: TextForm = ANY_FORM,
    ) -> Self:
        """Opens `name`, relative to `confined_to` in `data_dir`, as the only one: see `opened`."""
        with closing(inputs_in(data_dir, excluded_dirs, confined_to)) as inputs:
            return cls.opened(inputs, name, key, version, form)

    @classmethod
    def opened(
        cls,
        inputs: Inputs,
        name: str,
        key: CipherKey | None,
        version: InputVersion | None,
        form: TextForm,
    ) -> Self:
        """Opens a file to be read from its start.

        `version` is that of the file when it was looked at before. Raises ConversionError as
        `Inputs.open` does.
        """
        file = inputs.open(name)
        try:
            return cls(file, name, key, version, form)
        except ConversionError:
            file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._reader:
            self._reader.close()
        self._file.close()
        # They lead back to this, and nobody searches for cycles while very many files are read.
        self.chain = self._reader = self._recent = None
        del self._next, self._positions

    def seeks_from_start(self, offset: int) -> bool:
        """Whether `seek` reads all from the start, as stages have to for text that is not held."""
        return bool(self._recent and not self._recent.reaches(offset))

    def hold_on(self, last: bytes) -> None:
        """Has `seek` go back to what is read from now on, and to the text that was read last.

        It may be too much to hold all of it. Where `seek` can go to any place anyhow, nothing is.
        """
        if self._recent:
            self._recent.hold_on(last, self._offset - len(last))

    def want_from(self, offset: int) -> None:
        """No longer goes back before an offset so; may be called while something is read."""
        if self._recent:
            self._recent.want_from(offset)

    def let_go(self) -> None:
        """No longer holds what was read."""
        if self._recent:
            self._recent.let_go()

    def place_before(self, offset: int) -> TextPlace | None:
        """From where on the bytes from a decrypted offset can be read, in base64 or hex text."""
        return None if self.chain else self._positions.place_before(offset)

    def encoding(self) -> Encoding:
        """How the file is written, to be decoded from its start; as it is where there is no key."""
        return recognise_encoding(self.head) if self.key else RawText()

    def pass_by(self, place: tuple[int, int] | None) -> None:
        """Takes note of a place in text that was come by: what comes later is read from there."""
        self._positions.pass_by(place)

    def seek(self, offset: int) -> None:
        """Has the decrypted bytes from that offset on read next.

        Raises ConversionError where the file does not reach so far.
        """
        if offset == self._offset:
            return
        if self._recent and self._recent.reaches(offset):
            self._recent.go_back(offset)
            self._offset, self._skip = offset, 0
        else:
            self._begin(offset)

    def _begin(self, offset: int) -> None:
        if self.chain:
            self._begin_chain(offset)
            return
        found = self._positions.of(offset)
        self._offset, self.position, self._skip = offset, found.position, found.skip
        self._next = self._some if found.key is None else self._decrypting(found)

    def _begin_chain(self, offset: int) -> None:
        """Begins at the start: no stage can be begun elsewhere."""
        if self._reader:
            self._reader.close()
        self._offset, self._skip = offset, offset
        self._reader = TextReader(self._chained, self.size)
        self._recent = RecentText(self._failing(self._reader.read))
        self._next = self._recent.read

    def _chained(self) -> tuple[Chain, Callable[[], int]]:
        """The stages of the file, from its start, and what tells how far they have read it."""
        position = 0

        def pull() -> bytes:
            nonlocal position
            if not position:
                data = self.head
            else:
                data = self.at(position, min(self.chunk, _STAGE_CHUNK, self.size - position))
            if not data and position < self.size:
                raise self.cut_off(position)
            position += len(data)
            return data

        return Chain(pull, self.key, self.form, min(self.chunk, GATHERED)), lambda: position

    def beginning(self) -> bytes:
        """The first bytes of the text, of the ciphertext if stages do not tell; see `read`."""
        return self._failing(self.chain.beginning)() if self.chain else self.head

    def stored(self, offset: int) -> Stored | None:
        """The file from a decrypted offset on, if an engine can read it by itself: no stages."""
        if self.chain:
            return None
        found = self._positions.of(offset)
        fd = self._file.large_fd if isinstance(self._file, LocalFile) else None
        file = self.at if fd is None else os.dup(fd)
        skip, key = found.skip, found.key
        if key and not key[1]:
            # The first block that comes is the iv: decrypted after any other, it is left out.
            skip, key = skip + BLOCK, (key[0], bytes(BLOCK))
        return Stored(file, self.size, found.position, skip, key, found.encoded)

    def reached(self, offset: int) -> int:
        """About how much of the file as it lies stands for the bytes before a decrypted offset."""
        if self._reader:
            return self._reader.reached(offset)
        return self._positions.reached(offset)

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
                self._offset += len(text) - skipped
                return text[skipped:]

    def _some(self) -> bytes:
        """The next bytes as they lie on disk, none at the end."""
        size = min(self._wanted, self.size - self.position)
        if not size:
            return b""
        self._wanted = self.chunk
        data = self.at(self.position, size)
        if not data:
            raise self.cut_off(self.position)
        self.position += len(data)
        return data

    def _decrypting(self, found: Position) -> Callable[[], bytes]:
        encoding, some = self.encoding(), self._some
        if isinstance(encoding, EncodedText) and (encoded := found.encoded):
            encoding.begin_at(TextPlace(found.position, encoded.letters), encoded.first)
            some = self._passing_by(encoding)
        assert found.key  # noqa: S101 - whoever calls has seen it
        decryptor = CbcDecryptor(CipherKey(*found.key))
        return self._failing(Decryption(some, encoding, decryptor).read)

    def _passing_by(self, encoding: EncodedText) -> Pull:
        """Takes note of where each piece of text begins."""

        def read() -> bytes:
            self._positions.pass_by(encoding.place)
            return self._some()

        return read

    def _failing(self, pull: Pull) -> Pull:
        """Raises what a stage does as a ConversionError."""

        def read() -> bytes:
            try:
                return pull()
            except PaddingError:
                raise wrong_key(self.name, CUT_OFF) from None
            except DamagedTextError as damage:
                raise self.unreadable(self.told(damage)) from None
            except StageError as error:
                raise ConversionError(error.reason, f"{self.name}: {error.what}") from None

        return read

    def told(self, damage: DamagedTextError) -> str:
        """What is wrong with text, of which more may be known than at the place of the damage."""
        if self.chain or damage.offset is None:
            return str(damage)
        return str(damage.before(self.at(damage.offset, BLOCK)))


def inputs_in(data_dir: str, excluded_dirs: Sequence[str], confined_to: str) -> Inputs:
    """The files in `confined_to` in `data_dir`, which may be in object storage."""
    if is_url(data_dir):
        return InputObjects(data_dir, excluded_dirs, confined_to)
    return InputDirectory(data_dir, excluded_dirs, confined_to)


def wrong_key(name: str, why: str) -> ConversionError:
    """The failure of a file that these key and iv do not decrypt."""
    return ConversionError(
        Reason.WRONG_KEY, f"{name}: cannot be decrypted with this key and iv: {why}"
    )
