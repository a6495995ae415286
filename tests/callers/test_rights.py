"""The table of rights: it names every method there is, and nothing else is let in."""

from __future__ import annotations

import pytest
from grpc_health.v1 import health_pb2

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.callers import rights
from myd_grpc.callers.model import ANYBODY, Caller, Role
from myd_grpc.errors import RoleMissingError

SERVICE = "/myd.analysis.v1.AnalysisService"
SEPARATE = [Role.CONVERT, Role.PREPROCESS, Role.READ]


def may(role: Role | None, method: str) -> bool:
    try:
        rights.check(Caller("a", frozenset({role} if role else ())), method)
    except RoleMissingError:
        return False
    return True


def test_every_method_takes_a_role() -> None:
    methods = pb.DESCRIPTOR.services_by_name["AnalysisService"].methods
    assert set(rights.ROLES) == {f"{SERVICE}/{method.name}" for method in methods}


def test_health_is_open() -> None:
    methods = health_pb2.DESCRIPTOR.services_by_name["Health"].methods
    assert {f"/grpc.health.v1.Health/{method.name}" for method in methods} == rights.OPEN


@pytest.mark.parametrize(
    ("method", "roles"),
    [
        ("PreprocessShopping", {Role.PREPROCESS}),
        ("ConvertToCsv", {Role.CONVERT}),
        ("CancelJob", {Role.CONVERT}),
        ("ResumeJob", {Role.CONVERT}),
        ("DeleteJob", {Role.CONVERT}),
        ("GetJobStatus", {Role.READ, Role.CONVERT}),
        ("WatchJob", {Role.READ, Role.CONVERT}),
        ("WatchJobs", {Role.READ, Role.CONVERT}),
        ("ListJobs", {Role.READ, Role.CONVERT}),
        ("ListTables", {Role.READ, Role.CONVERT}),
    ],
)
def test_who_may_call(method: str, roles: set[Role]) -> None:
    assert {role for role in Role if may(role, f"{SERVICE}/{method}")} == roles | {Role.ADMIN}
    assert not may(None, f"{SERVICE}/{method}")


@pytest.mark.parametrize(
    "method",
    [
        f"{SERVICE}/Other",
        f"{SERVICE}/getjobstatus",
        f"{SERVICE}/GetJobStatus/",
        f"/{SERVICE}/GetJobStatus",
        "myd.analysis.v1.AnalysisService/GetJobStatus",
        "GetJobStatus",
        "/grpc.health.v1.Health/Check",
        "",
    ],
)
def test_a_method_that_is_not_named_is_for_nobody(method: str) -> None:
    assert not any(may(role, method) for role in Role)
    with pytest.raises(RoleMissingError):
        rights.check(ANYBODY, method)
