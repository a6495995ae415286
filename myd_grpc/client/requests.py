"""What both clients send: requests, made of what callers give."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from enum import StrEnum
from typing import Any

import grpc
from google.protobuf.message import Message

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.client.errors import InvalidRequestError, Violation
from myd_grpc.client.keys import Key, MaskingKey
from myd_grpc.options import (
    CHOICES,
    LISTS,
    PREFIXES,
    ConvertKeywords,
    MaskMethod,
    MaskProfile,
    MaskRule,
    ReadKeywords,
    longer_name,
)


def convert_request(
    file_names: Iterable[str],
    output_file_name: str,
    key: Key | None,
    masking_key: MaskingKey | None,
    request_id: str,
    options: ConvertKeywords,
) -> pb.ConvertToCsvRequest:
    """The request for a conversion, with an id in any case: so it may be repeated."""
    if isinstance(file_names, str):  # which is an iterable of names, too: its letters
        raise TypeError("file_names must be a list of names, not one text")
    request = pb.ConvertToCsvRequest(
        file_names=file_names,
        output_file_name=output_file_name,
        request_id=request_id or str(uuid.uuid4()),
        aes256cbckey=key.aes256cbckey if key else "",
        iv=key.iv if key else "",
        **_fields(options),
    )
    if request.masking == pb.Masking():
        request.ClearField("masking")
    if masking_key:
        request.masking.key = masking_key.key
    return request


def resume_request(
    job_id: str, key: Key | None, masking_key: MaskingKey | None
) -> pb.ResumeJobRequest:
    """The request that hands over what a job waits for."""
    return pb.ResumeJobRequest(
        job_id=job_id,
        aes256cbckey=key.aes256cbckey if key else "",
        iv=key.iv if key else "",
        masking_key=masking_key.key if masking_key else "",
    )


def preprocess_request(
    user_id: str, proposal_id: str, file_name: str, key: Key | None, options: ReadKeywords
) -> pb.PreprocessShoppingRequest:
    """The request for a summary."""
    return pb.PreprocessShoppingRequest(
        user_id=user_id,
        proposal_id=proposal_id,
        file_name=file_name,
        aes256cbckey=key.aes256cbckey if key else "",
        iv=key.iv if key else "",
        **_fields(options),
    )


def _fields(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options as fields of a message; raises InvalidRequestError for an unknown name."""
    return {name: _field(name, value) for name, value in options.items()}


def _field(name: str, value: Any) -> object:
    if name == "masking":
        return _masking(value)
    if name in LISTS and isinstance(value, str):  # which is a sequence, too: of its letters
        raise TypeError(f"{name} must be a list, not one text")
    if name not in CHOICES:
        return value
    choice = CHOICES[name]
    if name in LISTS:
        return [_choice(name, choice, one, "each ") for one in value]
    return _choice(name, choice, value)


def _masking(value: Any) -> pb.Masking:
    """Which columns are masked, of a dataclass or a mapping; the key comes by itself."""
    found = _members("masking", value, pb.Masking, but="key")
    if "profile" in found:
        found["profile"] = _choice("masking.profile", MaskProfile, found["profile"])
    rules = enumerate(found.pop("rules", ()))
    return pb.Masking(rules=[_rule(f"masking.rules[{n}]", one) for n, one in rules], **found)


def _rule(where: str, value: MaskRule | Mapping[str, Any]) -> pb.MaskRule:
    found = _members(where, value, pb.MaskRule)
    if "method" in found:
        found["method"] = _choice(f"{where}.method", MaskMethod, found["method"])
    return pb.MaskRule(**found)


def _members(where: str, value: Any, kind: type[Message], but: str = "") -> dict[str, Any]:
    """The members of a dataclass or a mapping, which are fields of a message."""
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: getattr(value, one.name) for one in fields(value)}
    known = set(kind.DESCRIPTOR.fields_by_name) - {but}
    if not isinstance(value, Mapping) or not known.issuperset(value):
        # What is there instead is not repeated: it may be a key.
        raise TypeError(f"{where} must be a mapping with no members but {', '.join(sorted(known))}")
    return dict(value)


def _choice(name: str, choice: type[StrEnum], value: object, each: str = "") -> object:
    if not isinstance(value, str):
        return value
    short = value.upper().removeprefix(PREFIXES[choice])
    if short == "UNSPECIFIED":
        return PREFIXES[choice] + short
    if short not in set(choice):
        raise _unknown(Violation(name, f"must {each}be one of {', '.join(choice)}"))
    return longer_name(choice(short))


def _unknown(wrong: Violation) -> InvalidRequestError:
    """The same as the server's refusal, which never gets to see such a value."""
    return InvalidRequestError(
        f"{wrong.field}: {wrong.description}",
        grpc.StatusCode.INVALID_ARGUMENT,
        "INVALID_REQUEST",
        (wrong,),
    )
