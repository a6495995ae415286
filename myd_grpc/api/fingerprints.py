"""What tells that a request, or a key, is the same as an earlier one; no key is kept for it."""

from __future__ import annotations

import hashlib
import hmac

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.api.fields import is_request_id, key_of
from myd_grpc.convert.model import CipherKey
from myd_grpc.errors import InvalidRequestError, RequestNeededError, Violation
from myd_grpc.jobs.model import RequestFingerprint


def request_fingerprint(
    message: pb.ConvertToCsvRequest, secret: bytes
) -> RequestFingerprint | None:
    """The request's id with a digest of all the rest; None without an id, or with a bad one.

    The digest is keyed, since the key is part of what it covers and is not to be guessed at.
    """
    if not is_request_id(message.request_id):
        return None
    content = _canonical(message).SerializeToString(deterministic=True)
    digest = hmac.digest(secret, content, hashlib.sha256)
    key_digest = _key_digest(message.aes256cbckey, message.iv, secret)
    return RequestFingerprint(message.request_id.lower(), digest, key_digest)


def _canonical(message: pb.ConvertToCsvRequest) -> pb.ConvertToCsvRequest:
    """The request without its id, the same for all that ask for the same in other words."""
    canonical = pb.ConvertToCsvRequest()
    canonical.CopyFrom(message)
    canonical.ClearField("request_id")
    canonical.output_file_name = message.output_file_name.removesuffix(".csv")
    if message.layout == pb.RECORD_LAYOUT_AUTO:
        canonical.ClearField("layout")
    if message.csv_profile == pb.CSV_PROFILE_EXCEL:
        canonical.ClearField("csv_profile")
    canonical.formats[:] = sorted({*message.formats} - {pb.OUTPUT_FORMAT_UNSPECIFIED})
    if canonical.formats == [pb.OUTPUT_FORMAT_CSV]:
        canonical.ClearField("formats")
    if canonical.masking == pb.Masking():
        canonical.ClearField("masking")
    else:
        canonical.masking.key = message.masking.key.lower()
    return canonical


def check_key(message: pb.ResumeJobRequest, known: bytes | None, secret: bytes) -> CipherKey:
    """The key of a job that waits for the one with the digest `known`.

    Raises InvalidRequestError when it is another, RequestNeededError when there is no telling.
    """
    key = key_of(message)
    if key is None:
        raise InvalidRequestError([Violation("aes256cbckey", "must be the job's: it waits for it")])
    if known is None:
        raise RequestNeededError
    if not hmac.compare_digest(known, _key_digest(message.aes256cbckey, message.iv, secret)):
        wanted = "must be, with iv, what the job was submitted with; these are others"
        raise InvalidRequestError([Violation("aes256cbckey", wanted)])
    return key


def _key_digest(key: str, iv: str, secret: bytes) -> bytes:
    """The keyed digest of a key and iv, whose hex digits may be in either case."""
    return hmac.digest(secret, f"key {key} {iv}".lower().encode(), hashlib.sha256)
