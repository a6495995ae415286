"""Every call and every field of a request can be used from everywhere: none is left out.

What is there is read from the proto; a new field or call fails here until it is to be had over
REST, in the client library, blocking and for asyncio, and on the command line.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import pytest
from google.protobuf.message import Message

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.cli.main import main
from myd_grpc.client import AsyncClient, Client, Key, MaskingKey
from myd_grpc.options import (
    CHOICES,
    LISTS,
    ConvertKeywords,
    ConvertOptions,
    ReadKeywords,
    ReadOptions,
    longer_name,
)
from tests.support.resting import OPENAPI
from tests.support.scripted import Handler, Service, answer, fail, listening, state, stream

METHODS = pb.DESCRIPTOR.services_by_name["AnalysisService"].methods
KEY, IV, MASKING_KEY = "0f" * 32, "a0" * 16, "5a" * 32
UUID = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
READ: Any = {"layout": "RECORD_LAYOUT_KEYED", "record_path": "a.b", "id_field": "no"}
READ["encoding"] = "cp949"
READ_OPTIONS = "--layout keyed --record-path a.b --id-field no --encoding cp949".split()


class Use(NamedTuple):
    """How a call is made with every field of its request set; `request` is what has to come."""

    request: Message
    answers: list[Handler]
    library: Callable[[Any], Any]
    words: list[str]


def pages(of_what: Any) -> list[Handler]:
    """Two pages, so that the token of the first is used."""
    return [answer(of_what(next_page_token="token")), answer(of_what())]


def job(of_what: Any) -> list[Handler]:
    return [answer(of_what(data=state(1, "DONE")))]


MASKING: Any = {
    "profile": "MASK_PROFILE_MYDATA_KR",
    "rules": [
        {"columns": "**.no", "method": "MASK_METHOD_PSEUDONYM", "domain": "account"},
        {"columns": "a=b", "method": "MASK_METHOD_KEEP"},
    ],
}
CHOICE: Any = {
    "include": ["bank.**", "card"],
    "exclude": ["**.memo"],
    "maps": ["bank.by_date"],
    "max_rejects": (1 << 32) - 1,
    "preset": "team",
}
KEYS: Any = {"aes256cbckey": KEY, "iv": IV}
USES = {
    "PreprocessShopping": Use(
        pb.PreprocessShoppingRequest(user_id="u", proposal_id="p", file_name="f", **KEYS, **READ),
        [answer(pb.PreprocessShoppingResponse())],
        lambda client: client.preprocess("u", "p", "f", key=Key(KEY, IV), **READ),
        ["preprocess", "f", "--user", "u", "--proposal", "p", "--key-file", "KEY", *READ_OPTIONS],
    ),
    "ConvertToCsv": Use(
        pb.ConvertToCsvRequest(
            file_names=["f", "g"],
            output_file_name="out",
            merge=True,
            request_id=UUID,
            csv_profile="CSV_PROFILE_DATABASE",
            overwrite=True,
            formats=["OUTPUT_FORMAT_PARQUET", "OUTPUT_FORMAT_CSV"],
            checksums=True,
            masking={"key": MASKING_KEY, **MASKING},
            **CHOICE,
            **KEYS,
            **READ,
        ),
        [answer(pb.ConvertToCsvResponse(data={"job_id": "j"}))],
        lambda client: client.convert(
            ["f", "g"],
            "out",
            key=Key(KEY, IV),
            request_id=UUID,
            merge=True,
            csv_profile="CSV_PROFILE_DATABASE",
            overwrite=True,
            formats=["OUTPUT_FORMAT_PARQUET", "csv"],
            checksums=True,
            masking_key=MaskingKey(MASKING_KEY),
            masking=MASKING,
            **CHOICE,
            **READ,
        ),
        [
            *"convert f g --output out --merge --overwrite --profile database --detach".split(),
            *"--format parquet --format CSV --checksums".split(),
            *("--request-id", UUID, "--key-file", "KEY"),
            *"--include bank.** --include card --exclude **.memo --map bank.by_date".split(),
            *"--mask **.no=pseudonym:account --mask a=b=KEEP --mask-profile mydata-kr".split(),
            *("--masking-key-file", "MASKING_KEY", "--max-rejects", str((1 << 32) - 1)),
            *("--preset", "team"),
            *READ_OPTIONS,
        ],
    ),
    "GetJobStatus": Use(
        pb.GetJobStatusRequest(job_id="j"),
        job(pb.GetJobStatusResponse),
        lambda client: client.status("j"),
        ["status", "j"],
    ),
    "WatchJob": Use(
        pb.WatchJobRequest(job_id="j", from_revision=7),
        [stream(state(8, "DONE"))],
        lambda client: client.watch("j", 7),
        ["watch", "j", "--from-revision", "7"],
    ),
    "WatchJobs": Use(
        pb.WatchJobsRequest(status=["DONE", "FAILED"], from_revision=7, ended_limit=9),
        # It would go on for ever otherwise.
        [stream(state(8, "DONE")), fail(grpc.StatusCode.INVALID_ARGUMENT)],
        lambda client: client.watch_all(["DONE", "FAILED"], from_revision=7, ended_limit=9),
        "watch --all --status done failed --from-revision 7 --ended-limit 9".split(),
    ),
    "ListJobs": Use(
        pb.ListJobsRequest(status=["DONE", "FAILED"], page_size=3, page_token="token"),
        pages(pb.ListJobsResponse),
        lambda client: client.list_jobs(["DONE", "FAILED"], 3),
        "list --status done failed --page-size 3".split(),
    ),
    "CancelJob": Use(
        pb.CancelJobRequest(job_id="j"),
        job(pb.CancelJobResponse),
        lambda client: client.cancel("j"),
        ["cancel", "j"],
    ),
    "ResumeJob": Use(
        pb.ResumeJobRequest(job_id="j", masking_key=MASKING_KEY, **KEYS),
        job(pb.ResumeJobResponse),
        lambda client: client.resume("j", Key(KEY, IV), masking_key=MaskingKey(MASKING_KEY)),
        "resume j --key-file KEY --masking-key-file MASKING_KEY --detach".split(),
    ),
    "DeleteJob": Use(
        pb.DeleteJobRequest(job_id="j"),
        job(pb.DeleteJobResponse),
        lambda client: client.forget("j"),
        ["forget", "j"],
    ),
    "ListTables": Use(
        pb.ListTablesRequest(job_id="j", page_size=3, page_token="token"),
        pages(pb.ListTablesResponse),
        lambda client: client.tables("j", 3),
        "tables j --page-size 3".split(),
    ),
}


# What such a request says besides how a file is read, and what is made of it.
WHAT = {"file_names", "output_file_name", "request_id", "aes256cbckey", "iv"}
WHOSE = {"user_id", "proposal_id", "file_name", "aes256cbckey", "iv"}


@pytest.mark.parametrize(
    ("request_type", "options", "keywords", "others"),
    [
        (pb.ConvertToCsvRequest, ConvertOptions, ConvertKeywords, WHAT),
        (pb.PreprocessShoppingRequest, ReadOptions, ReadKeywords, WHOSE),
    ],
)
def test_options_are_those_of_the_requests(
    request_type: type[Message], options: Any, keywords: Any, others: set[str]
) -> None:
    by_name = request_type.DESCRIPTOR.fields_by_name
    names = {one.name for one in fields(options)}
    assert names == set(by_name) - others
    assert names == keywords.__optional_keys__
    for one in fields(options):
        if enum := by_name[one.name].enum_type:
            known = [longer_name(value) for value in CHOICES[one.name]]
            assert (one.name in LISTS) == by_name[one.name].is_repeated
            assert known == [value.name for value in enum.values if value.number]


@pytest.fixture(params=list(METHODS), ids=lambda method: method.name)
def use(request: pytest.FixtureRequest) -> Use:
    assert request.param.name in USES, "say here how this call is made"
    return USES[request.param.name]


@pytest.fixture
def service(use: Use) -> Iterator[tuple[Service, str]]:
    this = Service(*use.answers)
    with listening(this) as address:
        yield this, address


def fields_of(message: Message) -> set[str]:
    return {field.name for field in message.DESCRIPTOR.fields}


def test_the_uses_set_every_field(use: Use) -> None:
    assert_all_set(use.request)


def assert_all_set(message: Message) -> None:
    """Every field, and those of the messages in it."""
    found = dict(message.ListFields())
    assert {field.name for field in found} == fields_of(message)
    for field, value in found.items():
        if field.message_type:
            assert_all_set(value[0] if field.is_repeated else value)


def test_the_library_has_every_call_and_field(use: Use, service: tuple[Service, str]) -> None:
    this, address = service
    with Client(address) as client:
        result = use.library(client)
        if inspect.isgenerator(result):
            next(result, None)
    assert use.request in this.requests


async def test_the_library_for_asyncio_has_every_call_and_field(
    use: Use, service: tuple[Service, str]
) -> None:
    this, address = service
    async with AsyncClient(address) as client:
        result = use.library(client)
        if inspect.isawaitable(result):
            await result
        else:
            await anext(result, None)
            await result.aclose()
    assert use.request in this.requests


def test_the_command_line_has_every_call_and_field(
    use: Use, service: tuple[Service, str], tmp_path: Path
) -> None:
    this, address = service
    files = {name: str(tmp_path / name) for name in ("KEY", "MASKING_KEY")}
    Path(files["KEY"]).write_text(f"{KEY}\n{IV}\n")
    Path(files["MASKING_KEY"]).write_text(f"{MASKING_KEY}\n")
    main(["--address", address, *(files.get(word, word) for word in use.words)])
    assert use.request in this.requests


@pytest.mark.parametrize("method", list(METHODS), ids=lambda method: method.name)
def test_rest_has_every_call_and_field(method: Any) -> None:
    found = set[str]()
    for operations in OPENAPI["paths"].values():
        for operation in operations.values():
            if operation["operationId"].rstrip("0123456789") == method.name:
                found |= set(_members(operation))
    assert found == {field.name for field in method.input_type.fields}


def _members(operation: dict[str, Any]) -> Iterator[str]:
    for one in operation["parameters"]:
        if one["in"] == "body":
            definition = one["schema"]["$ref"].rpartition("/")[2]
            yield from OPENAPI["definitions"][definition].get("properties", ())
        elif one["in"] != "header":
            yield one["name"]
