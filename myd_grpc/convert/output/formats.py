"""The formats that the tables of a set are written in."""

from __future__ import annotations

from collections.abc import Callable

from myd_grpc.convert.output.csv_set import CsvSet
from myd_grpc.convert.output.writer import TableWriter, WriteContext

FORMATS: dict[str, Callable[[WriteContext], TableWriter]] = {"csv": CsvSet}
"""What makes the writer of each format, by the name that a checkpoint has for it."""
