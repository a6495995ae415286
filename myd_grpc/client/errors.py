"""What a failed call raises: one exception class for each thing a caller can do about it."""

from __future__ import annotations

from typing import NamedTuple, cast

import grpc
import grpc.aio
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status


class Violation(NamedTuple):
    """What is wrong with one field of a request."""

    field: str
    description: str


class CallError(Exception):
    """A call failed. Its text is one line for a person."""

    def __init__(
        self,
        message: str,
        code: grpc.StatusCode,
        reason: str = "",
        violations: tuple[Violation, ...] = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.violations = violations


class InvalidRequestError(CallError):
    """The request has to be mended first; `violations` name the fields."""


class AlreadyExistsError(CallError):
    """The output set exists, or a working job is writing it; `reason` tells which."""


class NotFoundError(CallError):
    """The file, the user or the job is not there; `reason` tells which."""


class PreconditionError(CallError):
    """The file cannot be used as it is, or the job has not ended; `reason` tells why."""


class ResourceError(CallError):
    """The server is at a limit: call again later."""


class UnauthenticatedError(CallError):
    """The server does not know the caller: there is no token, or it is not valid (any more)."""


class PermissionDeniedError(CallError):
    """The server knows the caller, who may not make this call."""


class UnavailableError(CallError):
    """The server cannot be reached, or is just starting or stopping: call again."""


class ConnectionAgedError(UnavailableError):
    """The server has ended a connection that had lasted for long enough: nothing is wrong."""


class TlsError(CallError):
    """Client and server do not agree about TLS; the text says what to do."""


class NotGrpcError(CallError):
    """What answers at the address is another kind of server; the text says so."""


_CLASSES: dict[grpc.StatusCode, type[CallError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequestError,
    grpc.StatusCode.ALREADY_EXISTS: AlreadyExistsError,
    grpc.StatusCode.NOT_FOUND: NotFoundError,
    grpc.StatusCode.FAILED_PRECONDITION: PreconditionError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: ResourceError,
    grpc.StatusCode.UNAUTHENTICATED: UnauthenticatedError,
    grpc.StatusCode.PERMISSION_DENIED: PermissionDeniedError,
    grpc.StatusCode.UNAVAILABLE: UnavailableError,
}

_NOT_GRPC = "Received http2 header with status"
_AGED = "max connection age"
_NOT_CONNECTED = "failed to connect to all addresses"

NON_RETRYABLE_CODES = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.ALREADY_EXISTS,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.UNAUTHENTICATED,
    }
)
"""Statuses that the same call would get again."""


def from_rpc_error(error: grpc.RpcError, address: str) -> CallError:
    """The exception for a failed call to the server at `address`."""
    code = error.code()
    status = _rich_status(error)
    reason = _reason(status)
    violations = _violations(status)
    message = _message(error, address, violations, from_server=bool(reason))
    if code is grpc.StatusCode.UNAVAILABLE and error.details() == _AGED:
        return ConnectionAgedError(message, code)
    return _CLASSES.get(code, CallError)(message, code, reason, violations)


def not_grpc(address: str) -> str:
    """That another kind of server answers at an address, and which one that may be."""
    return (
        f"what answers at {address} does not speak gRPC; is it the address of REST? gRPC has one "
        "of its own, with port 50051 unless the server is set up otherwise"
    )


def never_connected(error: grpc.RpcError) -> bool:
    """Whether a call failed as something answered at the address, but was no server to connect to.

    Only gRPC's own words tell that.
    """
    details = error.details() or ""
    return details.startswith(_NOT_CONNECTED) and "Connection refused" not in details


def _rich_status(error: grpc.RpcError) -> status_pb2.Status:
    """The google.rpc.Status the server attached; an empty one if there is none to be read."""
    if not isinstance(error, grpc.Call | grpc.aio.AioRpcError):
        return status_pb2.Status()
    try:
        return rpc_status.from_call(cast("grpc.Call", error)) or status_pb2.Status()
    except ValueError:  # a proxy on the way changed the code or the text
        return status_pb2.Status()


def _reason(status: status_pb2.Status) -> str:
    info = error_details_pb2.ErrorInfo()
    return next((_line(info.reason) for detail in status.details if detail.Unpack(info)), "")


def _violations(status: status_pb2.Status) -> tuple[Violation, ...]:
    request = error_details_pb2.BadRequest()
    return tuple(
        Violation(_line(violation.field), _line(violation.description))
        for detail in status.details
        if detail.Unpack(request)
        for violation in request.field_violations
    )


def _message(
    error: grpc.RpcError, address: str, violations: tuple[Violation, ...], *, from_server: bool
) -> str:
    """One line for a person, whom gRPC's own text helps little where gRPC itself gave up."""
    if violations:
        return "; ".join(f"{violation.field}: {violation.description}" for violation in violations)
    if error.code() is grpc.StatusCode.UNAVAILABLE and not from_server:
        return f"cannot reach the server at {address}"
    if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        return f"no answer from the server at {address} in time"
    if _NOT_GRPC in (error.details() or ""):
        return not_grpc(address)
    return _line(error.details() or error.code().name)


def _line(text: str) -> str:
    """What is said as one line that shows as it is: who answers may be no server of ours."""
    words = " ".join(text.split())
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in words)
