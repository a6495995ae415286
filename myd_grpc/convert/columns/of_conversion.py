"""The rules for the columns of a conversion, made of what was asked for."""

from __future__ import annotations

from myd_grpc.convert.columns.methods import asked, year_of_dates
from myd_grpc.convert.columns.profile import rules_of_profile
from myd_grpc.convert.columns.rules import ColumnRules, Layer
from myd_grpc.convert.model import Conversion
from myd_grpc.options import NO_CHOICE, ColumnChoice


def column_rules(conversion: Conversion, key: bytes) -> ColumnRules:
    """What is done with columns: as the preset says, and then as the request does.

    `key` is that of pseudonyms, 32 bytes, or none.
    """
    options = conversion.options
    choices = (conversion.preset, asked(options))
    layers = tuple(_layer(one) for one in choices if one != NO_CHOICE)
    this_year = conversion.this_year or year_of_dates(conversion.preset, options)
    return ColumnRules(layers, options.maps, key, this_year)


def _layer(choice: ColumnChoice) -> Layer:
    """A choice as a layer: rules count before the profile, so they come after it."""
    masking = choice.masking
    return Layer(
        choice.include, choice.exclude, (*rules_of_profile(masking.profile), *masking.rules)
    )
