"""What a profile says of a field."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from myd_grpc.options import MaskMethod


class FieldClass(StrEnum):
    """What a field tells of a person."""

    PERSON = "person"
    NAME = "name"
    ACCOUNT = "account"
    CARD = "card"
    CONTRACT = "contract"
    CONTACT = "contact"
    VEHICLE = "vehicle"
    FREE_TEXT = "free text"


@dataclass(frozen=True, slots=True)
class ProfileField:
    """How the columns are masked that are called `field`, wherever they are, and why.

    `field` is a name as it is in the MyData standard, or several with dots between them where one
    alone would mean too much; they may hold `*` as patterns do. `domain` is that of pseudonyms, ""
    with other methods. A field whose method is KEEP is an exception from one before it.
    """

    field: str
    field_class: FieldClass
    method: MaskMethod
    domain: str
    reason_en: str
    reason_ko: str
