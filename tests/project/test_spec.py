"""docs/spec.md: it names all that callers can meet, with the bounds and defaults that are so."""

from __future__ import annotations

import re
import subprocess
from argparse import ArgumentParser, _SubParsersAction
from collections.abc import Iterable, Iterator
from dataclasses import fields
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import pytest
from google.protobuf.descriptor import Descriptor, EnumDescriptor

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc import errors
from myd_grpc.api import requests, service
from myd_grpc.api.interceptors import CODES
from myd_grpc.callers.model import ANYBODY
from myd_grpc.cli import arguments as command_line
from myd_grpc.config import Settings
from myd_grpc.convert.dates import read_time
from myd_grpc.convert.engines.engine import BATCH_BYTES, BATCH_VALUES
from myd_grpc.convert.errors import Reason
from myd_grpc.convert.input.input_file import HEAD
from myd_grpc.convert.model import DEFAULT_LIMITS, Limits
from myd_grpc.convert.output import growth, naming
from myd_grpc.convert.reading.layout import RECOGNISED_BYTES
from myd_grpc.errors import InvalidRequestError
from myd_grpc.jobs.store import message_sizes
from myd_grpc.options import PREFIXES
from tests.support.documents import Page
from tests.support.serving import ROOT

SPEC = Page("docs/spec.md")
SERVICE = pb.DESCRIPTOR.services_by_name["AnalysisService"]
SETTINGS = Settings.from_environ({})

_NUMBER = r"1?\d(?:\.\d+)?"
_REFERENCE = re.compile(rf"docs/spec\.md ({_NUMBER}(?:(?:, | to | and ){_NUMBER})*)")
_CODE = re.compile(r"`([^`\n]+)`")


def sections() -> dict[str, str]:
    """Each section's text by its number; that of a whole section has its parts in it."""
    found: dict[str, str] = {}
    for piece in re.split(r"^(?=##)", SPEC.text, flags=re.MULTILINE):
        if heading := re.match(rf"###? ({_NUMBER})\.? ", piece):
            number = heading[1]
            assert number not in found
            for one in {number, number.partition(".")[0]}:
                found[one] = found.get(one, "") + piece
    return found


SECTIONS = sections()


def codes(text: str) -> set[str]:
    return set(_CODE.findall(text))


# The API


def test_every_call_is_there_with_its_fields() -> None:
    shown = {rpc: codes(cells[1]) for rpc, cells in SPEC.rows("rpc").items()}
    assert shown == {
        method.name: set(method.input_type.fields_by_name) for method in SERVICE.methods
    }


def test_it_is_said_what_every_field_of_a_request_must_be() -> None:
    named = codes(SECTIONS["1.2"])
    for method in SERVICE.methods:
        assert asked(method.input_type) <= named, method.name


def asked(message: Descriptor) -> set[str]:
    """The names of the fields of a request, and of those of the messages in it."""
    inner = (asked(one.message_type) for one in message.fields if one.message_type)
    return set(message.fields_by_name).union(*inner)


def test_every_field_of_an_answer_is_explained() -> None:
    messages = pb.DESCRIPTOR.message_types_by_name
    assert answered(messages["Job"]) <= codes(SECTIONS["1.4"])
    assert answered(messages["ShoppingSummary"]) <= codes(SECTIONS["5.4"])
    for method in SERVICE.methods:
        assert answered(method.output_type) <= codes(SPEC.text), method.name


def answered(message: Descriptor) -> set[str]:
    """The names of the fields of a message, and of those in it that are part of it."""
    inner = (answered(one) for one in message.nested_types if not one.GetOptions().map_entry)
    return set(message.fields_by_name).union(*inner)


def test_every_value_of_an_enum_is_named() -> None:
    for enum in enums():
        assert set(enum.values_by_name) <= codes(SPEC.text), enum.full_name


def enums() -> Iterator[EnumDescriptor]:
    yield from pb.DESCRIPTOR.enum_types_by_name.values()
    for message in pb.DESCRIPTOR.message_types_by_name.values():
        yield from message.enum_types


@pytest.mark.parametrize("kind", list(PREFIXES))
def test_choices_are_those_of_the_code(kind: type[StrEnum]) -> None:
    for one in kind:
        assert re.search(rf"^\| {one} \|", SPEC.text, re.MULTILINE), one


# How things end


def test_every_reason_of_a_job_is_there() -> None:
    assert set(SPEC.rows("outcome")) == set(Reason)


def test_every_refusal_is_there_with_its_status() -> None:
    shown = {reason: cells[0] for reason, cells in SPEC.rows("refusal").items()}
    for error, code in CODES.items():
        reason = getattr(error, "reason", "")
        assert shown.get(reason, code.name) == code.name
        if not reason:
            assert error is errors.FileRefusedError  # has those of jobs
        elif reason not in shown:
            assert re.search(rf"`{reason}`[^;.]*{code.name}", SECTIONS["1.5"].replace("\n", " "))
    assert set(shown) <= {getattr(error, "reason", "") for error in CODES}


