"""The formats that are made of a set's rows, and how rows are kept for what is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from myd_grpc.convert.dialect import MARKED, Dialect
from myd_grpc.convert.output.finishing import FinishingFormat
from myd_grpc.convert.output.parquet import Parquet
from myd_grpc.convert.output.xlsx.workbooks import Workbooks
from myd_grpc.options import ConvertOptions, Format, Profile


@dataclass(frozen=True, slots=True)
class Finishing:
    """A format that is made of finished rows; to make it takes `cost` times as long as the rows."""

    make: Callable[[], FinishingFormat]
    cost: float


FINISHING = {
    Format.PARQUET: Finishing(Parquet, 2.5),
    Format.XLSX: Finishing(Workbooks, 4.0),
}
"""The formats that are made of finished rows, in the order in which they are.

Last those that are made again after a crash.
"""


_CHECKSUMS_COST = 0.8
"""As `Finishing.cost`, to read inputs and files for their checksums."""


@dataclass(frozen=True, slots=True)
class RowPlan:
    """How rows are kept.

    Engines write them in `dialect`. CSV files are published in the dialect `published`, if they
    are. With `hides_rows` there are such as engines write them beside, of which formats are made.
    """

    dialect: Dialect
    published: Dialect | None
    hides_rows: bool

    @classmethod
    def of(cls, options: ConvertOptions) -> RowPlan:
        """That for these options: marks are kept only where they are needed, as they cost time."""
        profile, has_csv = options.csv_profile, Format.CSV in options.formats
        published = Dialect.of(profile) if has_csv else None
        if Format.XLSX in options.formats or (has_csv and profile is Profile.EXCEL_SAFE):
            dialect = MARKED
        else:
            dialect = published or Dialect.of(Profile.DATABASE)
        hides_rows = bool(finishing(options.formats)) and dialect is not published
        return cls(dialect, published, hides_rows)


def finishing(formats: Sequence[Format]) -> dict[Format, Finishing]:
    """Those of the formats that are made of finished rows, in the order in which they are."""
    return {name: one for name, one in FINISHING.items() if name in formats}


@dataclass(frozen=True, slots=True)
class FinishCost:
    """How many times as long as the rows formats take, and to read all for its checksums."""

    formats: float
    checksums: float

    @classmethod
    def of(cls, options: ConvertOptions) -> FinishCost:
        """That for these options."""
        formats = sum(one.cost for one in finishing(options.formats).values())
        return cls(formats, _CHECKSUMS_COST if options.checksums else 0.0)

    @property
    def share(self) -> float:
        """Which part of a conversion's time it is: 0 to 1."""
        cost = self.formats + self.checksums
        return cost / (1 + cost)

    @property
    def formats_share(self) -> float:
        """Which part of that the formats take: 0 to 1."""
        return self.formats / (self.formats + self.checksums) if self.checksums else 1.0
