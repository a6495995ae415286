"""gRPC reflection, for tools that have no proto files: both of its versions, to the letter.

The package of gRPC has v1alpha only, and does not find a method by its name (grpc/grpc#34743).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import grpc.aio
from google.protobuf import descriptor_pb2, descriptor_pool, text_format
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha import reflection, reflection_pb2

_ALPHA = reflection.SERVICE_NAME
_V1 = _ALPHA.replace("v1alpha", "v1")


class _Pool:
    """The descriptors of this program, in which methods are found, too."""

    def __init__(self) -> None:
        self._pool = descriptor_pool.Default()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)

    def FindFileContainingSymbol(self, symbol: str) -> FileDescriptor:
        """The file that describes a symbol, be it a method. Raises KeyError."""
        try:
            return self._pool.FindFileContainingSymbol(symbol)
        except KeyError:
            return self._pool.FindMethodByName(symbol).containing_service.file


def add_to(server: grpc.aio.Server, service_names: Sequence[str]) -> None:
    """Serves reflection of these services and of itself."""
    _describe_v1()
    pool = cast("DescriptorPool", _Pool())
    servicer = reflection.aio.ReflectionServicer([*service_names, _ALPHA, _V1], pool=pool)
    # The messages of v1 are those of v1alpha, byte by byte.
    handler = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    methods = {"ServerReflectionInfo": handler}
    server.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler(version, methods) for version in (_ALPHA, _V1)]
    )


def _describe_v1() -> None:
    """Makes the description of v1, for which tools ask as for any service, from v1alpha's."""
    alpha, v1 = descriptor_pb2.FileDescriptorProto(), descriptor_pb2.FileDescriptorProto()
    reflection_pb2.DESCRIPTOR.CopyToProto(alpha)
    text_format.Parse(text_format.MessageToString(alpha).replace("v1alpha", "v1"), v1)
    descriptor_pool.Default().AddSerializedFile(v1.SerializeToString())
