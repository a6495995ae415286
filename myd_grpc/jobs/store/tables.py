"""Parts as the tables that callers see, as many as fit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from myd_grpc.convert.model import PartFile
from myd_grpc.jobs.model import Table
from myd_grpc.jobs.store.message_sizes import size_of_part, size_of_table_alone
from myd_grpc.options import Format


def count_tables(parts: Iterable[PartFile]) -> int:
    """How many tables these parts are of."""
    return sum(1 for _ in groupby(parts, _set_and_table))


def first_tables(
    parts: Iterator[tuple[int, PartFile]],
    first_format: Format,
    limit: int,
    most_bytes: int,
    *,
    may_break: bool,
) -> tuple[tuple[Table, ...], int | None]:
    """The first tables of these parts, and the position of the part at which what is left begins.

    At most `limit`, fewer if they take more bytes in a message. They are whole; but a first one
    that does not fit is broken off if it `may_break`, and left out otherwise. Rows are counted in
    parts of the job's first format.
    """

    def table() -> Table:
        rows = sum(one.rows for one in taken if one.file_name.endswith(first_format.ending))
        return Table(name, tuple(taken), rows, its_size)

    tables, size = list[Table](), 0
    for (_, name), members in groupby(parts, lambda numbered: _set_and_table(numbered[1])):
        taken, begin, its_size = list[PartFile](), -1, size_of_table_alone(name)
        for position, part in members:
            begin = begin if taken else position
            if len(tables) == limit:
                return tuple(tables), begin
            its_size += size_of_part(part)
            if size + its_size > most_bytes and (tables or taken or not may_break):
                if tables or not may_break:
                    return tuple(tables), begin
                return (table(),), position
            taken.append(part)
        size += its_size
        tables.append(table())
    return tuple(tables), None


def _set_and_table(part: PartFile) -> tuple[str, str]:
    return part.file_name.rpartition("/")[0], part.table
