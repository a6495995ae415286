"""Tables as the server lists them, put together where a page broke one off."""

from __future__ import annotations

from myd.analysis.v1.analysis_pb2 import Job


class TableJoiner:
    """Puts the pieces of a table together that has more parts than a page holds."""

    def __init__(self) -> None:
        self._whole: Job.Table | None = None

    def add(self, piece: Job.Table) -> Job.Table | None:
        """Takes a piece, and answers the table before if it begins another one."""
        before = self._whole
        if before and _set_and_name(before) == _set_and_name(piece):
            before.rows += piece.rows
            before.parts.extend(piece.parts)
            return None
        self._whole = piece
        return before

    def end(self) -> Job.Table | None:
        """The last table, if there was any."""
        return self._whole


def _set_and_name(table: Job.Table) -> tuple[str, str]:
    """What tells tables apart: those of several sets may have the same name."""
    return table.parts[0].file_name.rpartition("/")[0] if table.parts else "", table.name
