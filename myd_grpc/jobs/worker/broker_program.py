"""The program of a broker: answers its worker's questions; see `broker`."""

from __future__ import annotations

import os
import signal
import sys

from myd_grpc.convert.input.keys import hidden_in
from myd_grpc.jobs.worker.hardening import die_with_parent, forbid_core_dumps
from myd_grpc.jobs.worker.places import Places
from myd_grpc.jobs.worker.protocol import decode_places
from myd_grpc.objectstore.broker import Broker
from myd_grpc.objectstore.frames import Connection
from myd_grpc.objectstore.location import Location, is_url
from myd_grpc.objectstore.outbox import Outbox


def main() -> None:
    """Answer the worker until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent()
    forbid_core_dumps()
    if places := decode_places(sys.stdin.buffer.readline()):
        _broker(Connection(int(sys.argv[1])), places).serve()
    os._exit(0)  # whatever is still under way: nobody waits for it


def _broker(connection: Connection, places: Places) -> Broker:
    outbox = Outbox(Location.parse(places.uploads), places.output_dir) if places.uploads else None
    if not is_url(places.data_dir):
        return Broker(connection, None, outbox=outbox)
    inputs = Location.parse(places.data_dir)
    return Broker(connection, inputs, hidden_in(inputs, places.hidden), outbox)


if __name__ == "__main__":
    main()
