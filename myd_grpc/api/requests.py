"""What callers ask for, checked: everything wrong with a request is said at once."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.api.messages import STATUSES
from myd_grpc.config import Settings
from myd_grpc.convert.input.paths import check_name
from myd_grpc.convert.model import CipherKey, Conversion
from myd_grpc.convert.output.naming import FORBIDDEN
from myd_grpc.errors import InvalidRequestError, RequestNeededError, Violation
from myd_grpc.jobs.model import Request, RequestFingerprint, Status
from myd_grpc.jobs.watch.follow import JobFilter
from myd_grpc.options import ConvertOptions, Layout, ReadOptions, longer_name
from myd_grpc.shopping import SEOUL, Query
from myd_grpc.shopping.objects import nfc

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_KEY_DIGITS = 64
_IV_DIGITS = 32
_LONGEST_NAME = 100
# In bytes: no longer path can be given to the operating system (PATH_MAX).
_LONGEST_FILE_NAME = 4096
# The answer about a job that is not there repeats its id.
_LONGEST_JOB_ID = 65_536
_LONGEST_TEXT = 16_384
_LARGEST_PAGE = 1000
_ENDED_SHOWN = 100
_MOST_ENDED_SHOWN = 1000
_Options = TypeVar("_Options", bound=ReadOptions)
# An unpaired surrogate cannot be written as UTF-8.
_NOT_IN_NAMES = re.compile(rf"[{FORBIDDEN}\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Submission:
    """A request that can be served: what to keep of it, and with which key."""

    request: Request
    key: CipherKey | None = field(repr=False)


@dataclass
class _Checks:
    """Collects what is wrong with a request."""

    violations: list[Violation] = field(default_factory=list)

    def refuse(self, name: str, description: str) -> None:
        self.violations.append(Violation(name, description))

    def raise_violations(self) -> None:
        if self.violations:
            raise InvalidRequestError(self.violations)


def request_fingerprint(
    message: pb.ConvertToCsvRequest, secret: bytes
) -> RequestFingerprint | None:
    """The request's id with a digest of all the rest; None without an id, or with a bad one.

    The digest is keyed, since the key is part of what it covers and is not to be guessed at.
    """
    if not _UUID.fullmatch(message.request_id):
        return None
    rest = pb.ConvertToCsvRequest()
    rest.CopyFrom(message)
    rest.ClearField("request_id")
    content = rest.SerializeToString(deterministic=True)
    digest = hmac.digest(secret, content, hashlib.sha256)
    key_digest = _key_digest(message.aes256cbckey, message.iv, secret)
    return RequestFingerprint(message.request_id.lower(), digest, key_digest)


def submission(message: pb.ConvertToCsvRequest, settings: Settings) -> Submission:
    """The request, checked. Raises InvalidRequestError that names every field at fault."""
    checks = _Checks()
    _files(checks, message.file_names, settings)
    name = _output_name(checks, message.output_file_name)
    key = cipher_key(checks, message.aes256cbckey, message.iv)
    options = _options(checks, message, ConvertOptions, overwrite=settings.overwrite)
    if message.request_id and not _UUID.fullmatch(message.request_id):
        checks.refuse("request_id", "must be a UUID, such as 3f2504e0-4f89-41d3-9a0c-0305e82c3301")
    checks.raise_violations()
    request = Request(
        file_names=tuple(message.file_names),
        output_file_name=name,
        options=options,
        encrypted=key is not None,
        limits=settings.limits,
        section_names=settings.section_names,
    )
    return Submission(request, key)


def conversion_of(request: Request, settings: Settings) -> Conversion:
    """What is to be done for this request, be it that an earlier server took it in.

    Raises InvalidRequestError when the files are no inputs any more.
    """
    checks = _Checks()
    relative = _relative(checks, request.file_names, settings)
    checks.raise_violations()
    return _conversion(request, relative, settings)


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


def key_of(message: pb.ConvertToCsvRequest | pb.ResumeJobRequest) -> CipherKey | None:
    """The key of a request. Raises InvalidRequestError."""
    checks = _Checks()
    key = cipher_key(checks, message.aes256cbckey, message.iv)
    checks.raise_violations()
    return key


def _key_digest(key: str, iv: str, secret: bytes) -> bytes:
    """Keyed, as keys are not to be guessed at; of hex digits in either case."""
    return hmac.digest(secret, f"key {key} {iv}".lower().encode(), hashlib.sha256)


def summary_query(
    message: pb.PreprocessShoppingRequest, settings: Settings, now: datetime
) -> tuple[Query, CipherKey | None]:
    """What is to be summarised, and the file's key. Raises InvalidRequestError."""
    checks = _Checks()
    for name in ("user_id", "proposal_id", "file_name"):
        if not getattr(message, name):
            checks.refuse(name, "must not be empty")
    for name in ("user_id", "proposal_id"):
        _check_length(checks, name, getattr(message, name))
    relative = _file(checks, "file_name", message.file_name, settings) if message.file_name else ""
    key = cipher_key(checks, message.aes256cbckey, message.iv)
    options = _options(checks, message, ReadOptions)
    checks.raise_violations()
    query = Query(
        user_id=message.user_id,
        proposal_id=message.proposal_id,
        data_dir=str(settings.data_dir),
        file_name=relative,
        this_year=now.astimezone(SEOUL).year,
        options=options,
        limits=settings.limits,
        section_names=settings.section_names,
        no_inputs=settings.no_inputs,
        owner_fields=tuple(map(nfc, settings.owner_fields)),
        date_fields=tuple(map(nfc, settings.date_fields)),
        engine=settings.engine,
        threads=settings.threads,
    )
    return query, key


