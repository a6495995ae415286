"""The way from this process to object storage: by itself, or through a broker that it was given."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future

from myd_grpc.objectstore.access import ObjectAccess, Uploaded
from myd_grpc.objectstore.direct import DirectAccess
from myd_grpc.objectstore.location import Location

_brokers: list[ObjectAccess] = []
_uploads: list[Callable[[str, str], Future[Uploaded]]] = []


def through(
    broker: ObjectAccess, upload: Callable[[str, str], Future[Uploaded]] | None = None
) -> None:
    """From now on, reach the inputs through a broker, as a worker does that has no network.

    `upload` has it make objects of the output.
    """
    _brokers[:] = [broker]
    _uploads[:] = [upload] if upload else []


def inputs(location: Location) -> ObjectAccess:
    """Access to the objects beneath the location of the inputs."""
    return _brokers[0] if _brokers else DirectAccess(location)


def upload(path: str, file: str) -> Future[Uploaded]:
    """Begins to make an object of the output of a file; only a broker does that."""
    return _uploads[0](path, file)
