"""The files of a set: those of its tables, and those that lie beside them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

BESIDE = frozenset(
    {"datapackage.json", "dictionary.csv", "load.duckdb.sql", "load.postgres.sql", "rejects.csv"}
)
"""What no table's file is called: those end in a number, or are workbooks."""

_Content = TypeVar("_Content")


def tables_in(files: Mapping[str, _Content]) -> dict[str, _Content]:
    """Those files, by path, that are of tables."""
    return {path: content for path, content in files.items() if not is_beside(path)}


def beside_in(files: Mapping[str, _Content]) -> dict[str, _Content]:
    """Those files, by path, that are of no table."""
    return {path: content for path, content in files.items() if is_beside(path)}


def is_beside(path: str) -> bool:
    """Whether a file of a set, by its path, is of no table."""
    return path.rpartition("/")[2] in BESIDE


def files_below(path: Path) -> list[Path]:
    """All files in a directory and in those in it."""
    return [found for found in sorted(path.rglob("*")) if found.is_file()]


def table_files_below(path: Path) -> dict[str, bytes]:
    """The files of tables in a directory and in those in it, by their relative paths."""
    files = {one.relative_to(path).as_posix(): one for one in files_below(path)}
    return {name: one.read_bytes() for name, one in tables_in(files).items()}