class _NamesJob(Protocol):
    """A request about one job."""

    @property
    def job_id(self) -> str: ...


class _AsksForPage(Protocol):
    """A request for a page of a list."""

    @property
    def page_size(self) -> int: ...


def job_id_of(message: _NamesJob) -> str:
    """The job_id. Raises InvalidRequestError when it is missing, or so long that it is none."""
    if not message.job_id:
        raise InvalidRequestError([Violation("job_id", "must name a job")])
    if len(message.job_id) > _LONGEST_JOB_ID:
        wanted = f"must have at most {_LONGEST_JOB_ID} characters"
        raise InvalidRequestError([Violation("job_id", wanted)])
    return message.job_id


def page_size_of(message: _AsksForPage, default: int) -> int:
    """How many there may be in a page. Raises InvalidRequestError."""
    if message.page_size < 0:
        raise InvalidRequestError([Violation("page_size", "must not be negative")])
    return min(message.page_size or default, _LARGEST_PAGE)


def job_filter_of(message: pb.WatchJobsRequest) -> JobFilter:
    """What a watcher of many jobs is shown. Raises InvalidRequestError."""
    limit = min(message.ended_limit or _ENDED_SHOWN, _MOST_ENDED_SHOWN)
    return JobFilter(statuses_of(message), limit)


def statuses_of(message: pb.ListJobsRequest | pb.WatchJobsRequest) -> tuple[Status, ...]:
    """The statuses asked for, () for all. Raises InvalidRequestError for one no job can have."""
    if set(message.status) - set(STATUSES.values()):
        raise InvalidRequestError([Violation("status", "must be WORKING, DONE or FAILED")])
    return tuple(status for status, number in STATUSES.items() if number in message.status)


def _files(checks: _Checks, names: Sequence[str], settings: Settings) -> tuple[str, ...]:
    if not names:
        checks.refuse("file_names", "must name at least one file")
    if len(names) > settings.max_files:
        # Not looked at one by one: of as many, all may be at fault.
        limit = f"at most {settings.max_files} files (MYD_MAX_FILES), not {len(names)}"
        checks.refuse("file_names", f"must name {limit}")
        return ()
    return _relative(checks, names, settings)


def _relative(checks: _Checks, names: Sequence[str], settings: Settings) -> tuple[str, ...]:
    fields = ((f"file_names[{position}]", name) for position, name in enumerate(names))
    return tuple(_file(checks, place, name, settings) for place, name in fields)


