"""The command `mask-profile`: what a profile of masks does to which fields; it asks no server."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from typing import Any

from myd_grpc import mask_profiles
from myd_grpc.mask_profiles import ProfileField
from myd_grpc.options import MaskProfile

_COLUMNS = ("field", "class", "method", "domain", "reason")
_LANGUAGES = ("en", "ko")


def add_options(parser: Any) -> None:
    """Add what the command takes beside what all do."""
    parser.add_argument(
        "--language", choices=_LANGUAGES, default="en", help="that of the reasons (default: en)"
    )


def show(arguments: Namespace) -> None:
    """Print a line for each field of MYDATA_KR, for programs, pipes or a terminal."""
    fields = mask_profiles.load(MaskProfile.MYDATA_KR)
    rows = [_cells(field, arguments.language) for field in fields]
    if arguments.json:
        for cells in rows:
            print(json.dumps(dict(zip(_COLUMNS, cells, strict=True)), ensure_ascii=False))
    elif sys.stdout and sys.stdout.isatty():
        _show_table(rows)
    else:
        for cells in (_COLUMNS, *rows):
            print(*cells, sep="\t")


def _cells(field: ProfileField, language: str) -> tuple[str, ...]:
    reason = field.reason_ko if language == "ko" else field.reason_en
    return (field.field, field.field_class, field.method, field.domain, reason)


def _show_table(rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console  # noqa: PLC0415 - only at a terminal
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415 - in which brackets mean nothing

    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for column in _COLUMNS:
        table.add_column(column, overflow="fold")
    for cells in rows:
        table.add_row(*map(Text, cells))
    Console().print(table)
