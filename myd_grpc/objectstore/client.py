"""How object storage is reached: by obstore, which is imported when the first store is opened.

Endpoint and credentials come from the environment, as the tools of each store have them.
"""

from __future__ import annotations

import errno
import importlib.util
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from myd_grpc.objectstore.location import Location

RANGE_BYTES = 8 << 20
"""How much is read or uploaded with one request: what a slow network moves within the time-out."""

_PREFIXES = ("AWS_", "AZURE_", "GOOGLE_")
_OF_NETWORKS = frozenset(
    {"ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_DIR", "SSL_CERT_FILE"}
)
_ENDPOINTS = {
    "s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
    "gs": ("GOOGLE_BASE_URL",),
    "az": ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
}
_CREDENTIALS = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "gs": "GOOGLE_SERVICE_ACCOUNT",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}

# A store that does not answer is given up long before a worker is that does nothing
# (MYD_STALL_SECONDS): its job then waits, and begins again where it was.
_CLIENT = {
    "timeout": timedelta(seconds=30),
    "read_timeout": timedelta(seconds=10),
    "connect_timeout": timedelta(seconds=5),
}
_RETRIES = {
    "max_retries": 4,
    "retry_timeout": timedelta(seconds=20),
    "backoff": {
        "init_backoff": timedelta(milliseconds=100),
        "max_backoff": timedelta(seconds=2),
        "base": 2,
    },
}

# The client names its errors by kind, but for those of a request, whose status is in the text.
_ERRNOS = {
    "AlreadyExistsError": errno.EEXIST,
    "InvalidPathError": errno.EINVAL,
    "NotSupportedError": errno.ENOTSUP,
    "PermissionDeniedError": errno.EKEYREJECTED,
    "PreconditionError": errno.ESTALE,
    "UnauthenticatedError": errno.EKEYREJECTED,
}
# What the client raises of a request that it cannot put together; its class is not to be had.
_PANIC = "PanicException"
_ENDPOINT = re.compile(r"https?://[^/\s]", re.IGNORECASE)
_REFUSED = re.compile(r"status code: (?!408|429)4\d\d")
_NO_ACCESS = re.compile(r"status code: 40[13]")
# What comes with 404 the client takes for an object that is not there, whatever the answer says.
_CODE = re.compile(r"<Code>(\w+)</Code>")
_CODES = {
    "NoSuchBucket": errno.ENOMEDIUM,
    "ContainerNotFound": errno.ENOMEDIUM,
    "InvalidAccessKeyId": errno.EKEYREJECTED,
    "XAdminUserNotFound": errno.EKEYREJECTED,
}
_OF_MACHINES = re.compile(
    r"//169\.254\.|//[^/\s]+/(latest/(api/token|meta-data)|computeMetadata)/?"
)
"""Where the credentials of a machine are asked for, when there are none in the environment."""
_UNKNOWN = re.compile(r"status code: 501")


