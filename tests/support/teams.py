"""Two teams with directories of their own, what their callers do, and what is there then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from myd.analysis.v1 import analysis_pb2 as pb
from tests.support.callers import caller_table, stub_of, write_callers
from tests.support.serving import PATIENCE_S, Server


def table(name: str, team: str = "", *roles: str) -> str:
    places = {"data": team, "output": team} if team else {}
    return caller_table(name, list(roles or ("convert", "preprocess")), **places)


ALICE, BOB = table("alice", "team-a"), table("bob", "team-b")
# Alice and Ann are of one team.
TABLES = (ALICE, BOB, table("ann", "team-a"), table("free"), table("boss", "", "admin"))


def start(server: Server, *tables: str, **settings: str) -> Server:
    path = write_callers(server.home / "callers.toml", *(tables or TABLES))
    return server.start(MYD_CALLERS=str(path), **settings)


@dataclass(frozen=True)
class As:
    """What a caller does with a server."""

    server: Server
    name: str

    @property
    def stub(self) -> Any:
        return stub_of(self.server, self.name)

    def submit(self, file_name: str, output: str = "out", **fields: Any) -> str:
        request = pb.ConvertToCsvRequest(
            file_names=[file_name], output_file_name=output, **{"merge": True, **fields}
        )
        job_id: str = self.stub.ConvertToCsv(request, timeout=PATIENCE_S).data.job_id
        return job_id

    def job(self, job_id: str) -> pb.Job:
        request = pb.GetJobStatusRequest(job_id=job_id)
        job: pb.Job = self.stub.GetJobStatus(request, timeout=PATIENCE_S).data
        return job

    def wait_for(self, job_id: str, is_there: Callable[[pb.Job], bool]) -> None:
        """Return when that is true of the job."""
        request = pb.WatchJobRequest(job_id=job_id)
        call = self.stub.WatchJob(request, timeout=PATIENCE_S)
        assert any(is_there(told.data) for told in call)
        call.cancel()

    def wait(self, job_id: str) -> pb.Job:
        *_, last = self.stub.WatchJob(pb.WatchJobRequest(job_id=job_id), timeout=PATIENCE_S)
        job: pb.Job = last.data
        return job

    def convert(self, file_name: str, output: str = "out", **fields: Any) -> pb.Job:
        return self.wait(self.submit(file_name, output, **fields))

    def delete(self, job_id: str) -> None:
        self.stub.DeleteJob(pb.DeleteJobRequest(job_id=job_id), timeout=PATIENCE_S)

    def list(self, **fields: Any) -> pb.ListJobsResponse:
        answer: pb.ListJobsResponse = self.stub.ListJobs(
            pb.ListJobsRequest(**fields), timeout=PATIENCE_S
        )
        return answer

    def listed(self) -> set[str]:
        return {job.job_id for job in self.list().data}


def put(server: Server) -> None:
    for place in ("team-a/", "team-b/", ""):
        server.put(f"{place}a.json", f'[{{"whose":"{place or "everybody"}"}}]')


def staged(server: Server) -> list[str]:
    return sorted(str(one.relative_to(server.output)) for one in server.output.rglob(".myd-*"))
