"""Which preset a request has, and what that leaves for the request to say (docs/spec.md 11.7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace

from myd_grpc.api.fields import Checks
from myd_grpc.callers.model import Caller
from myd_grpc.options import ConvertOptions
from myd_grpc.presets.model import NO_PRESET, THAT_CHANGE_PATHS, Preset

_NONE = (
    "this server has no presets; whoever runs it can put one into the directory that "
    "MYD_PRESETS names"
)
_UNSET = {one.name: one.default for one in fields(ConvertOptions)}


def preset_of(
    checks: Checks, name: str, caller: Caller, presets: Mapping[str, Preset]
) -> tuple[str, Preset]:
    """The preset of a request that names it, and its name; "" for none.

    A caller who is bound to one need not name it.
    """
    if not name and len(caller.presets) == 1:
        (name,) = caller.presets
    if not name and not caller.presets:
        return "", NO_PRESET
    allowed = [one for one in caller.presets or presets if one in presets]
    if name in allowed:
        return name, presets[name]
    wanted = f"must be one of {', '.join(allowed)}" if allowed else _NONE
    checks.refuse("preset", wanted)
    return "", NO_PRESET


def under_preset(
    checks: Checks, options: ConvertOptions, name: str, preset: Preset
) -> ConvertOptions:
    """The options of a request with that preset: what changes paths is as the preset says."""
    if not name:
        return options
    decided = {one: getattr(preset, one) for one in THAT_CHANGE_PATHS}
    for one, value in decided.items():
        if getattr(options, one) not in (_UNSET[one], value):
            checks.refuse(one, f"must be left out, or be as the preset {name} says: it decides it")
    return replace(options, preset=name, **decided)
