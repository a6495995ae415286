"""What is around the records of a document: the way to them, and the rest after them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from myd_grpc.convert.engines.engine import Passed, PassOver
from myd_grpc.convert.input.source import Source
from myd_grpc.convert.jsontext.strict import StrictReader
from myd_grpc.convert.jsontext.values import nfc, parse
from myd_grpc.convert.jsontext.window import Window
from myd_grpc.convert.model import Limits
from myd_grpc.convert.piece import Juncture


def path_names(record_path: str) -> tuple[str, ...]:
    """The names of a record path ("a.b": member b of member a), in NFC."""
    return tuple(nfc(record_path).split("."))


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Reads what is around the records of a document, and checks every byte of it.

    What an engine has passed over is sound; the reader here finds out why it went no further.
    """

    source: Source
    limits: Limits
    pass_over: PassOver | None
    passed: Passed

    def read_on(self, window: Window, juncture: Juncture) -> tuple[Window, Juncture]:
        """Goes on from a juncture, where the window begins, as far as the engine does by itself."""
        if self.pass_over is None:
            return self._window(window.base, window.data), juncture
        head = bytes(window.data)
        juncture, rest = self.pass_over(juncture, head, self.source, self.limits, self.passed)
        self.source.seek(juncture.offset + len(rest))
        return self._window(juncture.offset, rest), juncture

    def _window(self, base: int, head: bytes | bytearray) -> Window:
        """A window that tells how far it has come whenever it is to hold more."""

        def read() -> bytes:
            self.passed(window.base)
            return self.source.read()

        window = Window(read, base, head)
        return window

    def reader(self, window: Window, juncture: Juncture) -> StrictReader:
        """A reader of what comes at a juncture, where the window begins."""
        return StrictReader(
            window,
            around=juncture.around,
            expect=juncture.expect,
            max_depth=self.limits.max_depth,
            max_bytes=self.limits.max_record_bytes,
        )


def descend(reader: StrictReader, names: Sequence[str], level: int) -> None:
    """Reads a document on to the value that the last of these names leads to.

    The first of them is looked for in the object within `level` others, in which the reader may be
    already. Raises KeyError when there is none, and TextError for malformed text on the way.
    """
    for depth, name in enumerate(names, level):
        if not _enter(reader, name, depth):
            raise KeyError(name)


def _enter(reader: StrictReader, wanted: str, level: int) -> bool:
    """Reads up to the value of the first member `wanted` of the object at that level."""
    if reader.depth == level:
        token = reader.next()
        if token is None or token.kind != "{":
            return False
    while (token := reader.next()) and token.depth > level:
        if token.kind == "key" and token.depth == level + 1 and nfc(parse(token.text)) == wanted:
            reader.next()
            return True
        if reader.depth > level + 1:
            reader.skip_run()
    return False
