"""Documents of the layouts that hold many records, made of the texts of these."""

from __future__ import annotations

from collections.abc import Callable

from myd_grpc.options import Layout

RECORDS: dict[Layout, Callable[[list[str]], str]] = {
    Layout.ARRAY: lambda records: "[" + ",".join(records) + "]",
    Layout.LINES: "\n".join,
    Layout.KEYED: lambda records: (
        "{" + ",".join(f'"k{i}": {record}' for i, record in enumerate(records)) + "}"
    ),
}
"""What makes a document of records; the keys of a keyed one are k0, k1 and so on."""
