"""What is worked on: the records of one file, and the text around them, from some place on."""

from __future__ import annotations

from dataclasses import dataclass

from myd_grpc.convert.jsontext.strict import Expect
from myd_grpc.convert.model import Limits
from myd_grpc.options import Layout


@dataclass(frozen=True, slots=True)
class Piece:
    """The records of a file that are still to be read; plain data, for any process to go on with.

    `file` is the file's number in its set (from 1), `offset` a place between two records in its
    decrypted text, `records` how many come before it, of
    which `rejects` were left out; `depth` containers are around each. In base64 or hex text,
    `place` is where to read it from: see `TextPlace`.
    """

    file: int
    offset: int
    records: int
    layout: Layout
    depth: int
    limits: Limits
    rejects: int = 0
    place: tuple[int, int] | None = None

    def after(self, records: int, offset: int) -> Piece:
        """What is left of it after so many records of the file, up to an offset."""
        # `replace` takes far longer, and there may be very many files.
        rest = (self.layout, self.depth, self.limits, self.rejects, self.place)
        return Piece(self.file, offset, records, *rest)


@dataclass(frozen=True, slots=True)
class Juncture:
    """A juncture of two tokens in the text around the records of a document.

    It is at `offset` of the decrypted text, `around` are the brackets open there, outermost first,
    and `expect` is what may come next. The `names` of the record path are still to be found: all of
    them at the document's start, none after the records.
    """

    offset: int
    around: str
    expect: Expect
    names: tuple[str, ...] = ()
