"""The rules for the columns of a conversion, made of what was asked for."""

from __future__ import annotations

from datetime import datetime

from myd_grpc.convert.columns.profile import rules_of_profile
from myd_grpc.convert.columns.rules import ColumnRules, Layer
from myd_grpc.convert.model import Conversion
from myd_grpc.convert.timezone import SEOUL
from myd_grpc.options import NO_CHOICE, ColumnChoice, ConvertOptions, MaskMethod


def column_rules(conversion: Conversion, key: bytes) -> ColumnRules:
    """What is done with columns: as the preset says, and then as the request does.

    `key` is that of pseudonyms, 32 bytes, or none.
    """
    options = conversion.options
    choices = (conversion.preset, _asked(options))
    layers = tuple(_layer(one) for one in choices if one != NO_CHOICE)
    this_year = conversion.this_year or year_of_dates(conversion.preset, options)
    return ColumnRules(layers, options.maps, key, this_year)


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


def _methods(preset: ColumnChoice, options: ConvertOptions) -> set[MaskMethod]:
    choices = (preset, _asked(options))
    return {rule.method for choice in choices for rule in _layer(choice).rules}


def _asked(options: ConvertOptions) -> ColumnChoice:
    return ColumnChoice(options.include, options.exclude, options.masking)


def _layer(choice: ColumnChoice) -> Layer:
    """A choice as a layer: rules count before the profile, so they come after it."""
    masking = choice.masking
    return Layer(
        choice.include, choice.exclude, (*rules_of_profile(masking.profile), *masking.rules)
    )
