"""Reflection, as the programs use it that people call a service with."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pb2
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

from myd.analysis.v1 import analysis_pb2 as pb
from tests.support.serving import PATIENCE_S, Server

SERVICE = pb.DESCRIPTOR.services_by_name["AnalysisService"]
VERSIONS = ["grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"]
# Building the programs takes minutes on a machine that has never done it.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def reflecting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("reflecting"), MYD_REFLECTION="true").start()
    yield server
    server.kill()


def run(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def test_it_is_there_only_when_set(make_server: Callable[..., Server]) -> None:
    server = make_server().start()
    with grpc.insecure_channel(server.address) as channel, pytest.raises(grpc.RpcError):
        ProtoReflectionDescriptorDatabase(channel).get_services()


def ask(server: Server, version: str, **question: Any) -> reflection_pb2.ServerReflectionResponse:
    # The messages of both versions are the same.
    call = server.channel.stream_stream(
        f"/{version}/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    request = reflection_pb2.ServerReflectionRequest(**question)
    answer: reflection_pb2.ServerReflectionResponse
    (answer,) = call(iter([request]), timeout=PATIENCE_S)
    return answer


@pytest.mark.parametrize("version", VERSIONS)
def test_bytes_that_are_no_question(reflecting: Server, version: str) -> None:
    call: Any = reflecting.channel.stream_stream(f"/{version}/ServerReflectionInfo")
    with pytest.raises(grpc.RpcError) as caught:
        next(call(iter([b"\xff\xff\xff\xff"]), timeout=PATIENCE_S))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    wanted = "the request cannot be read: its bytes are no ServerReflectionRequest"
    assert caught.value.details() == wanted
    assert "DecodeError" not in reflecting.log


def test_every_service_can_be_looked_up_in_both_versions(reflecting: Server) -> None:
    for version in VERSIONS:
        answer = ask(reflecting, version, list_services="")
        names = [one.name for one in answer.list_services_response.service]
        assert names == ["grpc.health.v1.Health", *VERSIONS, SERVICE.full_name]
        for name in names:
            found = ask(reflecting, version, file_containing_symbol=name)
            first = descriptor_pb2.FileDescriptorProto.FromString(
                found.file_descriptor_response.file_descriptor_proto[0]
            )
            assert name in [f"{first.package}.{one.name}" for one in first.service]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("method", list(SERVICE.methods), ids=lambda method: method.name)
def test_every_method_is_found_with_all_that_its_file_needs(
    reflecting: Server, version: str, method: Any
) -> None:
    answer = ask(reflecting, version, file_containing_symbol=method.full_name)
    serialized = answer.file_descriptor_response.file_descriptor_proto
    files = [descriptor_pb2.FileDescriptorProto.FromString(one) for one in serialized]
    assert files[0].name == "myd/analysis/v1/analysis.proto"
    assert {one for file in files for one in file.dependency} <= {file.name for file in files}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ["nope", "myd.analysis.v1", f"{SERVICE.full_name}.Nope", ""])
def test_what_there_is_not_is_not_found(reflecting: Server, version: str, name: str) -> None:
    answer = ask(reflecting, version, file_containing_symbol=name)
    assert answer.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]


def test_grpcurl_describes_everything_and_calls(reflecting: Server, tools: Path) -> None:
    grpcurl = (tools / "grpcurl", "-plaintext")
    described = run(*grpcurl, reflecting.address, "describe")  # all services
    assert "grpc.reflection.v1.ServerReflection is a service" in described
    for method in SERVICE.methods:
        shown = run(*grpcurl, reflecting.address, "describe", method.full_name)
        assert f"rpc {method.name} (" in shown
    request = run(*grpcurl, reflecting.address, "describe", f"{SERVICE.full_name}.ConvertToCsv")
    assert ".myd.analysis.v1.ConvertToCsvRequest" in request
    shown = run(*grpcurl, reflecting.address, "describe", "google.protobuf.ListValue")
    assert "repeated .google.protobuf.Value values" in shown
    call = f"{SERVICE.full_name}/GetJobStatus"
    answer = run(*grpcurl, "-d", '{"job_id":"x"}', reflecting.address, call)
    assert '"NOTFOUND"' in answer


@pytest.mark.parametrize("separator", ["/", "."])
def test_ghz_calls(reflecting: Server, tools: Path, separator: str) -> None:
    call = f"{SERVICE.full_name}{separator}GetJobStatus"
    options = ("--insecure", "--total=5", "--concurrency=1", "--format=summary")
    shown = run(
        tools / "ghz", *options, "--call", call, "--data", '{"job_id":"x"}', reflecting.address
    )
    assert "[OK]   5 responses" in " ".join(shown.split("\n"))
