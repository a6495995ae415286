"""What callers ask for, checked: everything wrong with a request is said at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.api.columns import check_patterns, masking_of, needed_masking_key
from myd_grpc.api.fields import (
    Checks,
    check_length,
    input_name,
    input_names,
    is_request_id,
    options_of,
    output_name,
    relative_names,
)
from myd_grpc.api.keys import cipher_key
from myd_grpc.api.messages import STATUSES
from myd_grpc.api.presets import preset_of, under_preset
from myd_grpc.callers.model import Caller
from myd_grpc.config import Settings
from myd_grpc.convert.columns.methods import needs_masking_key, year_of_dates
from myd_grpc.convert.jsontext.values import nfc
from myd_grpc.convert.model import Conversion, Keys
from myd_grpc.errors import InvalidRequestError, Violation
from myd_grpc.jobs.model import Request, Status
from myd_grpc.jobs.watch.follow import JobFilter
from myd_grpc.options import ConvertOptions, ReadOptions
from myd_grpc.presets.model import NO_PRESETS, Preset
from myd_grpc.shopping import SEOUL, Query

# The answer about a job that is not there repeats its id.
_LONGEST_JOB_ID = 65_536
_LARGEST_PAGE = 1000
_ENDED_SHOWN = 100
_MOST_ENDED_SHOWN = 1000


@dataclass(frozen=True, slots=True)
class Submission:
    """A request that can be served: what to keep of it, and with which keys."""

    request: Request
    keys: Keys = field(repr=False)


def submission(
    message: pb.ConvertToCsvRequest,
    settings: Settings,
    caller: Caller,
    presets: Mapping[str, Preset] = NO_PRESETS,
) -> Submission:
    """The request, checked. Raises InvalidRequestError that names every field at fault."""
    checks = Checks()
    input_names(checks, message.file_names, settings, caller.data)
    name = output_name(checks, message.output_file_name)
    cipher = cipher_key(checks, message.aes256cbckey, message.iv)
    masking = masking_of(checks, message.masking)
    options = options_of(
        checks, message, ConvertOptions, overwrite=settings.overwrite, masking=masking
    )
    check_patterns(checks, message)
    preset_name, preset = preset_of(checks, options.preset, caller, presets)
    options = under_preset(checks, options, preset_name, preset)
    needs_key = needs_masking_key(preset.choice, options)
    keys = Keys(cipher, needed_masking_key(checks, message.masking, is_needed=needs_key))
    if message.request_id and not is_request_id(message.request_id):
        checks.refuse("request_id", "must be a UUID, such as 3f2504e0-4f89-41d3-9a0c-0305e82c3301")
    checks.raise_violations()
    request = Request(
        file_names=tuple(message.file_names),
        output_file_name=name,
        options=options,
        encrypted=cipher is not None,
        needs_masking_key=needs_key,
        spare_masking_key=bool(message.masking.key) and not needs_key,
        limits=settings.limits,
        section_names=settings.section_names,
        preset=preset.choice,
        this_year=year_of_dates(preset.choice, options),
        dictionary=settings.dictionary,
        data_dir=caller.data,
        output_dir=caller.output,
    )
    return Submission(request, keys)


def conversion_of(request: Request, settings: Settings) -> Conversion:
    """What is to be done for this request, be it that an earlier server took it in.

    Raises InvalidRequestError when the files are no inputs any more.
    """
    checks = Checks()
    relative = relative_names(checks, request.file_names, settings, request.data_dir)
    checks.raise_violations()
    return _conversion(request, relative, settings)


def summary_query(
    message: pb.PreprocessShoppingRequest, settings: Settings, caller: Caller, now: datetime
) -> tuple[Query, Keys]:
    """What is to be summarised, and the file's key. Raises InvalidRequestError."""
    checks = Checks()
    for name in ("user_id", "proposal_id", "file_name"):
        if not getattr(message, name):
            checks.refuse(name, "must not be empty")
    for name in ("user_id", "proposal_id"):
        check_length(checks, name, getattr(message, name))
    relative = ""
    if message.file_name:
        relative = input_name(checks, "file_name", message.file_name, settings, caller.data)
    key = cipher_key(checks, message.aes256cbckey, message.iv)
    options = options_of(checks, message, ReadOptions)
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
        excluded_dirs=settings.excluded_dirs,
        confined_to=caller.data,
        owner_fields=tuple(map(nfc, settings.owner_fields)),
        date_fields=tuple(map(nfc, settings.date_fields)),
        engine=settings.engine,
        threads=settings.threads,
    )
    return query, Keys(key)


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


def _conversion(request: Request, relative: tuple[str, ...], settings: Settings) -> Conversion:
    return Conversion(
        data_dir=str(settings.data_dir),
        file_names=relative,
        name=request.output_file_name,
        options=request.options,
        limits=request.limits,
        section_names=request.section_names,
        preset=request.preset,
        this_year=request.this_year,
        dictionary=request.dictionary,
        excluded_dirs=settings.excluded_dirs,
        confined_to=request.data_dir,
        engine=settings.engine,
        threads=settings.threads,
    )
