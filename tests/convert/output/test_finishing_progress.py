"""What formats report becomes a part of the time that all of them take."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from myd_grpc.convert.dialect import MARKED
from myd_grpc.convert.output.finishing import FinishedRows, FinishedTable, RowFile
from myd_grpc.convert.output.finishing_progress import FinishingProgress


def told(parts: Sequence[Sequence[tuple[int, int]]], *reported: Sequence[int]) -> list[float]:
    """Which part has passed with each report; tables have parts with so many rows and bytes."""
    tables = [
        FinishedTable("t", "t", [], 2, {}, [RowFile(Path(), *part) for part in table])
        for table in parts
    ]
    found = list[float]()
    costs = [3.0, 1.0][: len(reported)]
    progress = FinishingProgress(FinishedRows("t", MARKED, tables), costs, found.append)
    for report, rows in zip(progress.reports(), reported, strict=True):
        for some in rows:
            report(some)
    return found


def test_wide_rows_count_more_than_narrow_ones() -> None:
    tables = [[(10, 6000), (10, 2000)], [(1000, 2000)]]
    assert told(tables, [5, 5, 10, 500, 500]) == [0.3, 0.6, 0.8, 0.9, 1.0]
    assert told(tables, [1020]) == [1.0]


def test_each_format_has_its_share() -> None:
    assert told([[(4, 100)]], [2, 2], [1, 3]) == [0.375, 0.75, 0.8125, 1.0]


def test_a_part_without_rows_is_none_to_wait_for() -> None:
    assert told([[(0, 100)]], [0]) == [1.0]
    assert told([[(0, 100)], [(2, 100)]], [1, 1]) == [0.75, 1.0]


@pytest.mark.parametrize("rows", [5, 1000])
def test_more_rows_than_there_are_is_all(rows: int) -> None:
    assert told([[(4, 100)]], [rows]) == [1.0]
