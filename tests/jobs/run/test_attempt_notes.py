"""What a caller is told of a masking key that came for nothing, and what of a preset nobody is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from myd_grpc.jobs.model import Request
from myd_grpc.jobs.run.attempt_notes import AttemptNotes
from myd_grpc.options import (
    ColumnChoice,
    ConvertOptions,
    Masking,
    MaskMethod,
    MaskProfile,
    MaskRule,
)

UNMASKED = "a masking key came, but nothing was masked: name a profile or rules"
NO_PSEUDONYMS = "a masking key came, but no profile or rule makes pseudonyms with it"


def rule(method: str) -> Masking:
    return Masking(rules=(MaskRule("a", MaskMethod(method)),))


def request(preset: Masking, own: Masking, name: str = "") -> Request:
    """A request with a key for nothing."""
    options = ConvertOptions(masking=own, preset=name)
    choice = ColumnChoice(masking=preset)
    return Request(("a",), "o", options, preset=choice, spare_masking_key=True)


@pytest.mark.parametrize(
    ("preset", "own", "name", "note"),
    [
        (Masking(), Masking(), "", UNMASKED),
        (Masking(), rule("KEEP"), "", UNMASKED),
        (Masking(), rule("YEAR"), "", NO_PSEUDONYMS),
        (Masking(), rule("KEEP"), "p", UNMASKED),
        (Masking(), rule("REMOVE"), "p", ""),
        (rule("REDACT"), Masking(), "p", ""),
        (rule("KEEP"), Masking(), "p", UNMASKED),
    ],
)
def test_a_key_that_came_for_nothing(preset: Masking, own: Masking, name: str, note: str) -> None:
    asked = request(preset, own, name)
    assert AttemptNotes(asked).to_caller(0, [], []) == note
    without = replace(asked, spare_masking_key=False)
    assert AttemptNotes(without).to_caller(0, [], []) == ""


def test_all_that_is_told_is_one_line() -> None:
    notes = AttemptNotes(request(Masking(), rule("KEEP")))
    assert notes.to_caller(1, ["strange"], [0]) == (
        f"{UNMASKED}; 1 record left out as it is broken; rejects.csv lists it; strange; "
        'nothing matched masking rule "a"'
    )
    assert notes.to_operator([0]) == ""


def test_a_preset_is_the_operators_and_a_profile_nobodys() -> None:
    masking = Masking(MaskProfile.MYDATA_KR, (MaskRule("b\n", MaskMethod.REDACT),))
    notes = AttemptNotes(request(masking, rule("REDACT"), "team"))
    assert notes.to_caller(0, [], [0, 1]) == 'nothing matched masking rule "a"'
    assert notes.to_operator([0, 1]) == (
        r'of its preset team, nothing matched masking rule "b\u000a"'
    )
    assert notes.to_operator([0]) == ""
