"""What a call can be refused for. Plain exceptions: one table in `interceptors` maps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from myd_grpc.convert.errors import Reason


class CallError(Exception):
    """A call ends in a status other than OK, on purpose.

    `reason` is UPPER_SNAKE for programs, `message` one line for a person that never holds a key or
    a path outside the data directory, `metadata` further facts for programs. After `retry_s`
    seconds the same call may go well; None where nothing says that it ever will.
    """

    reason: str
    retry_s: float | None = None

    def __init__(self, message: str, metadata: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.metadata = dict(metadata or {})


@dataclass(frozen=True, slots=True)
class Violation:
    """What is wrong with one field of a request: its name and what is wanted."""

    field: str
    description: str


class InvalidRequestError(CallError):
    """The request cannot be served as it is: every field at fault is named."""

    reason = "INVALID_REQUEST"

    def __init__(self, violations: Sequence[Violation]) -> None:
        super().__init__("; ".join(f"{one.field}: {one.description}" for one in violations))
        self.violations = tuple(violations)


class MalformedRequestError(CallError):
    """The bytes of the request are no message of its type."""

    reason = InvalidRequestError.reason

    def __init__(self, type_name: str) -> None:
        super().__init__(f"the request cannot be read: its bytes are no {type_name}")


class RequestTooLongError(CallError):
    """The request is longer than any of its kind has to be."""

    reason = InvalidRequestError.reason

    def __init__(self, most_bytes: int) -> None:
        super().__init__(f"the request has more than {most_bytes} bytes")


class RequestLateError(CallError):
    """The request did not arrive, or not all of it."""

    reason = InvalidRequestError.reason

    def __init__(self) -> None:
        super().__init__("the request did not arrive in time")


class UnauthenticatedError(CallError):
    """The call came without a credential that is known: whatever is wrong with it, this is said."""

    reason = "UNAUTHENTICATED"

    def __init__(self) -> None:
        super().__init__("a valid credential is needed: a bearer token or a client certificate")


class RoleMissingError(CallError):
    """The caller may not make this call."""

    reason = "ROLE_MISSING"

    def __init__(self, role: str) -> None:
        super().__init__(f"this call needs the role {role}", {"role": role})


class QuotaError(CallError):
    """The caller has as many of something as it may have at once, or the server has.

    `subject` is whose bound it is, "caller" or "server", `limit` names what is bounded and by which
    setting, and after `retry_s` seconds it may be worth to call again.
    """

    reason = "QUOTA_EXCEEDED"

    def __init__(self, subject: str, limit: str, retry_s: float = 1.0) -> None:
        super().__init__(f"{limit}; call again later", {"subject": subject})
        self.subject = subject
        self.limit = limit
        self.retry_s = retry_s


class AuditError(CallError):
    """The call cannot be written into the audit file, so it is refused."""

    reason = "AUDIT_UNAVAILABLE"
    retry_s = 5.0

    def __init__(self) -> None:
        super().__init__("the call cannot be recorded, so it is refused; call again later")


class OutputBusyError(CallError):
    """A working job is writing that output set."""

    reason = "OUTPUT_BUSY"


class OutputExistsError(CallError):
    """The output set exists and is not to be replaced."""

    reason = "OUTPUT_EXISTS"


class OverwriteNeededError(CallError):
    """Sets cannot be kept from being replaced where they are published."""

    reason = "OVERWRITE_NEEDED"

    def __init__(self) -> None:
        super().__init__(
            "the object storage of this server cannot keep a set from being replaced: set overwrite"
        )


class FormatUnavailableError(CallError):
    """The server was installed without what writes a format that was asked for."""

    reason = "FORMAT_UNAVAILABLE"


class JobWorkingError(CallError):
    """The job has not ended."""

    reason = "JOB_WORKING"


class JobMissingError(CallError):
    """There is no such job."""

    reason = "JOB_NOT_FOUND"


class RequestNeededError(CallError):
    """The job's key cannot be checked, as no digest was kept: only its request can bring it."""

    reason = "REQUEST_NEEDED"

    def __init__(self) -> None:
        super().__init__(
            "the job came to an older server, which did not note what tells its key: "
            "send the same request with the same request_id again"
        )


class FileMissingError(CallError):
    """There is no such file."""

    reason = Reason.FILE_NOT_FOUND


class UserNotFoundError(CallError):
    """The file's records have owners, and the user is none of them."""

    reason = "USER_NOT_FOUND"


class FileRefusedError(CallError):
    """The file cannot be read as it is; `reason` is one of those that fail a job."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class LimitExceededError(CallError):
    """The file goes beyond a limit of the reader."""

    reason = Reason.LIMIT_EXCEEDED


class InternalError(CallError):
    """Something unexpected happened in a worker process, which has given it an error id."""

    reason = Reason.INTERNAL


class BusyError(CallError):
    """As many callers wait for a summary as may wait."""

    reason = "BUSY"
    retry_s = 1.0


class QueueFullError(CallError):
    """As many jobs wait as may wait."""

    reason = "QUEUE_FULL"
    retry_s = 5.0


class StateError(CallError):
    """The job database does not do what it is asked to; the same may go well later."""


class NotRecordedError(StateError):
    """The disk with the job database is full."""

    reason = "NOT_RECORDED"
    retry_s = 5.0


class StateUnavailableError(StateError):
    """The job database cannot be used, for whatever other reason."""

    reason = "STATE_UNAVAILABLE"
    retry_s = 5.0


class DirectoryLostError(StateError):
    """A directory of the server's was removed or replaced under it: what is written is lost."""

    reason = "DIRECTORY_LOST"
    retry_s = 5.0

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} was removed or replaced while the server runs; "
            "the operator has to bring it back or to restart the server"
        )


class ShuttingDownError(CallError):
    """The server is stopping: the call may be made again when it is back."""

    reason = "SHUTTING_DOWN"
    retry_s = 1.0

    def __init__(self) -> None:
        super().__init__("the server is stopping; call again shortly")


class SlowReaderError(CallError):
    """A stream was not read for too long."""

    reason = "SLOW_READER"
    retry_s = 1.0
