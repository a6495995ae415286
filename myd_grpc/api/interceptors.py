"""What surrounds every rpc of ours: errors become statuses, and each call leaves one log line."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeAlias, cast

import grpc
import grpc.aio
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError, Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from myd_grpc import errors
from myd_grpc.api import origin
from myd_grpc.convert.errors import shortened
from myd_grpc.tracebacks import describe, new_error_id

logger = logging.getLogger(__name__)

ERROR_DOMAIN = "myd.analysis.v1"

CODES: dict[type[errors.CallError], grpc.StatusCode] = {
    errors.InvalidRequestError: grpc.StatusCode.INVALID_ARGUMENT,
    errors.MalformedRequestError: grpc.StatusCode.INVALID_ARGUMENT,
    errors.RequestNeededError: grpc.StatusCode.FAILED_PRECONDITION,
    errors.RequestTooLongError: grpc.StatusCode.INVALID_ARGUMENT,
    errors.OutputBusyError: grpc.StatusCode.ALREADY_EXISTS,
    errors.OutputExistsError: grpc.StatusCode.ALREADY_EXISTS,
    errors.JobWorkingError: grpc.StatusCode.FAILED_PRECONDITION,
    errors.JobMissingError: grpc.StatusCode.NOT_FOUND,
    errors.FileMissingError: grpc.StatusCode.NOT_FOUND,
    errors.UserNotFoundError: grpc.StatusCode.NOT_FOUND,
    errors.FileRefusedError: grpc.StatusCode.FAILED_PRECONDITION,
    errors.LimitExceededError: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.BusyError: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.InternalError: grpc.StatusCode.INTERNAL,
    errors.NotRecordedError: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.QueueFullError: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.SlowReaderError: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.StateUnavailableError: grpc.StatusCode.UNAVAILABLE,
    errors.DirectoryLostError: grpc.StatusCode.UNAVAILABLE,
    errors.ShuttingDownError: grpc.StatusCode.UNAVAILABLE,
}

_MOST_VIOLATIONS = 20
"""Flaws of a request that a status names: it travels in headers, which may have 8 KiB."""
_MOST_BYTES = 1000
"""The bytes of a status's message that are sent: it is in the headers twice, once with up to three
bytes for each, and once in base64."""
_MOST_BYTES_OF_REQUEST = 1 << 20

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Behaviour: TypeAlias = Callable[[Any, Any], Awaitable[Any]]
Conversation: TypeAlias = Callable[[AsyncIterator[Any], Any], AsyncIterator[Any]]


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Wraps the handlers of one service; of others, only how they read requests.

    Only requests of the rpc `long_requests` may have more than a MiB.
    """

    def __init__(self, service_name: str, long_requests: str) -> None:
        self._prefix = f"/{service_name}/"
        self._long_requests = long_requests

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """The handler, wrapped."""
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None:
            return None
        if not method.startswith(self._prefix):
            return _lenient_handler(handler)
        name = method.removeprefix(self._prefix)
        # The annotations of grpcio know the handlers of threaded servers only.
        behaviour = cast("Behaviour", handler.unary_stream or handler.unary_unary)
        most_bytes = sys.maxsize if name == self._long_requests else _MOST_BYTES_OF_REQUEST
        read = _lenient(handler.request_deserializer, most_bytes)
        return _handler_like(handler, _guarded(name, behaviour), read, _serialize)


def _handler_like(handler: Handler, behaviour: Behaviour, read: Any, write: Any) -> Handler:
    """A handler that answers as that one does, with one response or a stream of them."""
    make = (
        grpc.unary_stream_rpc_method_handler
        if handler.response_streaming
        else grpc.unary_unary_rpc_method_handler
    )
    return make(behaviour, request_deserializer=read, response_serializer=write)


