"""What a preset is: frozen data that a file says, and that is kept with jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from myd_grpc.options import NO_CHOICE, ColumnChoice, Layout


@dataclass(frozen=True, slots=True)
class Preset:
    """Which columns stay and how they are masked, and what their paths depend on."""

    choice: ColumnChoice = NO_CHOICE
    maps: tuple[str, ...] = ()
    layout: Layout = Layout.AUTO
    record_path: str = ""
    id_field: str = ""
    encoding: str = ""


NO_PRESET = Preset()
NO_PRESETS: Mapping[str, Preset] = {}

THAT_CHANGE_PATHS = ("maps", "layout", "record_path", "id_field", "encoding")
"""What a preset decides alone: with others, its patterns would not match what they are meant for.

Options of a request are called alike.
"""
