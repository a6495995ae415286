"""By which methods columns may be masked: what is to be known of that before a job is taken in.

Nothing that does it is loaded for that, as for most jobs there is none.
"""

from __future__ import annotations

from datetime import datetime

from myd_grpc.convert.timezone import SEOUL
from myd_grpc.options import ColumnChoice, ConvertOptions, MaskMethod, MaskProfile, MaskRule


def year_of_dates(preset: ColumnChoice, options: ConvertOptions) -> int:
    """The year that it is, by which dates are bounded; 0 where none is masked.

    It is to be the same for all of a conversion, also for what is done after a crash.
    """
    methods = _methods(preset, options)
    if methods.isdisjoint((MaskMethod.MONTH, MaskMethod.YEAR)):
        return 0
    return datetime.now(SEOUL).year


def needs_masking_key(preset: ColumnChoice, options: ConvertOptions) -> bool:
    """Whether a column may get pseudonyms, as the preset or the request says."""
    return MaskMethod.PSEUDONYM in _methods(preset, options)


def masks(preset: ColumnChoice, options: ConvertOptions) -> bool:
    """Whether a column may be masked or removed, as the preset or the request says."""
    return not _methods(preset, options) <= {MaskMethod.KEEP}


def asked(options: ConvertOptions) -> ColumnChoice:
    """What a request itself says of columns."""
    return ColumnChoice(options.include, options.exclude, options.masking)


def _methods(preset: ColumnChoice, options: ConvertOptions) -> set[MaskMethod]:
    masks = (preset.masking, asked(options).masking)
    return {rule.method for mask in masks for rule in (*_rules_of(mask.profile), *mask.rules)}


def _rules_of(profile: MaskProfile) -> tuple[MaskRule, ...]:
    if profile is MaskProfile.UNSPECIFIED:
        return ()
    # Loaded already where there is a sandbox, in which it could not be.
    from myd_grpc.convert.columns.profile import rules_of_profile  # noqa: PLC0415

    return rules_of_profile(profile)
