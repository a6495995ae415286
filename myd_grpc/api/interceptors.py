"""What surrounds every rpc of ours: errors become statuses, and each call leaves one log line."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from functools import partial
from typing import Any, TypeAlias, cast

import grpc
import grpc.aio
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError, Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, QuotaFailure, RetryInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from myd_grpc import errors
from myd_grpc.api import origin
from myd_grpc.api.auditing import AUDITED, Auditor
from myd_grpc.api.credentials import credentials_of
from myd_grpc.audit import AuditFile
from myd_grpc.callers import current as callers
from myd_grpc.callers import rights
from myd_grpc.callers.access import Access, Session
from myd_grpc.callers.arrivals import Arrivals
from myd_grpc.callers.identity import Credentials
from myd_grpc.convert.errors import shortened
from myd_grpc.tracebacks import describe, new_error_id

logger = logging.getLogger(__name__)

ERROR_DOMAIN = "myd.analysis.v1"

CODES: dict[type[errors.CallError], grpc.StatusCode] = {
    errors.InvalidRequestError: grpc.StatusCode.INVALID_ARGUMENT,
    errors.MalformedRequestError: grpc.StatusCode.INVALID_ARGUMENT,
    errors.RequestNeededError: grpc.StatusCode.FAILED_PRECONDITION,
    errors.UnauthenticatedError: grpc.StatusCode.UNAUTHENTICATED,
    errors.RoleMissingError: grpc.StatusCode.PERMISSION_DENIED,
    errors.QuotaError: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.AuditError: grpc.StatusCode.UNAVAILABLE,
    errors.RequestTooLongError: grpc.StatusCode.INVALID_ARGUMENT,
    errors.RequestLateError: grpc.StatusCode.INVALID_ARGUMENT,
    errors.OutputBusyError: grpc.StatusCode.ALREADY_EXISTS,
    errors.OutputExistsError: grpc.StatusCode.ALREADY_EXISTS,
    errors.OverwriteNeededError: grpc.StatusCode.FAILED_PRECONDITION,
    errors.FormatUnavailableError: grpc.StatusCode.FAILED_PRECONDITION,
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

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Behaviour: TypeAlias = Callable[[Any, Any], Awaitable[Any]]
Conversation: TypeAlias = Callable[[AsyncIterator[Any], Any], AsyncIterator[Any]]
Read: TypeAlias = Callable[[Any], Message]
Admit: TypeAlias = Callable[[Any], Awaitable[object]]

_LASTING = frozenset({"PreprocessShopping"})
"""Calls with one answer that may take as long as a stream: they end with their caller, too."""


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Lets calls in, and wraps the handlers of one service; of others, how they read requests.

    Only requests of the rpc `long_requests` may have more than `most_bytes`.
    """

    def __init__(
        self,
        service_name: str,
        long_requests: str,
        most_bytes: int,
        access: Access,
        audit: AuditFile | None,
    ) -> None:
        self._prefix = f"/{service_name}/"
        self._long_requests = long_requests
        self._most_bytes = most_bytes
        self._access = access
        self._arrivals = None if access.is_open else Arrivals()
        self._auditor = Auditor(audit, _outcome_of) if audit else None
        # By method. There are no more of them than the server has: others have no handler.
        self._wrapped: dict[str, Handler] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """The handler, wrapped."""
        method = handler_call_details.method
        if method not in self._wrapped:
            handler = await continuation(handler_call_details)
            if handler is None:
                return None
            self._wrapped[method] = self._wrap(handler, method)
        return self._wrapped[method]

    def _wrap(self, handler: Handler, method: str) -> Handler:
        if not method.startswith(self._prefix):
            read = _reading(handler.request_deserializer, self._most_bytes)
            if method in rights.OPEN:
                return self._open_handler(handler, read)
            return _conversing_handler(handler, partial(_admit, self._access, method), read)
        is_long = method == self._prefix + self._long_requests
        return self._guarded_handler(handler, method, sys.maxsize if is_long else self._most_bytes)

    def _guarded_handler(self, handler: Handler, method: str, most_bytes: int) -> Handler:
        # The annotations of grpcio know the handlers of threaded servers only.
        behaviour = cast("Behaviour", handler.unary_stream or handler.unary_unary)
        read = _reading(handler.request_deserializer, most_bytes)
        name = method.removeprefix(self._prefix)
        auditor = self._auditor if name in AUDITED else None
        lasts = handler.response_streaming or name in _LASTING
        standing = self._access.standing if lasts and not self._access.is_open else _at_once

        async def answer(request: bytes | None, context: Any) -> Any:
            session = await _admit(self._access, method, context)
            if self._arrivals:
                async with self._arrivals.of_caller(session.identity.caller.name):
                    request = await context.read()
            message = read(request)

            async def call() -> Any:
                async with standing(session):
                    return await behaviour(message, context)

            if auditor:
                response = await auditor.answer(name, context.peer(), message, call)
            else:
                response = await call()
            if response is not None:
                self._access.charge(session, response.ByteSize())
            return response

        return self._handler_like(handler, _guarded(name, answer), _serialize)

    def _open_handler(self, handler: Handler, read: Read) -> Handler:
        """A handler of the library's that is for everybody, whose requests are read by us."""
        behaviour = cast("Behaviour", handler.unary_stream or handler.unary_unary)

        async def replying(request: bytes | None, context: Any) -> Any:
            try:
                if self._arrivals:
                    async with self._arrivals.of_stranger():
                        request = await context.read()
                return await behaviour(read(request), context)
            except errors.CallError as error:
                await _refuse(context, to_status(error))

        return self._handler_like(handler, replying, handler.response_serializer)

    def _handler_like(self, handler: Handler, behaviour: Behaviour, write: Any) -> Handler:
        """A handler that answers as that one does, with one response or a stream of them.

        It is given the request as bytes, or None where it has to read it by itself, as callers are
        let in first. The library lets that be for streams of requests only, of which this is one.
        """
        if not self._arrivals:
            make = (
                grpc.unary_stream_rpc_method_handler
                if handler.response_streaming
                else grpc.unary_unary_rpc_method_handler
            )
            return make(behaviour, request_deserializer=None, response_serializer=write)

        async def unread(_requests: AsyncIterator[bytes], context: Any) -> Any:
            return await behaviour(None, context)

        make = (
            grpc.stream_stream_rpc_method_handler
            if handler.response_streaming
            else grpc.stream_unary_rpc_method_handler
        )
        return make(unread, request_deserializer=None, response_serializer=write)


