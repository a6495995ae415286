"""The rules for the columns of a conversion, made of what was asked for."""

from __future__ import annotations

from collections.abc import Sequence
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
    return ColumnRules(layers, options.maps, key, _this_year(conversion, layers))


def _this_year(conversion: Conversion, layers: Sequence[Layer]) -> int:
    """The year that bounds dates, 0 where none is masked."""
    methods = {rule.method for layer in layers for rule in layer.rules}
    if methods.isdisjoint((MaskMethod.MONTH, MaskMethod.YEAR)):
        return 0
    return conversion.this_year or datetime.now(SEOUL).year


def needs_masking_key(preset: ColumnChoice, options: ConvertOptions) -> bool:
    """Whether a column may get pseudonyms, as the preset or the request says."""
    return any(
        rule.method is MaskMethod.PSEUDONYM
        for choice in (preset, _asked(options))
        for rule in _layer(choice).rules
    )


def _asked(options: ConvertOptions) -> ColumnChoice:
    return ColumnChoice(options.include, options.exclude, options.masking)


def _layer(choice: ColumnChoice) -> Layer:
    """A choice as a layer: rules count before the profile, so they come after it."""
    masking = choice.masking
    return Layer(
        choice.include, choice.exclude, (*rules_of_profile(masking.profile), *masking.rules)
    )
