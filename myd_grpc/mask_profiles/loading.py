"""The tables of profiles that come with the program, read when they are first asked for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from myd_grpc.mask_profiles.model import FieldClass, ProfileField
from myd_grpc.options import MaskMethod, MaskProfile

TABLES: Mapping[MaskProfile, Path] = {
    MaskProfile.MYDATA_KR: Path(__file__).with_name("mydata_kr.csv")
}
"""The table of each profile. A worker may read them in its sandbox."""


@cache
def load(profile: MaskProfile) -> tuple[ProfileField, ...]:
    """The fields of a profile in the order of its table, of which the last that is meant counts."""
    import csv  # noqa: PLC0415 - only where a profile is asked for

    with TABLES[profile].open(encoding="utf-8", newline="") as file:
        return tuple(map(_field, csv.DictReader(file, strict=True)))


def _field(row: dict[str, str]) -> ProfileField:
    return ProfileField(
        field=row["field"],
        field_class=FieldClass(row["class"]),
        method=MaskMethod(row["method"]),
        domain=row["domain"],
        reason_en=row["reason_en"],
        reason_ko=row["reason_ko"],
    )
