"""Memory with inputs and sets in object storage: of workers and of the brokers beside them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.jobs.worker.uploading import FILES_AT_ONCE
from myd_grpc.objectstore.client import RANGE_BYTES
from tests.support.object_sets import OUTPUT
from tests.support.object_store import ObjectStore, require_object_store
from tests.support.serving import Hold, Server

MIB = 1 << 20
MakeServer = Callable[..., Server]

RANGE = RANGE_BYTES // MIB
AHEAD = 6 * RANGE
"""Four ranges that are on their way, the one that is read, and a copy of the one that comes."""
UPLOADED = 4 * FILES_AT_ONCE * RANGE
"""Pieces of each file: on their way, read, and what the client keeps of those before."""
BROKER = 40
"""What a broker takes that has nothing to do."""
BY_CHANCE = 50


def peaks(server: Server) -> dict[str, float]:
    """The most memory that any process of each program of the server's has held, in MiB."""
    found: dict[str, float] = {}
    for one in psutil.Process(server.process.pid).children(recursive=True):
        kind = next((part for part in one.cmdline() if part.startswith("myd_grpc.")), "")
        status = Path(f"/proc/{one.pid}/status").read_text()
        (peak,) = (int(line.split()[1]) for line in status.splitlines() if "VmHWM" in line)
        name = kind.rpartition(".")[2]
        found[name] = max(found.get(name, 0), peak / 1024)
    return found


def put_lines(server: Server, store: ObjectStore | None, mebibytes: int) -> None:
    """A file of so many MiB, in the store if there is one: rows of a kilobyte."""
    line = (b'{"id":1,"text":"%s"}\n' % (b"x" * 1000)) * 1024
    path = server.data / "in.json"
    with path.open("wb") as file:
        for _ in range(mebibytes):
            file.write(line)
    if store:
        require_object_store().put(store.client(), "data/in.json", path)
        path.unlink()


def peaks_of_a_job(server: Server, point: Hold) -> dict[str, float]:
    """As `peaks`, of a server that is started for a job which reaches this point."""
    server.start(MYD_FAILPOINTS=point.setting)
    job_id = server.submit("in.json", overwrite=True)
    with point.at_point():
        found = peaks(server)
    assert server.wait(job_id).status == pb.Job.DONE
    server.stop()
    return found


@pytest.mark.parametrize("mebibytes", [60, pytest.param(300, marks=pytest.mark.soak)])
def test_an_object_takes_no_more_than_a_file_and_what_is_read_ahead(
    make_server: MakeServer, store: ObjectStore, tmp_path: Path, mebibytes: int
) -> None:
    found = {}
    for number, place in enumerate((None, store)):
        server = make_server()
        if place:
            server.settings |= {"MYD_DATA_DIR": str(store.location("data")), **store.environ}
        put_lines(server, place, mebibytes)
        home = tmp_path / str(number)
        home.mkdir()
        found[bool(place)] = peaks_of_a_job(server, Hold(home, "converted"))
    print(found)  # noqa: T201 - shown when it fails
    assert found[True]["program"] < found[False]["program"] + AHEAD + BY_CHANCE
    assert found[True]["broker_program"] < BROKER + AHEAD + BY_CHANCE


@pytest.mark.parametrize(
    ("mebibytes", "parts"),
    [(60, 3), *(pytest.param(300, parts, marks=pytest.mark.soak) for parts in (1, 8, 300))],
)
def test_what_is_uploaded_is_not_held(
    make_server: MakeServer,
    store: ObjectStore,
    hold: Callable[[str], Hold],
    mebibytes: int,
    parts: int,
) -> None:
    server = make_server(
        MYD_OUTPUT_DIR=str(store.location(OUTPUT)),
        MYD_MAX_CSV_ROW=str(mebibytes * 1024 // parts + 1),
        **store.environ,
    )
    put_lines(server, None, mebibytes)
    found = peaks_of_a_job(server, hold("uploaded"))
    print(found)  # noqa: T201 - shown when it fails
    assert found["broker_program"] < BROKER + UPLOADED + BY_CHANCE
