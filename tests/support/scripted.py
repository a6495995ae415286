"""A service that answers as a test tells it, for what a real server does only in bad moments."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc

from myd.analysis.v1 import analysis_pb2 as pb
from myd.analysis.v1 import analysis_pb2_grpc

Handler = Callable[[Any, grpc.ServicerContext], Any]


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
