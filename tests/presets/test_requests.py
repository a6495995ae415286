"""Requests that name a preset, and callers that are bound to some: what is taken as what."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.api.fingerprints import request_fingerprint
from myd_grpc.api.requests import conversion_of, submission
from myd_grpc.callers.model import ANYBODY, Caller, Role
from myd_grpc.config import Settings
from myd_grpc.errors import InvalidRequestError
from myd_grpc.jobs.model import Request
from myd_grpc.options import ColumnChoice, Layout, Masking, MaskMethod, MaskRule
from myd_grpc.presets.model import Preset

SETTINGS = Settings.from_environ({"MYD_DATA_DIR": "/data"})
KEY = "0123456789abcdef" * 4
UUID = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"

REDACT = Masking(rules=(MaskRule("**.memo", MaskMethod.REDACT),))
PSEUDONYM = Masking(rules=(MaskRule("**.no", MaskMethod.PSEUDONYM),))
PLAIN = Preset(ColumnChoice(masking=REDACT))
PRESETS = {
    "a": PLAIN,
    "b": Preset(ColumnChoice(exclude=("**.x",)), ("m",), Layout.KEYED, "data", "id"),
    "c": Preset(ColumnChoice(masking=PSEUDONYM)),
}
FREE = Caller("free", frozenset({Role.CONVERT}))
BOUND = replace(FREE, presets=("a",))
BOUND_TO_TWO = replace(FREE, presets=("a", "b"))


def message(**fields: Any) -> pb.ConvertToCsvRequest:
    return pb.ConvertToCsvRequest(file_names=["a.json"], output_file_name="out", **fields)


def accepted(caller: Caller = FREE, **fields: Any) -> Request:
    return submission(message(**fields), SETTINGS, caller, PRESETS).request


def refused(caller: Caller = FREE, **fields: Any) -> dict[str, str]:
    with pytest.raises(InvalidRequestError) as caught:
        submission(message(**fields), SETTINGS, caller, PRESETS)
    return {one.field: one.description for one in caught.value.violations}


def test_a_request_has_the_preset_it_names() -> None:
    request = accepted(preset="a", include=["**.memo"])
    assert (request.options.preset, request.preset) == ("a", PLAIN.choice)
    assert request.options.include == ("**.memo",)
    assert conversion_of(request, SETTINGS).preset == PLAIN.choice


def test_a_request_without_one_has_none() -> None:
    request = accepted()
    assert (request.options.preset, request.preset) == ("", ColumnChoice())


def test_an_unknown_one_is_refused_with_those_there_are() -> None:
    assert refused(preset="A") == {"preset": "must be one of a, b, c"}
    assert refused(ANYBODY, preset="d") == {"preset": "must be one of a, b, c"}
    with pytest.raises(InvalidRequestError, match="preset: this server has no presets"):
        submission(message(preset="a"), SETTINGS, ANYBODY)


def test_who_is_bound_to_one_has_it_whether_named_or_not() -> None:
    assert accepted(BOUND) == accepted(BOUND, preset="a")
    assert accepted(BOUND).options.preset == "a"
    assert accepted(BOUND).preset == PLAIN.choice


def test_who_is_bound_is_told_of_no_others() -> None:
    for name in ("b", "nope"):
        assert refused(BOUND, preset=name) == {"preset": "must be one of a"}
    for name in ("", "c"):
        assert refused(BOUND_TO_TWO, preset=name) == {"preset": "must be one of a, b"}
    assert accepted(BOUND_TO_TWO, preset="b").options.preset == "b"


def test_who_is_bound_to_what_is_not_there_can_do_nothing() -> None:
    gone = replace(FREE, presets=("gone",))
    for name in ("", "gone", "a"):
        told = (
            "this server has no presets; whoever runs it can put one into the directory "
            "that MYD_PRESETS names"
        )
        assert refused(gone, preset=name) == {"preset": told}


def test_an_admin_is_free_unless_bound() -> None:
    admin = Caller("admin", frozenset({Role.ADMIN}))
    assert accepted(admin).options.preset == ""
    assert accepted(replace(admin, presets=("a",))).options.preset == "a"


def test_what_changes_paths_is_the_presets() -> None:
    options = accepted(preset="b").options
    assert (options.maps, options.layout) == (("m",), Layout.KEYED)
    assert (options.record_path, options.id_field) == ("data", "id")
    again = accepted(
        preset="b", maps=["m"], layout="RECORD_LAYOUT_KEYED", record_path="data", id_field="id"
    )
    assert again.options == options


@pytest.mark.parametrize("preset", ["a", "b"])
def test_a_request_may_not_say_otherwise(preset: str) -> None:
    told = f"must be left out, or be as the preset {preset} says: it decides it"
    assert refused(
        preset=preset,
        maps=["n"],
        layout="RECORD_LAYOUT_ARRAY",
        record_path="x",
        id_field="y",
        encoding="uhc",
    ) == dict.fromkeys(("maps", "layout", "record_path", "id_field", "encoding"), told)


def test_without_a_preset_a_request_may_say_it() -> None:
    assert accepted(maps=["n"], id_field="y").options.maps == ("n",)


def test_a_preset_with_pseudonyms_needs_the_key() -> None:
    told = "must be given: a column may get pseudonyms, which are made with it"
    assert refused(preset="c") == {"masking.key": told}
    wanted = message(preset="c", masking=pb.Masking(key=KEY))
    assert submission(wanted, SETTINGS, FREE, PRESETS).keys.masking == bytes.fromhex(KEY)


def test_the_fingerprint_covers_the_presets_name() -> None:
    digests = set()
    for name in ("", "a", "b"):
        found = request_fingerprint(message(preset=name, request_id=UUID), b"secret")
        assert found
        digests.add(found.digest)
    assert len(digests) == 3


# Roles


@pytest.mark.parametrize("role", [Role.ADMIN, Role.PREPROCESS])
def test_who_is_bound_has_no_summaries(role: Role) -> None:
    caller = Caller("x", frozenset({role}))
    assert caller.may(Role.PREPROCESS)
    assert not replace(caller, presets=("a",)).may(Role.PREPROCESS)
    assert replace(caller, presets=("a",)).may(Role.CONVERT) == (role is Role.ADMIN)
