"""Profiles of masks: tables of fields that identify a person, and how each is masked.

`mydata_kr.csv` is the profile MYDATA_KR, with its reasons in English and Korean (docs/spec.md
11.6). `load` reads it when it is first asked for.
"""

from __future__ import annotations

from myd_grpc.mask_profiles.loading import TABLES, load
from myd_grpc.mask_profiles.model import FieldClass, ProfileField

__all__ = ["TABLES", "FieldClass", "ProfileField", "load"]