def _at_once(_session: Session) -> AbstractAsyncContextManager[None]:
    """Around a call that ends by itself, or whose caller is let in for ever."""
    return nullcontext()


async def _admit(access: Access, method: str, context: Any) -> Session:
    """Let a call in as one of its caller. Raises what refuses it, before its request is read."""
    # Where everybody is let in, nobody is asked for anything.
    credentials = Credentials() if access.is_open else credentials_of(context)
    session = await access.admit(method, credentials)
    callers.enter(session.identity.caller)
    return session


def _guarded(name: str, behaviour: Behaviour) -> Behaviour:
    async def guarded(request: bytes | None, context: Any) -> Any:
        began, peer = time.monotonic(), context.peer()
        origin.note(context.invocation_metadata() or ())
        try:
            response = await behaviour(request, context)
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


def _conversing_handler(handler: Handler, admit: Admit, read: Read) -> Handler:
    """A handler of the library's whose callers are let in before each of their requests."""
    converse = cast("Conversation", handler.stream_stream)

    async def conversing(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[Any]:
        async def admitted() -> AsyncIterator[Message]:
            await admit(context)  # before anything is read
            async for request in requests:
                await admit(context)  # each time, as the caller may be no more
                yield read(request)

        try:
            async for response in converse(admitted(), context):
                yield response
        except errors.CallError as error:
            await _refuse(context, to_status(error))

    return grpc.stream_stream_rpc_method_handler(conversing, None, handler.response_serializer)


async def _refuse(context: Any, status: grpc.Status) -> None:
    with suppress(grpc.aio.InternalError):  # the caller may have left by then
        await context.abort_with_status(status)


def _reading(deserialize: Any, most_bytes: int) -> Read:
    """Reads a request, or raises what is wrong with it.

    Not as the library's deserializer, whose exceptions would be logged, and their texts be told to
    the caller.
    """

    def read(data: Any) -> Message:
        wanted = errors.MalformedRequestError(deserialize.__self__.DESCRIPTOR.name)
        if data is grpc.aio.EOF:  # the caller has said that there is no request
            raise wanted
        if len(data) > most_bytes:
            raise errors.RequestTooLongError(most_bytes)
        try:
            message: Message = deserialize(data)
        except DecodeError:
            raise wanted from None
        return message

    return read


def to_status(error: errors.CallError) -> grpc.Status:
    """The status for a call that is refused, with google.rpc details."""
    details: list[Message] = [_error_info(error.reason, error.metadata)]
    if isinstance(error, errors.InvalidRequestError):
        details.append(_bad_request(error))
    if error.retry_s is not None:
        details.append(_retry_info(error.retry_s))
    if isinstance(error, errors.QuotaError):
        details.append(_quota_failure(error))
    return _status(CODES[type(error)], error.message, details)


def _outcome_of(error: BaseException) -> str:
    """The name of the status that a call ends in which raised this."""
    if isinstance(error, errors.CallError):
        return CODES[type(error)].name
    return "CANCELLED" if isinstance(error, asyncio.CancelledError) else "INTERNAL"


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


def _retry_info(retry_s: float) -> Message:
    """When to call again: clients do so only where they are told when."""
    retry = RetryInfo()
    retry.retry_delay.FromMilliseconds(round(retry_s * 1000))
    return retry


def _quota_failure(error: errors.QuotaError) -> Message:
    violation = QuotaFailure.Violation(subject=error.subject, description=error.limit)
    return QuotaFailure(violations=[violation])


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
