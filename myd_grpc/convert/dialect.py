"""In which text rows are written: as a profile has it, or with marks for what is made of them."""

from __future__ import annotations

from dataclasses import dataclass

from myd_grpc.options import Profile


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the rows of a file are written, beside what docs/spec.md 3.6 says of all of them.

    With `marks_text` every cell of text is in quotes, and no other is: so the text `1` can be told
    from the number. With `guards_cells` those that Excel would show or run otherwise are formulas,
    which takes rows with marks to be made of.
    """

    byte_order_mark: bytes
    line_end: str
    marks_text: bool = False
    guards_cells: bool = False

    @classmethod
    def of(cls, profile: Profile) -> Dialect:
        """That of a profile's files."""
        is_safe = profile is Profile.EXCEL_SAFE
        return cls(profile.byte_order_mark, profile.line_end, guards_cells=is_safe)


MARKED = Dialect(b"", "\n", marks_text=True)
"""That of rows of which something else is made."""
