"""How large workbooks and their sheets may get (docs/spec.md 3.14)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a workbook or a sheet may have; what is more goes on in another one.

    A workbook has at most so many bytes and sheets beside the first one, a sheet so many rows
    beside its header, and so many bytes of XML. Excel takes 4 GiB of that for damaged, as it takes
    ZIP64 to say so.
    """

    workbook_bytes: int = 2_000_000_000
    workbook_sheets: int = 10_000
    sheet_rows: int = 1_048_575
    sheet_bytes: int = 4_000_000_000
