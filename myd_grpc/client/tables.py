"""Tables as the server lists them, put together where a page broke one off."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from myd.analysis.v1.analysis_pb2 import Job


def whole_tables(listed: Iterable[Job.Table]) -> Iterator[Job.Table]:
    """The tables, each once: one with more parts than a page holds is listed in pieces."""
    whole: Job.Table | None = None
    for table in listed:
        if whole and _set_and_name(whole) == _set_and_name(table):
            whole.rows += table.rows
            whole.parts.extend(table.parts)
            continue
        if whole:
            yield whole
        whole = table
    if whole:
        yield whole


def _set_and_name(table: Job.Table) -> tuple[str, str]:
    """What tells tables apart: those of several sets may have the same name."""
    return table.parts[0].file_name.rpartition("/")[0] if table.parts else "", table.name