def is_installed() -> bool:
    """Whether the extra is there that reaches object storage."""
    return importlib.util.find_spec("obstore") is not None


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that reach a store takes, credentials among them."""
    return {
        name: value
        for name, value in environ.items()
        if name.startswith(_PREFIXES) or name.upper() in _OF_NETWORKS
    }


def open_store(location: Location, environ: Mapping[str, str] = os.environ) -> Any:
    """The store of a location, whose paths are relative to that.

    Nothing is asked of it yet. Raises OSError when the environment does not say enough, such as
    whose account it is, or has an endpoint that is no URL. `environ` tells whether that is without
    encryption; the client reads the environment of this process by itself.
    """
    from obstore import store  # noqa: PLC0415 - of an extra, and not needed without it

    if bad_endpoint(location.scheme, environ):
        raise _os_error(errno.EINVAL)
    kinds = {"s3": store.S3Store, "gs": store.GCSStore, "az": store.AzureStore}
    options = {**_CLIENT, "allow_http": _has_plain_endpoint(location.scheme, environ)}
    # S3 compares what arrives with it; the others have ways of their own.
    config = {"checksum_algorithm": "SHA256"} if location.scheme == "s3" else None
    with system_errors():
        return kinds[location.scheme](
            location.bucket,
            prefix=location.prefix or None,
            config=config,
            client_options=options,
            retry_config=_RETRIES,
        )


@contextmanager
def system_errors() -> Iterator[None]:
    """Raises what a store refuses within as the OSError that the system would raise for a file.

    FileNotFoundError and FileExistsError are those; ESTALE is an object that is another one than
    the condition says, EREMOTEIO a store that does not answer, or answers that it cannot for now,
    ENOTSUP what the store does not know, ENOMEDIUM a bucket that is not there, EKEYREJECTED
    credentials that will not do, ENOKEY that there are none, EIO whatever else it says. None
    repeats what the store says, which may name it.
    """
    from obstore.exceptions import BaseError  # noqa: PLC0415 - as above

    try:
        yield
    except FileNotFoundError as error:
        raise _os_error(_said_in(str(error)) or errno.ENOENT) from None
    except ValueError:  # of a path that no object can have
        raise _os_error(errno.EINVAL) from None
    except BaseError as error:
        raise _os_error(_errno_of(error)) from None
    except BaseException as error:
        if type(error).__name__ != _PANIC:
            raise
        raise _os_error(errno.EINVAL) from None


def _errno_of(error: Exception) -> int:
    if known := _ERRNOS.get(type(error).__name__):
        return known
    text = str(error)
    if _UNKNOWN.search(text):
        return errno.ENOTSUP
    if not _REFUSED.search(text):
        return errno.EREMOTEIO
    if _OF_MACHINES.search(text):
        return errno.ENOKEY
    return _said_in(text) or (errno.EKEYREJECTED if _NO_ACCESS.search(text) else errno.EIO)


def _said_in(text: str) -> int | None:
    """What the code in an answer stands for, if it is more than that an object is not there."""
    code = _CODE.search(text)
    return _CODES.get(code[1]) if code else None


def _os_error(number: int) -> OSError:
    """The exception for a number, of the class that Python has for it."""
    return OSError(number, os.strerror(number))


def remedy(location: Location, error: OSError, environ: Mapping[str, str] = os.environ) -> str:
    """What helps where a location cannot be used, as `system_errors` tells it."""
    endpoint = _endpoint_name(location.scheme, environ) or _ENDPOINTS[location.scheme][-1]
    match error.errno:
        case errno.ENOMEDIUM:
            return f"make the bucket, or name one that is there, at the endpoint of {endpoint}"
        case errno.EKEYREJECTED | errno.ENOKEY:
            return f"see to the credentials in the environment: {_CREDENTIALS[location.scheme]}"
        case errno.EREMOTEIO:
            return (
                f"see that the endpoint of {endpoint} is the right one, can be reached from here, "
                "and has a certificate of an authority that is known here (SSL_CERT_FILE)"
            )
    region = "its region (AWS_REGION), " if location.scheme == "s3" else ""
    return f"see to the endpoint of {endpoint}, {region}and the credentials in the environment"


def bad_endpoint(scheme: str, environ: Mapping[str, str] = os.environ) -> str | None:
    """The variable whose endpoint lacks https:// or http://: the client would panic at it.

    So it would at one that is set to nothing.
    """
    names = (name for name in _ENDPOINTS[scheme] if name in environ)
    return next((name for name in names if not _ENDPOINT.match(environ[name])), None)


def _has_plain_endpoint(scheme: str, environ: Mapping[str, str]) -> bool:
    """Whether the endpoint that is set is without encryption: only then may requests be."""
    name = _endpoint_name(scheme, environ)
    return name is not None and environ[name].lower().startswith("http://")


def _endpoint_name(scheme: str, environ: Mapping[str, str]) -> str | None:
    return next((name for name in _ENDPOINTS[scheme] if environ.get(name)), None)
