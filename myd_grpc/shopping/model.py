"""What a summary is asked for and what it answers: plain frozen data."""

from __future__ import annotations

from dataclasses import dataclass, field

from myd_grpc.convert.model import DEFAULT_LIMITS, SECTION_NAMES, Limits
from myd_grpc.options import ReadOptions

DATE_FIELDS = (
    "order_date",
    "orderDate",
    "orderDateTime",
    "ordered_at",
    "orderedAt",
    "payDateTime",
    "paidAt",
    "date",
    "trans_dtime",
)
"""Members in which an order line's time is looked for, in this order."""

OWNER_FIELDS = (
    "user_id",
    "userId",
    "userid",
    "member_id",
    "memberId",
    "customer_id",
    "customerId",
)
"""Members by which an object names the one it belongs to; the first that it has counts."""


class UserNotFoundError(Exception):
    """The file's records or order lines have owners, and the user is none of them.

    `message` says for the caller how owners were found, and holds nothing out of the file.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True)
class Query:
    """Whose shopping is asked for, and where it lies; see `Conversion` for the file's part.

    No time after the year that follows `this_year` is taken for one.
    """

    user_id: str
    proposal_id: str
    data_dir: str
    file_name: str
    this_year: int
    options: ReadOptions = field(default_factory=ReadOptions)
    limits: Limits = DEFAULT_LIMITS
    section_names: frozenset[str] = SECTION_NAMES
    excluded_dirs: tuple[str, ...] = ()
    confined_to: str = ""
    owner_fields: tuple[str, ...] = OWNER_FIELDS
    date_fields: tuple[str, ...] = DATE_FIELDS
    engine: str = "auto"
    threads: int = 0


@dataclass(frozen=True, slots=True)
class Summary:
    """When a user bought, and what.

    Distinct months ("06") and months with years ("2022-06"), both in order of time; and the
    second-level categories of each first-level one, in order of first appearance. Then what it
    rests on: how many order lines count, how many of these have no time, how many were left out as
    they are another's or may be; and by which member owners were told apart, "" by none.
    """

    months: list[str]
    year_months: list[str]
    categories: dict[str, list[str]]
    order_lines: int
    undated_lines: int
    foreign_lines: int
    owner_field: str