# Bounds and defaults


def numbers(text: str) -> list[int]:
    """The numbers in a text, as they are written there."""
    return [int(one.replace(",", "")) for one in re.findall(r"\d[\d,]*", text)]


def test_limits_have_the_defaults_that_are_said() -> None:
    shown = {variable: int(cells[0]) for variable, cells in SPEC.rows("limit").items()}
    names = [one.name for one in fields(Limits) if one.name.startswith("max_")]
    assert shown == {f"MYD_{name.upper()}": getattr(DEFAULT_LIMITS, name) for name in names}


def test_a_request_names_as_many_files_as_is_said() -> None:
    assert numbers(cell_of("file_names"))[:2] == [1, SETTINGS.max_files]


def test_texts_may_be_as_long_as_is_said() -> None:
    longest = {name: max(numbers(cell_of(name))) for name in ("record_path", "id_field")}
    longest["output_file_name"] = numbers(cell_of("output_file_name"))[1]
    longest["file_names"] = numbers(cell_of("file_names"))[-1]
    for name, length in longest.items():
        requests.submission(conversion(**{name: "n" * length}), SETTINGS, ANYBODY)
        with pytest.raises(InvalidRequestError):
            requests.submission(conversion(**{name: "n" * (length + 1)}), SETTINGS, ANYBODY)


def test_a_job_id_may_be_as_long_as_is_said() -> None:
    (longest,) = numbers(cell_of("job_id"))
    requests.job_id_of(pb.GetJobStatusRequest(job_id="j" * longest))
    with pytest.raises(InvalidRequestError):
        requests.job_id_of(pb.GetJobStatusRequest(job_id="j" * (longest + 1)))


def test_the_texts_of_a_summary_may_be_as_long_as_is_said() -> None:
    (longest,) = numbers(cell_of("user_id"))
    now = datetime.now(UTC)
    requests.summary_query(summary("u" * longest), SETTINGS, ANYBODY, now)
    with pytest.raises(InvalidRequestError):
        requests.summary_query(summary("u" * (longest + 1)), SETTINGS, ANYBODY, now)


def conversion(**texts: str) -> pb.ConvertToCsvRequest:
    """A request that can be served, with these texts in its fields."""
    request = pb.ConvertToCsvRequest(file_names=[texts.pop("file_names", "a.json")])
    for name, text in ({"output_file_name": "out"} | texts).items():
        setattr(request, name, text)
    return request


def summary(text: str) -> pb.PreprocessShoppingRequest:
    return pb.PreprocessShoppingRequest(user_id=text, proposal_id=text, file_name="a.json")


def cell_of(field: str) -> str:
    """What a request's field must be."""
    (row,) = re.findall(rf"^\|[^|]*`{field}`[^|]*\|(.*)\|$", SECTIONS["1.2"], re.MULTILINE)
    assert isinstance(row, str)
    return row


def test_pages_are_as_large_as_is_said() -> None:
    _, jobs, tables, above, largest = numbers(cell_of("page_size"))
    assert above == largest == requests.page_size_of(pb.ListJobsRequest(page_size=1 << 30), jobs)
    assert (jobs, tables) == (service._JOBS_IN_A_PAGE, service._TABLES_IN_A_PAGE)
    _, ended, above, most_ended = numbers(cell_of("ended_limit"))
    assert ended == requests.job_filter_of(pb.WatchJobsRequest()).ended_limit
    assert above == most_ended == most(pb.WatchJobsRequest(ended_limit=1 << 30))


def most(request: pb.WatchJobsRequest) -> int:
    return requests.job_filter_of(request).ended_limit


def test_messages_are_as_large_as_is_said() -> None:
    shown = re.findall(r"(\d+) ([KM])iB", SECTIONS["1.4"])
    in_bytes = {int(number) << (10 if unit == "K" else 20) for number, unit in shown}
    usual_of_clients = 4 << 20
    assert in_bytes == {
        message_sizes.MOST_FILE_NAMES,
        message_sizes.MOST_TABLES,
        message_sizes.MOST_IN_A_PAGE,
        usual_of_clients,
    }


def test_names_of_files_are_as_long_as_is_said() -> None:
    as_a_whole, cut = numbers(re.findall(r"If that .*? after", SECTIONS["3.7"], re.DOTALL)[0])
    assert as_a_whole == naming.MAX_BYTES == len(naming.encode("n" * as_a_whole))
    assert cut == len(naming.encode("n" * (as_a_whole + 1)).partition("~")[0])
    assert naming.LONGEST_DIRECTORY in numbers(SECTIONS["3.8"])


