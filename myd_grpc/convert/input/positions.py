"""Where reading has to begin for the bytes from a decrypted offset on (docs/spec.md 2.3)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from myd_grpc.convert.input.cipher import BLOCK, EncodedFrom, EncodedText, Encoding, TextPlace
from myd_grpc.convert.input.input_file import InputFile
from myd_grpc.convert.model import CipherKey

# Whole blocks of ciphertext, and whole units of letters.
_TEXT_STEP = 3 * BLOCK
# So many places in text are known at a time: each batch may bring one, or each piece that is read
# of a long record, and few are gone back.
_PLACES = 32


@dataclass(frozen=True, slots=True)
class Position:
    """Where a decrypted offset is in the file as it lies: see `Stored`."""

    position: int
    skip: int = 0
    key: tuple[bytes, bytes] | None = field(default=None, repr=False)
    encoded: EncodedFrom | None = None


class Positions:
    """Positions of a file that is read as it is, or is ciphertext, raw or as base64 or hex text."""

    def __init__(self, file: InputFile, key: CipherKey | None, encoding: Encoding) -> None:
        self._file = file
        self._key = key
        self._encoding = encoding
        self._places = deque[TextPlace](maxlen=_PLACES)

    def of(self, offset: int) -> Position:
        """Where to begin; raises ConversionError where the file does not reach so far."""
        if self._key is None:
            return Position(offset)
        if isinstance(self._encoding, EncodedText):
            return self._position_in_text(self._encoding, self._key, offset)
        key, skip = self._key, offset
        # Where the text's first block is: after the iv, if that lies in the file.
        first = 0 if key.iv else BLOCK
        if offset + first >= BLOCK and self._file.size >= first:
            # Any block can be decrypted by itself, given the ciphertext of the one before.
            skip = offset % BLOCK
            start = first + offset - skip
            before = self._file.at(start - BLOCK, BLOCK)
            if len(before) < BLOCK:
                raise self._file.cut_off(offset)
            return Position(start, skip, (key.key, before))
        return Position(0, skip, (key.key, key.iv))

    def _position_in_text(self, encoding: EncodedText, key: CipherKey, offset: int) -> Position:
        """Where to begin so that the block before that of an offset is decoded, too."""
        start = self._start_in_text(offset)
        iv = b"" if start else key.iv
        skip = offset - start - (BLOCK if key.iv and start else 0)
        place = self._place(encoding, start)
        encoded = EncodedFrom(encoding.name, place.letters, encoding.letters_before(start))
        return Position(place.position, skip, (key.key, iv), encoded)

    def _start_in_text(self, offset: int) -> int:
        """The ciphertext byte to begin with, to have the block before a decrypted offset."""
        before = offset - BLOCK if self._key and self._key.iv else offset
        return max(0, before) // _TEXT_STEP * _TEXT_STEP

    def _place(self, encoding: EncodedText, start: int) -> TextPlace:
        """The last place that is known before a ciphertext byte."""
        most = encoding.letters_before(start)
        known = (place for place in self._places if place.letters <= most)
        return max(known, default=TextPlace(encoding.lead, 0))

    def place_before(self, offset: int) -> TextPlace | None:
        """From where on the bytes from a decrypted offset can be read, in base64 or hex text."""
        if not isinstance(self._encoding, EncodedText):
            return None
        return self._place(self._encoding, self._start_in_text(offset))

    def pass_by(self, place: tuple[int, int] | None) -> None:
        """Takes note of a place in text that was come by: what comes later is read from there."""
        if place and place not in self._places:
            self._places.append(TextPlace(*place))

    def reached(self, offset: int) -> int:
        """About how much of the file as it lies stands for the bytes before a decrypted offset."""
        if isinstance(self._encoding, EncodedText):
            start = self._start_in_text(offset)
            place = self._place(self._encoding, start)
            offset = place.position + self._encoding.letters_before(start) - place.letters
        return min(offset, self._file.size)
