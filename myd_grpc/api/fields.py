"""Single fields of requests, checked: what is wrong with any of them is collected."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, TypeVar

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.config import Settings
from myd_grpc.convert.input.keys import check_key
from myd_grpc.convert.input.paths import check_name
from myd_grpc.convert.output.naming import FORBIDDEN
from myd_grpc.errors import InvalidRequestError, Violation
from myd_grpc.objectstore.location import Location
from myd_grpc.options import (
    CHOICES,
    ENCODING_NAMES,
    LISTS,
    Layout,
    ReadOptions,
    encoding_named,
    longer_name,
)

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_LONGEST_NAME = 100
# In bytes: no longer path can be given to the operating system (PATH_MAX).
_LONGEST_FILE_NAME = 4096
_LONGEST_TEXT = 16_384
_Options = TypeVar("_Options", bound=ReadOptions)
# An unpaired surrogate cannot be written as UTF-8.
_NOT_IN_NAMES = re.compile(rf"[{FORBIDDEN}\ud800-\udfff]")


@dataclass
class Checks:
    """Collects what is wrong with a request."""

    violations: list[Violation] = field(default_factory=list)

    def refuse(self, name: str, description: str) -> None:
        """Note what is wanted of a field that is at fault."""
        self.violations.append(Violation(name, description))

    def raise_violations(self) -> None:
        """Raises InvalidRequestError if any field is at fault."""
        if self.violations:
            raise InvalidRequestError(self.violations)


def is_request_id(text: str) -> bool:
    """Whether a request_id is a UUID, as it has to be."""
    return _UUID.fullmatch(text) is not None


def input_names(
    checks: Checks, names: Sequence[str], settings: Settings, confined_to: str
) -> tuple[str, ...]:
    """The input files of a new request, relative to `confined_to` in the data directory."""
    if not names:
        checks.refuse("file_names", "must name at least one file")
    if len(names) > settings.max_files:
        # Not looked at one by one: of as many, all may be at fault.
        limit = f"at most {settings.max_files} files (MYD_MAX_FILES), not {len(names)}"
        checks.refuse("file_names", f"must name {limit}")
        return ()
    return relative_names(checks, names, settings, confined_to)


def relative_names(
    checks: Checks, names: Sequence[str], settings: Settings, confined_to: str
) -> tuple[str, ...]:
    """The input files of a request, however many, relative to `confined_to`."""
    given = ((f"file_names[{position}]", name) for position, name in enumerate(names))
    return tuple(input_name(checks, where, name, settings, confined_to) for where, name in given)


def input_name(checks: Checks, where: str, name: str, settings: Settings, confined_to: str) -> str:
    """An input file, relative to `confined_to` in the data directory.

    `where` is the field that names it.
    """
    if len(name.encode(errors="surrogatepass")) > _LONGEST_FILE_NAME:
        checks.refuse(where, f"must have at most {_LONGEST_FILE_NAME} bytes")
        return ""
    try:
        if isinstance(settings.data_dir, Location):
            return check_key(name, settings.data_dir, settings.excluded_dirs, confined_to)
        data_dir = posixpath.join(str(settings.data_dir), confined_to)
        return check_name(name, data_dir, settings.excluded_dirs)
    except ValueError as error:
        checks.refuse(where, str(error))
        return ""


def output_name(checks: Checks, text: str) -> str:
    """The name of the output set, without the ending that it may be given with."""
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


def options_of(
    checks: Checks,
    message: pb.ConvertToCsvRequest | pb.PreprocessShoppingRequest,
    kind: type[_Options],
    **values: Any,
) -> _Options:
    """The options of a request; `values` are those that count where it does not set them.

    What is itself a message counts as it is in `values`.
    """
    defaults: dict[str, Any] = {one.name: one.default for one in fields(kind)}
    for one in message.DESCRIPTOR.fields:
        if one.name not in defaults or one.message_type:
            continue
        if one.has_presence and not message.HasField(one.name):
            continue
        value = getattr(message, one.name)
        if one.enum_type:
            numbers = {known.name: known.number for known in one.enum_type.values}
            is_list = one.name in LISTS
            chosen = _choices(checks, one.name, numbers, value if is_list else [value])
            value = (chosen if is_list else chosen[0]) if chosen else defaults[one.name]
        elif one.name == "record_path":
            _check_record_path(checks, value, values["layout"])
        elif one.name == "encoding":
            value = _encoding(checks, value)
        elif isinstance(value, str):
            check_length(checks, one.name, value)
        elif one.name in LISTS:
            value = tuple(value)
        values[one.name] = value
    return kind(**values)


def _choices(
    checks: Checks, option: str, numbers: Mapping[str, int], asked: Iterable[int]
) -> tuple[StrEnum, ...]:
    """What these of an enum's numbers stand for, each once, in its order; 0 stands for nothing."""
    wanted = set(asked) - {0}
    known = {numbers[longer_name(value)]: value for value in CHOICES[option]}
    if not wanted <= known.keys():
        each = "each " if option in LISTS else ""
        checks.refuse(
            option, f"must {each}be one of {', '.join(map(longer_name, CHOICES[option]))}"
        )
    return tuple(value for number, value in known.items() if number in wanted)


def check_length(checks: Checks, name: str, text: str) -> None:
    """Refuse a text that is too long to be kept and repeated."""
    if len(text) > _LONGEST_TEXT:
        checks.refuse(name, f"must have at most {_LONGEST_TEXT} characters")


def _encoding(checks: Checks, name: str) -> str:
    encoding = encoding_named(name)
    if encoding is None:
        checks.refuse("encoding", f"must be one of {ENCODING_NAMES}")
    return encoding or ""


def _check_record_path(checks: Checks, path: str, layout: Layout) -> None:
    if not path:
        return
    if "" in path.split("."):
        checks.refuse("record_path", "must be names joined with '.', none of them empty")
    check_length(checks, "record_path", path)
    if layout is Layout.LINES:
        checks.refuse(
            "record_path", "must be empty with the layout LINES, which is no one document"
        )
