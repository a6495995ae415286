"""Parts as the tables that callers see, as many as fit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from myd_grpc.convert.model import PartFile
from myd_grpc.jobs.model import Table
from myd_grpc.jobs.store.message_sizes import size_of_part, size_of_table_alone


def tables_of(parts: Iterable[PartFile]) -> tuple[Table, ...]:
    """The parts grouped into tables, one for each set; those of a table follow one another."""
    return tuple(
        Table(name, tuple(members)) for (_, name), members in groupby(parts, _set_and_table)
    )


def count_tables(parts: Iterable[PartFile]) -> int:
    """How many tables these parts are of."""
    return sum(1 for _ in groupby(parts, _set_and_table))


def first_tables(
    parts: Iterator[tuple[int, PartFile]], limit: int, most_bytes: int, *, may_break: bool
) -> tuple[tuple[Table, ...], int | None]:
    """The first tables of these parts, and the position of the part at which what is left begins.

    At most `limit`, fewer if they take more bytes in a message. They are whole; but a first one
    that does not fit is broken off if it `may_break`, and left out otherwise.
    """
    taken, begun, size = list[PartFile](), list[tuple[int, int]](), 0
    for position, part in parts:
        if not taken or _set_and_table(part) != _set_and_table(taken[-1]):
            if len(begun) == limit:
                return tables_of(taken), position
            begun.append((len(taken), position))
            size += size_of_table_alone(part.table)
        size += size_of_part(part)
        if size > most_bytes and (taken or not may_break):
            return _broken_off(taken, begun, position, may_break=may_break)
        taken.append(part)
    return tables_of(taken), None


def _broken_off(
    taken: Sequence[PartFile], begun: Sequence[tuple[int, int]], position: int, *, may_break: bool
) -> tuple[tuple[Table, ...], int]:
    if may_break and len(begun) == 1:
        return tables_of(taken), position
    last, its_position = begun[-1]
    return tables_of(taken[:last]), its_position


def _set_and_table(part: PartFile) -> tuple[str, str]:
    return part.file_name.rpartition("/")[0], part.table