def _file(checks: _Checks, place: str, name: str, settings: Settings) -> str:
    if len(name.encode(errors="surrogatepass")) > _LONGEST_FILE_NAME:
        checks.refuse(place, f"must have at most {_LONGEST_FILE_NAME} bytes")
        return ""
    try:
        return check_name(name, str(settings.data_dir), settings.no_inputs)
    except ValueError as error:
        checks.refuse(place, str(error))
        return ""


def _output_name(checks: _Checks, text: str) -> str:
    name = text.removesuffix(".csv")
    if not name:
        checks.refuse("output_file_name", "must name the output set")
    elif len(name) > _LONGEST_NAME:
        checks.refuse("output_file_name", f"must have at most {_LONGEST_NAME} characters")
    elif name.startswith(".") or name.endswith((".", " ")):
        checks.refuse("output_file_name", "must not start with '.' nor end with '.' or a space")
    elif _NOT_IN_NAMES.search(name):
        wanted = r'must not hold control characters nor any of / \ : * ? " < > | %'
        checks.refuse("output_file_name", wanted)
    return name


def cipher_key(checks: _Checks, key: str, iv: str) -> CipherKey | None:
    """Key and iv, None for plain JSON. What is wrong is said without repeating any of it."""
    if bool(key) != bool(iv):
        missing = "iv" if key else "aes256cbckey"
        checks.refuse(missing, "must come together with the other: key and iv, or neither")
    key_bytes = _hex(checks, "aes256cbckey", key, _KEY_DIGITS)
    iv_bytes = _hex(checks, "iv", iv, _IV_DIGITS)
    return CipherKey(key_bytes, iv_bytes) if key_bytes and iv_bytes else None


def _hex(checks: _Checks, name: str, text: str, digits: int) -> bytes:
    if not text:
        return b""
    if not re.fullmatch(rf"[0-9a-fA-F]{{{digits}}}", text):
        checks.refuse(name, f"must be {digits} hex digits")
        return b""
    return bytes.fromhex(text)


def _options(
    checks: _Checks,
    message: pb.ConvertToCsvRequest | pb.PreprocessShoppingRequest,
    kind: type[_Options],
    **values: Any,
) -> _Options:
    """The options of a request; `values` are those that count where it does not set them."""
    defaults: dict[str, Any] = {one.name: one.default for one in fields(kind)}
    for one in message.DESCRIPTOR.fields:
        if one.name not in defaults or (one.has_presence and not message.HasField(one.name)):
            continue
        value = getattr(message, one.name)
        if one.enum_type:
            names = {known.number: known.name for known in one.enum_type.values}
            value = _choice(checks, one.name, names, value, defaults[one.name])
        elif one.name == "record_path":
            _check_record_path(checks, value, values["layout"])
        elif isinstance(value, str):
            _check_length(checks, one.name, value)
        values[one.name] = value
    return kind(**values)


def _choice(
    checks: _Checks, option: str, names: dict[int, str], number: int, default: StrEnum
) -> StrEnum:
    """What a number of an enum with these names stands for: for the default, if it says nothing."""
    known = {longer_name(value): value for value in type(default)}
    if number and names.get(number) not in known:
        checks.refuse(option, f"must be one of {', '.join(known)}")
    return known.get(names.get(number, ""), default)


def _check_length(checks: _Checks, name: str, text: str) -> None:
    """All texts but the names of files, which are many, are short: they are kept and repeated."""
    if len(text) > _LONGEST_TEXT:
        checks.refuse(name, f"must have at most {_LONGEST_TEXT} characters")


def _check_record_path(checks: _Checks, path: str, layout: Layout) -> None:
    if not path:
        return
    if "" in path.split("."):
        checks.refuse("record_path", "must be names joined with '.', none of them empty")
    _check_length(checks, "record_path", path)
    if layout is Layout.LINES:
        checks.refuse(
            "record_path", "must be empty with the layout LINES, which is no one document"
        )


def _conversion(request: Request, relative: tuple[str, ...], settings: Settings) -> Conversion:
    return Conversion(
        data_dir=str(settings.data_dir),
        file_names=relative,
        name=request.output_file_name,
        options=request.options,
        limits=request.limits,
        section_names=request.section_names,
        no_inputs=settings.no_inputs,
        engine=settings.engine,
        threads=settings.threads,
    )