def _guarded(name: str, behaviour: Behaviour) -> Behaviour:
    async def guarded(request: Any, context: Any) -> Any:
        began, peer = time.monotonic(), context.peer()
        origin.note(context.invocation_metadata() or ())
        try:
            response = await behaviour(_read(request), context)
        except asyncio.CancelledError:
            # The caller has left. Swallowing this would leak a call's memory in the library.
            _log(name, "CANCELLED", began, peer)
            raise
        except errors.CallError as error:
            status = to_status(error)
        except Exception as error:  # noqa: BLE001 - the library would send its text to the caller
            status = _internal(name, error)
        else:
            _log(name, "OK", began, peer)
            return response
        # Before the status is sent: a caller who does not read can make that take for ever.
        _log(name, status.code.name, began, peer)
        await _refuse(context, status)
        return None

    return guarded


def _lenient_handler(handler: Handler) -> Handler:
    """A handler of the library's, whose requests are read by `_lenient`."""
    read = _lenient(handler.request_deserializer, _MOST_BYTES_OF_REQUEST)
    write = handler.response_serializer
    if handler.request_streaming:
        conversing = _conversing(cast("Conversation", handler.stream_stream))
        return grpc.stream_stream_rpc_method_handler(conversing, read, write)
    behaviour = cast("Behaviour", handler.unary_stream or handler.unary_unary)

    async def replying(request: Any, context: Any) -> Any:
        try:
            return await behaviour(_read(request), context)
        except errors.CallError as error:
            await _refuse(context, to_status(error))

    return _handler_like(handler, replying, read, write)


def _conversing(converse: Conversation) -> Conversation:
    async def conversing(requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        try:
            async for response in converse((_read(one) async for one in requests), context):
                yield response
        except errors.CallError as error:
            await _refuse(context, to_status(error))

    return conversing


async def _refuse(context: Any, status: grpc.Status) -> None:
    with suppress(grpc.aio.InternalError):  # the caller may have left by then
        await context.abort_with_status(status)


def _lenient(read: Any, most_bytes: int) -> Callable[[bytes], Message | errors.CallError]:
    """Reads a request, or answers what is wrong with it.

    An exception would be logged by the library, and the caller be told its text.
    """

    def deserialize(data: bytes) -> Message | errors.CallError:
        if len(data) > most_bytes:
            return errors.RequestTooLongError(most_bytes)
        try:
            message: Message = read(data)
        except DecodeError:
            return errors.MalformedRequestError(read.__self__.DESCRIPTOR.name)
        return message

    return deserialize


def _read(request: Message | errors.CallError) -> Message:
    if isinstance(request, errors.CallError):
        raise request
    return request


def to_status(error: errors.CallError) -> grpc.Status:
    """The status for a call that is refused, with google.rpc details."""
    details: list[Message] = [_error_info(error.reason, error.metadata)]
    if isinstance(error, errors.InvalidRequestError):
        details.append(_bad_request(error))
    return _status(CODES[type(error)], error.message, details)


def _internal(name: str, error: Exception) -> grpc.Status:
    error_id = new_error_id()
    text = describe(error)
    logger.error("%s: internal error %s: %s", name, error_id, text, extra=origin.extra())
    details = [_error_info("INTERNAL", {"error_id": error_id})]
    return _status(grpc.StatusCode.INTERNAL, f"internal error {error_id}", details)


def _error_info(reason: str, metadata: dict[str, str]) -> Message:
    return ErrorInfo(reason=reason, domain=ERROR_DOMAIN, metadata=metadata)


def _bad_request(error: errors.InvalidRequestError) -> Message:
    return BadRequest(
        field_violations=[
            BadRequest.FieldViolation(field=one.field, description=one.description)
            for one in error.violations[:_MOST_VIOLATIONS]
        ]
    )


def _status(code: grpc.StatusCode, message: str, details: list[Message]) -> grpc.Status:
    packed = []
    for detail in details:
        packed.append(AnyMessage())
        packed[-1].Pack(detail)
    number, _ = code.value
    text = shortened(message, _MOST_BYTES)
    return rpc_status.to_status(Status(code=number, message=text, details=packed))


def _serialize(message: Message | bytes) -> bytes:
    """A response as bytes; watches send states that were serialised once for all of them."""
    return message if isinstance(message, bytes) else message.SerializeToString()


def _log(name: str, outcome: str, began: float, peer: str) -> None:
    took_ms = (time.monotonic() - began) * 1000
    logger.info("%s %s %.1f ms %s", name, outcome, took_ms, peer, extra=origin.extra())
