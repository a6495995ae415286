"""Profiles: tables of columns that are masked, and how (docs/spec.md 11.6)."""

from __future__ import annotations

from myd_grpc.options import MaskProfile, MaskRule


def rules_of_profile(profile: MaskProfile) -> tuple[MaskRule, ...]:
    """The rules of a profile, none of no profile."""
    del profile
    return ()