def test_files_are_read_by_the_sizes_that_are_said() -> None:
    assert HEAD in numbers(SECTIONS["2.3"])
    assert f"{BATCH_BYTES >> 20} MiB of text" in flowing(SECTIONS["2.6"])
    assert BATCH_VALUES in numbers(SECTIONS["2.6"])
    assert RECOGNISED_BYTES == 1 << 20
    assert "from the file's first MiB" in SECTIONS["2.5"]
    assert growth.FREE_BYTES == 1 << 30
    assert "beside 1 GiB" in SECTIONS["2.7"]


def flowing(text: str) -> str:
    """The text on one line."""
    return " ".join(text.split())


def test_settings_are_named_where_it_is_said_what_they_do() -> None:
    for variable, (_, number) in SPEC.rows("variable").items():
        assert variable in SECTIONS[number], variable


# REST and the command line


def test_rest_has_the_calls_that_are_said() -> None:
    rules = (ROOT / "gateway" / "http_rules.yaml").read_text("utf-8")
    found: dict[str, str] = {}
    rpc = ""
    for name, value in re.findall(r"(selector|get|post|delete): (\S+)", rules):
        if name == "selector":
            rpc = value.rpartition(".")[2]
        else:
            found[f"{name.upper()} {value}"] = rpc
    assert {call: cells[0].split("`")[1] for call, cells in SPEC.rows("call").items()} == found


def test_the_command_line_has_the_commands_and_options_that_are_said() -> None:
    commands = subcommands(command_line._parser())
    assert set(SPEC.rows("command")) == set(commands)
    about_client = SECTIONS["8.2"].partition("`python -m myd_grpc.sample`")[0]
    shown = {one for one in codes(about_client) if one.startswith("--")}
    assert shown == {"--address", "--json"}.union(*(map(options, commands.values()))) - {"--help"}
    for command, cells in SPEC.rows("command").items():
        assert codes(cells[0]) <= options(commands[command]), command


def subcommands(parser: ArgumentParser) -> dict[str, ArgumentParser]:
    (found,) = [one for one in parser._actions if isinstance(one, _SubParsersAction)]
    return dict(found.choices)


def options(parser: ArgumentParser) -> set[str]:
    return {name for one in parser._actions for name in one.option_strings if "--" in name}


# Forms of times


def test_times_are_read_in_the_forms_that_are_said() -> None:
    forms, iso = [
        codes(one.partition("\n\n")[0])
        for one in re.split(r"^- ", SECTIONS["5.3"], flags=re.MULTILINE)
        if one.startswith(("a date as", "an ISO 8601 date"))
    ]
    assert iso
    dates = {one for one in forms if one.startswith("2022")}
    times = {one for one in forms if re.match(r"\d\d[:시\d]", one)} - dates
    assert dates
    assert times
    for text in dates | set(iso) | {f"2022-07-05 {time}" for time in times}:
        moment = read_time(text, 2022)
        assert moment, text
        assert (moment.year, moment.month, moment.day) == (2022, 7, 5)


# References


def sources() -> Iterable[Path]:
    kinds = ["*.py", "*.pyi", "*.rs", "*.go", "*.proto", "*.md", "*.toml", "*.yaml", "*.js"]
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", *kinds],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return (ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file())


def test_references_lead_to_sections_that_are_there() -> None:
    for path in sources():
        # A reference may go over the end of a line.
        text = re.sub(r"\n[ \t]*(?:#|//[/!]?)?[ \t]*", " ", path.read_text("utf-8"))
        for numbered in _REFERENCE.findall(text):
            for number in re.findall(_NUMBER, numbered):
                assert number in SECTIONS, f"{path.relative_to(ROOT)}: {number}"


def test_comments_refer_to_the_specification_in_one_way() -> None:
    referring = [path for path in sources() if _REFERENCE.search(path.read_text("utf-8"))]
    assert len(referring) > 10
    other = re.compile(r"\bSPEC\b[ \n]+(?:sections?|\d)|spec\.md,? sections? \d")
    for path in sources():
        assert not other.search(path.read_text("utf-8")), path.relative_to(ROOT)


def test_the_page_refers_to_sections_that_it_has() -> None:
    referred = re.findall(rf"sections? ({_NUMBER})|\(({_NUMBER})\)", SPEC.prose)
    assert referred
    assert {one or other for one, other in referred} <= set(SECTIONS)


def test_sections_are_numbered_one_after_another() -> None:
    titles = [text.split(" ")[0].rstrip(".") for level, text in SPEC.headings() if level > 1]
    expected: list[str] = []
    for number in titles:
        if "." not in number:
            whole, part = len([one for one in expected if "." not in one]) + 1, 0
            expected.append(str(whole))
        else:
            part += 1
            expected.append(f"{whole}.{part}")
    assert titles == expected
