"""Which types of Parquet the columns of a table get (docs/spec.md 3.12)."""

from __future__ import annotations

import pyarrow as pa

from myd_grpc.convert.kinds import ColumnKinds, Kind
from myd_grpc.convert.output.finishing import FinishedTable

_MOST_DIGITS = 38
_INT64_DIGITS = 18
"""Whatever has no more digits fits; of 19 there are some that do not."""

_PLAIN_NUMBERS = (Kind.INTEGER, Kind.DECIMAL, Kind.INTEGER | Kind.DECIMAL)


def schema_of(table: FinishedTable) -> pa.Schema:
    """The one schema of all parts of a table. Link columns, and those without a value, are text."""
    kinds = table.kinds
    return pa.schema(
        (name, type_of(kinds[index]) if index in kinds else pa.string())
        for index, name in enumerate(table.columns)
    )


def type_of(column: ColumnKinds) -> pa.DataType:
    """The type that holds all values of a column exactly."""
    kinds = column.kinds & ~Kind.NULL
    if kinds == Kind.BOOLEAN:
        return pa.bool_()
    if kinds == Kind.INTEGER and column.whole_digits <= _INT64_DIGITS:
        return pa.int64()
    digits = column.whole_digits + column.fraction_digits
    if kinds in _PLAIN_NUMBERS and digits <= _MOST_DIGITS:
        return pa.decimal128(digits, column.fraction_digits)
    return pa.string()
