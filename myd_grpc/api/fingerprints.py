"""What tells that a request, or a key, is the same as an earlier one; no key is kept for it."""

from __future__ import annotations

import hashlib
import hmac

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.api.fields import Checks, is_request_id
from myd_grpc.api.keys import keys_of_resume
from myd_grpc.convert.model import Keys
from myd_grpc.errors import RequestNeededError
from myd_grpc.jobs.model import Request, RequestFingerprint
from myd_grpc.options import encoding_named

_DIGEST_BYTES = hashlib.sha256().digest_size


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
    key_digest = _cipher_digest(message, secret)
    if message.masking.key:
        key_digest += _masking_digest(message.masking.key, secret)
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
    encoding = encoding_named(message.encoding)
    canonical.encoding = message.encoding if encoding is None else encoding
    canonical.formats[:] = sorted({*message.formats} - {pb.OUTPUT_FORMAT_UNSPECIFIED})
    if canonical.formats == [pb.OUTPUT_FORMAT_CSV]:
        canonical.ClearField("formats")
    if canonical.masking == pb.Masking():
        canonical.ClearField("masking")
    else:
        canonical.masking.key = message.masking.key.lower()
    return canonical


def check_keys(
    message: pb.ResumeJobRequest, request: Request, known: bytes | None, secret: bytes
) -> Keys:
    """Of the keys that are handed over, those that the job waits for; their digest is `known`.

    Raises InvalidRequestError when one is missing or another, RequestNeededError when there is no
    telling.
    """
    keys = keys_of_resume(message)
    wanted = Keys(
        keys.cipher if request.encrypted else None,
        keys.masking if request.needs_masking_key else b"",
    )
    checks = Checks()
    for is_there, is_needed, field in (
        (wanted.cipher, request.encrypted, "aes256cbckey"),
        (wanted.masking, request.needs_masking_key, "masking_key"),
    ):
        if is_needed and not is_there:
            checks.refuse(field, "must be the job's: it waits for it")
    checks.raise_violations()
    if known is None:
        raise RequestNeededError
    cipher, masking = known[:_DIGEST_BYTES], known[_DIGEST_BYTES:]
    if wanted.cipher and not hmac.compare_digest(cipher, _cipher_digest(message, secret)):
        checks.refuse(
            "aes256cbckey", "must be, with iv, what the job was submitted with; these are others"
        )
    if wanted.masking and not hmac.compare_digest(
        masking, _masking_digest(message.masking_key, secret)
    ):
        checks.refuse("masking_key", "must be what the job was submitted with; this is another")
    checks.raise_violations()
    return wanted


def _cipher_digest(message: pb.ConvertToCsvRequest | pb.ResumeJobRequest, secret: bytes) -> bytes:
    """The keyed digest of key and iv, whose hex digits may be in either case."""
    return _digest(f"key {message.aes256cbckey} {message.iv}", secret)


def _masking_digest(key: str, secret: bytes) -> bytes:
    """The keyed digest of the key of pseudonyms."""
    return _digest(f"masking key {key}", secret)


def _digest(text: str, secret: bytes) -> bytes:
    return hmac.digest(secret, text.lower().encode(), hashlib.sha256)
