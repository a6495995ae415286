"""The way from this process to object storage: by itself, or through a broker that it was given."""

from __future__ import annotations

from myd_grpc.objectstore.access import ObjectAccess
from myd_grpc.objectstore.direct import DirectAccess
from myd_grpc.objectstore.location import Location

_brokers: list[ObjectAccess] = []


def through(broker: ObjectAccess) -> None:
    """From now on, reach the inputs through a broker, as a worker does that has no network."""
    _brokers[:] = [broker]


def inputs(location: Location) -> ObjectAccess:
    """Access to the objects beneath the location of the inputs."""
    return _brokers[0] if _brokers else DirectAccess(location)
