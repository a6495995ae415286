"""Which role each method takes. A method that is not named here is denied to everybody."""

from __future__ import annotations

from myd_grpc.callers.model import Caller, Role
from myd_grpc.errors import RoleMissingError

_SERVICE = "/myd.analysis.v1.AnalysisService"
_HEALTH = "/grpc.health.v1.Health"

ROLES = {
    f"{_SERVICE}/PreprocessShopping": Role.PREPROCESS,
    f"{_SERVICE}/ConvertToCsv": Role.CONVERT,
    f"{_SERVICE}/CancelJob": Role.CONVERT,
    f"{_SERVICE}/ResumeJob": Role.CONVERT,
    f"{_SERVICE}/DeleteJob": Role.CONVERT,
    f"{_SERVICE}/GetJobStatus": Role.READ,
    f"{_SERVICE}/WatchJob": Role.READ,
    f"{_SERVICE}/WatchJobs": Role.READ,
    f"{_SERVICE}/ListJobs": Role.READ,
    f"{_SERVICE}/ListTables": Role.READ,
}

OPEN = frozenset(f"{_HEALTH}/{name}" for name in ("Check", "List", "Watch"))
"""For those who have no credential, such as probes; they learn nothing but whether it serves."""

FOR_EVERY_CALLER = frozenset(
    f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo"
    for version in ("v1", "v1alpha")
)
"""For whoever has a credential, whatever the roles."""


def check(caller: Caller, method: str) -> None:
    """Raises RoleMissingError when the caller may not call the method, named as on the wire."""
    if method in FOR_EVERY_CALLER:
        return
    role = ROLES.get(method)
    if role is None or not caller.may(role):
        raise RoleMissingError(role or "that no caller has")
