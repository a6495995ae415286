"""What both clients send: requests, made of what callers give."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

import grpc

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.client.errors import InvalidRequestError, Violation
from myd_grpc.client.keys import Key
from myd_grpc.options import CHOICES, LISTS, PREFIXES, ConvertKeywords, ReadKeywords, longer_name


def convert_request(
    file_names: Iterable[str],
    output_file_name: str,
    key: Key | None,
    request_id: str,
    options: ConvertKeywords,
) -> pb.ConvertToCsvRequest:
    """The request for a conversion, with an id in any case: so it may be repeated."""
    if isinstance(file_names, str):  # which is an iterable of names, too: its letters
        raise TypeError("file_names must be a list of names, not one text")
    return pb.ConvertToCsvRequest(
        file_names=file_names,
        output_file_name=output_file_name,
        request_id=request_id or str(uuid.uuid4()),
        aes256cbckey=key.aes256cbckey if key else "",
        iv=key.iv if key else "",
        **_fields(options),
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
    if name in LISTS and isinstance(value, str):  # which is a sequence, too: of its letters
        raise TypeError(f"{name} must be a list, not one text")
    if name not in CHOICES:
        return value
    return [_choice(name, one) for one in value] if name in LISTS else _choice(name, value)


def _choice(name: str, value: object) -> object:
    if not isinstance(value, str):
        return value
    choice = CHOICES[name]
    short = value.upper().removeprefix(PREFIXES[choice])
    if short == "UNSPECIFIED":
        return value.upper()
    if short not in set(choice):
        each = "each " if name in LISTS else ""
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
