"""What the log says at each start, as nobody would find it out in time."""

from __future__ import annotations

import difflib
import logging
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from myd_grpc import config
from myd_grpc.addresses import is_loopback
from myd_grpc.config import Settings
from myd_grpc.convert.engines.available import ENGINES, WITHOUT_NATIVE
from myd_grpc.jobs.worker import sandbox
from myd_grpc.objectstore.location import Location

if TYPE_CHECKING:
    from myd_grpc.callers.registry import Registry

logger = logging.getLogger(__name__)

_PREFIX = "MYD_"
_READ_BY_OTHERS = frozenset(
    {
        "MYD_FAILPOINTS",
        "MYD_IV",
        "MYD_KEY",
        "MYD_MASKING_KEY",
        "MYD_REST_ADDRESS_FILE",
        "MYD_REST_HOSTS",
        "MYD_REST_ORIGINS",
        "MYD_TLS_CA",
        "MYD_TLS_CLIENT_CERT",
        "MYD_TLS_CLIENT_KEY",
        "MYD_TLS_SERVER_NAME",
        "MYD_TOKEN",
        "MYD_USER",
    }
)
# Set by Kubernetes for each service of a namespace: of one that is called myd, or myd-something.
_OF_SERVICES = re.compile(r"MYD_(\w+_)?(SERVICE_(HOST|PORT)|PORT)(_\w+)?")


def tell_all(
    settings: Settings, environ: Mapping[str, str], registry: Registry | None, *, rest: bool
) -> None:
    """Log all of it; `registry` has the callers, where there are any, `rest` is for REST, too."""
    _tell_unknown(environ)
    _tell_engine(settings.engine)
    _tell_executor(settings, environ)
    _tell_work_directory(settings, environ)
    _tell_sandbox()
    _tell_callers(settings.grpc_address, registry)
    if rest:
        _tell_gateway(settings)


def _tell_unknown(environ: Mapping[str, str]) -> None:
    """Without MYD_CALLERS everybody is let in, and so it is with MYD_CALLRES."""
    known = variables()
    for name in environ:
        if name.startswith(_PREFIX) and name not in known and not _OF_SERVICES.fullmatch(name):
            logger.warning("%s is not a setting and has no effect%s", name, _meant(name, known))


def variables() -> frozenset[str]:
    """Every variable that means something: to the server, the gateway, clients or tests."""
    return config.variables() | _READ_BY_OTHERS


def _meant(name: str, known: frozenset[str]) -> str:
    names = [one.removeprefix(_PREFIX) for one in sorted(known)]
    found = difflib.get_close_matches(name.removeprefix(_PREFIX), names, n=1)
    return f": did you mean {_PREFIX}{found[0]}?" if found else ""


def _tell_engine(name: str) -> None:
    if name == "auto" and WITHOUT_NATIVE:
        logger.warning(
            "files are converted by the Python engine, which is slower: the native engine %s",
            WITHOUT_NATIVE,
        )
    else:
        logger.info(
            "files are converted by the engine %s", next(iter(ENGINES)) if name == "auto" else name
        )


def _tell_executor(settings: Settings, environ: Mapping[str, str]) -> None:
    if settings.executor == "ray":
        logger.info(
            "conversions run on the nodes of the Ray cluster %s, summaries beside the server",
            settings.ray_address,
        )
    elif environ.get("MYD_RAY_ADDRESS"):
        logger.warning(
            "MYD_RAY_ADDRESS does nothing without MYD_EXECUTOR=ray: conversions run on this machine"
        )


def _tell_work_directory(settings: Settings, environ: Mapping[str, str]) -> None:
    if environ.get("MYD_WORK_DIR") and not isinstance(settings.output_dir, Location):
        logger.warning(
            "MYD_WORK_DIR does nothing, as MYD_OUTPUT_DIR is a directory: sets are made there"
        )


def _tell_sandbox() -> None:
    if lacking := sandbox.lacking():
        logger.warning(
            "workers are not wholly confined, as this system has no %s to be used",
            " and no ".join(lacking),
        )


def _tell_callers(address: str, registry: Registry | None) -> None:
    if registry:
        registry.tell()
        return
    level = logging.INFO if is_loopback(address) else logging.WARNING
    logger.log(
        level,
        "everybody who reaches %s may do everything, as MYD_CALLERS names no file of callers",
        address,
    )


def _tell_gateway(settings: Settings) -> None:
    if settings.tls_client_ca and not settings.rest_client_cert:
        logger.warning(
            "REST will reach nothing: the server asks for a certificate (MYD_TLS_CLIENT_CA), and "
            "the gateway has none to show: set MYD_REST_CLIENT_CERT and MYD_REST_CLIENT_KEY"
        )
