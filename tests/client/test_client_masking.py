"""How callers of the client library say which columns are masked, and with which key."""

from __future__ import annotations

from typing import Any

import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.client import (
    InvalidKeyError,
    InvalidRequestError,
    Masking,
    MaskingKey,
    MaskMethod,
    MaskProfile,
    MaskRule,
)
from myd_grpc.client.requests import convert_request

KEY = "5a" * 32
RULES = [
    pb.MaskRule(columns="**.no", method="MASK_METHOD_PSEUDONYM", domain="account"),
    pb.MaskRule(columns="memo", method="MASK_METHOD_REMOVE"),
]


def request(masking: Any, key: MaskingKey | None = None) -> pb.ConvertToCsvRequest:
    return convert_request(["a"], "o", None, key, "", {"masking": masking})


@pytest.mark.parametrize(
    "masking",
    [
        Masking(
            MaskProfile.MYDATA_KR,
            (
                MaskRule("**.no", MaskMethod.PSEUDONYM, "account"),
                MaskRule("memo", MaskMethod.REMOVE),
            ),
        ),
        {
            "profile": "mydata_kr",
            "rules": [
                {"columns": "**.no", "method": "pseudonym", "domain": "account"},
                MaskRule("memo", MaskMethod.REMOVE),
            ],
        },
        {
            "profile": pb.MASK_PROFILE_MYDATA_KR,
            "rules": [
                {"columns": "**.no", "method": pb.MASK_METHOD_PSEUDONYM, "domain": "account"},
                {"columns": "memo", "method": "MASK_METHOD_REMOVE"},
            ],
        },
    ],
)
def test_masking_is_a_dataclass_or_a_mapping(masking: Any) -> None:
    wanted = pb.Masking(key=KEY, profile="MASK_PROFILE_MYDATA_KR", rules=RULES)
    assert request(masking, MaskingKey(KEY)).masking == wanted


def test_no_masking_is_no_field() -> None:
    assert not request(Masking()).HasField("masking")
    assert not request({}).HasField("masking")


def test_an_unknown_method_is_refused_with_those_there_are() -> None:
    rules = [{"columns": "a", "method": "keep"}, {"columns": "a", "method": "HASH"}]
    with pytest.raises(InvalidRequestError) as caught:
        request({"rules": rules})
    assert str(caught.value) == (
        "masking.rules[1].method: must be one of PSEUDONYM, REMOVE, REDACT, PARTIAL, MONTH, YEAR, "
        "KEEP"
    )


@pytest.mark.parametrize(
    "masking", [{"key": KEY}, {"rule": []}, {"rules": [{"column": KEY}]}, {"rules": ["a"]}, KEY]
)
def test_what_is_no_masking_is_not_repeated(masking: Any) -> None:
    with pytest.raises(TypeError, match="must be a mapping with no members but") as caught:
        request(masking)
    assert KEY not in str(caught.value)


def test_a_masking_key_does_not_show() -> None:
    assert KEY not in f"{MaskingKey(KEY)!r} {MaskingKey(KEY)}"
    for text in ("", "5a", "x" * 64):
        with pytest.raises(InvalidKeyError, match="the masking key must be 64 hex digits"):
            MaskingKey(text)


def test_a_masking_key_comes_from_a_file_or_the_environment(tmp_path: Any) -> None:
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    assert MaskingKey.from_file(file) == MaskingKey(KEY)
    assert MaskingKey.from_environment({"MYD_MASKING_KEY": f" {KEY} "}) == MaskingKey(KEY)
    assert MaskingKey.from_environment({"MYD_MASKING_KEY": ""}) is None
    file.write_text(f"{KEY}\n{KEY}\n")
    with pytest.raises(InvalidKeyError, match="one line") as caught:
        MaskingKey.from_file(file)
    assert KEY not in str(caught.value)
    assert str(caught.value).startswith(f"{file}: ")
    with pytest.raises(InvalidKeyError, match=r"^MYD_MASKING_KEY: the masking key must be 64 hex"):
        MaskingKey.from_environment({"MYD_MASKING_KEY": KEY[1:]})
