"""What a request may say of columns, and how all that is wrong with it is said at once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.api.fingerprints import request_fingerprint
from myd_grpc.api.requests import submission
from myd_grpc.callers.model import ANYBODY
from myd_grpc.config import Settings
from myd_grpc.errors import InvalidRequestError
from myd_grpc.jobs.model import Request
from myd_grpc.options import Masking, MaskMethod, MaskProfile, MaskRule
from myd_grpc.shopping import SEOUL

SETTINGS = Settings.from_environ({"MYD_DATA_DIR": "/data"})
KEY = "0123456789abcDEF" * 4
UUID = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
PSEUDONYMS: Any = {"columns": "**.no", "method": "MASK_METHOD_PSEUDONYM"}
REDACTED: Any = {"columns": "**.memo", "method": "MASK_METHOD_REDACT"}


def message(**fields: Any) -> pb.ConvertToCsvRequest:
    wanted = pb.ConvertToCsvRequest(file_names=["a.json"], output_file_name="out")
    ParseDict(fields, wanted)
    return wanted


def accepted(**fields: Any) -> Request:
    return submission(message(**fields), SETTINGS, ANYBODY).request


def test_masked_dates_are_bounded_by_the_year_of_the_request() -> None:
    by_month: Any = {"columns": "**.date", "method": "MASK_METHOD_MONTH"}
    assert accepted(masking={"rules": [by_month]}).this_year == datetime.now(SEOUL).year
    assert accepted(masking={"rules": [REDACTED]}).this_year == 0


def refused(**fields: Any) -> dict[str, str]:
    with pytest.raises(InvalidRequestError) as caught:
        submission(message(**fields), SETTINGS, ANYBODY)
    return {one.field: one.description for one in caught.value.violations}


def test_what_is_asked_of_columns_is_kept_in_order() -> None:
    masking = {"key": KEY, "rules": [PSEUDONYMS | {"domain": "acc"}, REDACTED]}
    options = accepted(
        include=["b.**", "a"], exclude=["a"], maps=["m", "m"], masking=masking, maxRejects=7
    ).options
    assert (options.include, options.exclude, options.maps) == (("b.**", "a"), ("a",), ("m", "m"))
    assert options.max_rejects == 7
    assert options.masking == Masking(
        rules=(
            MaskRule("**.no", MaskMethod.PSEUDONYM, "acc"),
            MaskRule("**.memo", MaskMethod.REDACT),
        )
    )


def test_a_profile_is_kept() -> None:
    masking = {"key": KEY, "profile": "MASK_PROFILE_MYDATA_KR"}
    assert accepted(masking=masking).options.masking == Masking(MaskProfile.MYDATA_KR)


def test_everything_wrong_with_columns_is_said_at_once() -> None:
    assert set(
        refused(
            include=["", "a"],
            exclude=["a", "x" * 1025],
            maps=["m"] * 1001,
            preset="nobody",
            masking={
                "key": "12",
                "profile": 9,
                "rules": [
                    {"columns": "", "method": "MASK_METHOD_REDACT"},
                    {"columns": "a", "domain": "d" * 16_385},
                    {"columns": "x" * 1025, "method": 99},
                ],
            },
        )
    ) == {
        "include[0]",
        "exclude[1]",
        "maps",
        "preset",
        "masking.key",
        "masking.profile",
        "masking.rules[0].columns",
        "masking.rules[1].method",
        "masking.rules[1].domain",
        "masking.rules[2].columns",
        "masking.rules[2].method",
    }


def test_as_much_as_may_be_is_taken() -> None:
    rules = [REDACTED | {"columns": "가" * 1024}] * 1000
    options = accepted(
        include=["x" * 1024] * 1000, masking={"rules": rules}, maxRejects=(1 << 32) - 1
    ).options
    assert (len(options.include), len(options.masking.rules)) == (1000, 1000)
    assert set(refused(masking={"rules": [*rules, REDACTED]})) == {"masking.rules"}


@pytest.mark.parametrize("key", ["12", "g" * 64, KEY + "0", f" {KEY}"])
def test_a_bad_key_is_not_repeated(key: str) -> None:
    assert refused(masking={"key": key, "rules": [PSEUDONYMS]}) == {
        "masking.key": "must be 64 hex digits"
    }


def test_a_key_is_wanted_where_a_column_may_get_pseudonyms() -> None:
    assert list(refused(masking={"rules": [PSEUDONYMS]})) == ["masking.key"]
    assert accepted(masking={"rules": [REDACTED]})


def test_a_key_of_no_use_is_taken() -> None:
    assert accepted(masking={"key": KEY}).options == accepted().options


# Requests that are repeated


def digest(**fields: Any) -> bytes:
    found = request_fingerprint(message(requestId=UUID, **fields), b"secret")
    assert found
    return found.digest


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({}, {"masking": {}}),
        ({}, {"masking": {"profile": "MASK_PROFILE_UNSPECIFIED"}}),
        ({"masking": {"key": KEY}}, {"masking": {"key": KEY.lower()}}),
    ],
)
def test_the_same_in_other_words_is_the_same_request(one: Any, other: Any) -> None:
    assert digest(**one) == digest(**other)


def test_other_columns_are_another_request() -> None:
    both = [PSEUDONYMS, REDACTED]
    asked: list[dict[str, Any]] = [
        {},
        {"include": ["a"]},
        {"exclude": ["a"]},
        {"maps": ["a"]},
        {"preset": "a"},
        {"maxRejects": 1},
        {"masking": {"profile": "MASK_PROFILE_MYDATA_KR"}},
        {"masking": {"rules": both}},
        {"masking": {"rules": both[::-1]}},
        {"masking": {"rules": both, "key": KEY}},
        {"masking": {"rules": [PSEUDONYMS | {"domain": "x"}, REDACTED]}},
    ]
    assert len({digest(**one) for one in asked}) == len(asked)
