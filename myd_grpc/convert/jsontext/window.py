"""A window that slides over the decrypted bytes of a file: what was read and is still needed."""

from __future__ import annotations

import re
from collections.abc import Callable

_PIECE = 16 << 10
_SPACE = re.compile(rb"[ \t\n\r]*+")
_SPACE_AND_SEPARATORS = re.compile(rb"[ \t\n\r\x1e]*+")
"""With the record separator of RFC 7464."""


class Window:
    """Bytes `data` of a file from offset `base` on, extended at the end and dropped at the front.

    Positions are indices in `data`; they hold until the next `drop`.
    """

    def __init__(
        self, read: Callable[[], bytes], base: int = 0, head: bytes | bytearray = b""
    ) -> None:
        self.data = bytearray(head)
        self.base = base
        self.ended = False
        self._read = read

    @classmethod
    def over(cls, data: bytes | memoryview, offset: int) -> Window:
        """A window of nothing but `data`, which is at `offset` in its file."""
        window = cls(lambda: b"")
        window.data += data
        window.base = offset
        window.ended = True
        return window

    def extend(self) -> bool:
        """Reads on; False at the end of the file."""
        if not self.ended:
            text = self._read()
            self.ended = not text
            self.data += text
        return not self.ended

    def hold(self, size: int) -> None:
        """Reads on until at least `size` bytes are held or the file ends."""
        while len(self.data) < size and self.extend():
            pass

    def ahead(self, position: int) -> Window:
        """The same text from a position on, read on as far as needed, and nothing of it dropped."""

        def read() -> bytes:
            nonlocal position
            while position == len(self.data):
                if not self.extend():
                    return b""
            piece = bytes(memoryview(self.data)[position : position + _PIECE])
            position += len(piece)
            return piece

        return Window(read, self.base + position)

    def drop(self, position: int) -> None:
        """Forgets everything before `position`, which becomes 0."""
        del self.data[:position]
        self.base += position

    def skip_space(
        self, position: int, most: int | None = None, *, separators: bool = False
    ) -> int:
        """The position of the next byte that is no white space, or the end of the file.

        White space of more than `most` bytes is not read to its end. With `separators`, the record
        separators of RFC 7464 are white space, too.
        """
        start, space = position, _SPACE_AND_SEPARATORS if separators else _SPACE
        while True:
            position = space.match(self.data, position).end()  # type: ignore[union-attr]
            enough = most is not None and position - start > most
            if position < len(self.data) or enough or not self.extend():
                return position

    def drop_space(self, *, separators: bool = False) -> None:
        """Forgets white space at the front, however much it is: see `skip_space`."""
        space = _SPACE_AND_SEPARATORS if separators else _SPACE
        while True:
            self.drop(space.match(self.data).end())  # type: ignore[union-attr]
            if self.data or not self.extend():
                return

    def byte(self, position: int) -> str:
        """The byte at `position` as a character, "" at the end of the file."""
        return chr(self.data[position]) if position < len(self.data) else ""
