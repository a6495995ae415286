"""One step on the way from a file as it lies to its text: it takes bytes, and gives others.

A stage has a function that gives the next bytes, none at the end. It reads from such a function of
the stage before it, from the start to the end: none of them can be begun in the middle.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from myd_grpc.convert.errors import Reason

Pull: TypeAlias = Callable[[], bytes]
"""Gives the next bytes, none at the end."""


class StageError(Exception):
    """A stage cannot go on; `what` is why, in words, and tells no content."""

    def __init__(self, reason: Reason, what: str) -> None:
        super().__init__(what)
        self.reason = reason
        self.what = what


class Peeked:
    """What a stage gives, whose beginning may be looked at before it is read.

    A look never fails: what the stage raises is raised by `read`, after what came before it.
    """

    def __init__(self, pull: Pull) -> None:
        self._pull = pull
        self._held = b""
        self._ended = False
        self.failure: Exception | None = None
        """What the stage has raised, if a look came that far."""

    def head(self, size: int) -> bytes:
        """The first bytes, so many unless there are fewer; what has been read is no part of it."""
        pieces, held = [self._held], len(self._held)
        while held < size and not (self._ended or self.failure):
            try:
                piece = self._pull()
            except Exception as error:  # noqa: BLE001 - whoever reads gets it
                self.failure = error
                break
            self._ended = not piece
            pieces.append(piece)
            held += len(piece)
        self._held = b"".join(pieces)
        return self._held[:size]

    def read(self) -> bytes:
        """The next bytes, none at the end; raises what the stage does."""
        if self._held:
            held, self._held = self._held, b""
            return held
        if self.failure:
            raise self.failure
        return b"" if self._ended else self._pull()
