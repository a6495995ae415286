"""What both clients send: requests, made of what callers give."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.client.keys import Key
from myd_grpc.options import ConvertKeywords, ReadKeywords, as_fields


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
        **as_fields(options),
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
        **as_fields(options),
    )
