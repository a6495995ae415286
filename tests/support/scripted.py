"""A service that answers as a test tells it, for what a real server does only in bad moments."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from myd.analysis.v1 import analysis_pb2 as pb
from myd.analysis.v1 import analysis_pb2_grpc

Handler = Callable[[Any, grpc.ServicerContext], Any]
CODES = set(grpc.StatusCode) - {grpc.StatusCode.OK}
"""Everything by which a call can fail."""


class Service(analysis_pb2_grpc.AnalysisServiceServicer):
    """Each call takes the next of the answers given, the last one again and again."""

    def __init__(self, *answers: Handler) -> None:
        self.answers = list(answers)
        self.requests: list[Any] = []

    def _answer(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return answer(request, context)

    ConvertToCsv = GetJobStatus = ListJobs = CancelJob = ResumeJob = PreprocessShopping = _answer
    WatchJob = WatchJobs = DeleteJob = ListTables = _answer


@contextmanager
def listening(service: Service) -> Iterator[str]:
    """Serves it on a free port; gives the address."""
    server = grpc.server(ThreadPoolExecutor(8))
    analysis_pb2_grpc.add_AnalysisServiceServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


def answer(response: Any) -> Handler:
    """Answers a unary call."""
    return lambda _request, _context: response


def fail(code: grpc.StatusCode, text: str = "") -> Handler:
    """Ends a call with a status."""

    def handler(_request: Any, context: grpc.ServicerContext) -> Any:
        context.abort(code, text)

    return handler


def rich(code: grpc.StatusCode, reason: str, **violations: str) -> Handler:
    """Ends a call with a status that has the details of myd's refusals."""
    details = [any_pb2.Any(), any_pb2.Any()]
    details[0].Pack(error_details_pb2.ErrorInfo(reason=reason, domain="myd.analysis.v1"))
    details[1].Pack(
        error_details_pb2.BadRequest(
            field_violations=[
                error_details_pb2.BadRequest.FieldViolation(field=field, description=text)
                for field, text in violations.items()
            ]
        )
    )

    def handler(_request: object, context: grpc.ServicerContext) -> None:
        status = status_pb2.Status(code=code.value[0], message="what the server says")
        status.details.extend(details if violations else details[:1])
        context.abort_with_status(rpc_status.to_status(status))

    return handler


def stream(*jobs: pb.Job, then: grpc.StatusCode = grpc.StatusCode.OK) -> Handler:
    """Streams states, then ends with a status."""

    def handler(_request: Any, context: grpc.ServicerContext) -> Iterator[pb.WatchJobResponse]:
        for job in jobs:
            yield pb.WatchJobResponse(data=job)
        if then is not grpc.StatusCode.OK:
            context.abort(then, "as the test says")

    return handler


def state(revision: int, status: str = "WORKING", job_id: str = "j") -> pb.Job:
    """A job's state."""
    return pb.Job(job_id=job_id, status=status, revision=revision)
