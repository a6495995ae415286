"""docs/architecture.md: its states and changes of a job are those of the store."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest

from myd_grpc.callers.model import ANYBODY
from myd_grpc.convert.model import Progress
from myd_grpc.jobs.model import Phase, Request, Status
from myd_grpc.jobs.store.store import JobStore
from tests.support.documents import Page
from tests.support.serving import ROOT

ARCHITECTURE = Page("docs/architecture.md")
ENDS = {Status.DONE.value, Status.FAILED.value}
PHASES = {phase.value for phase in Phase} - {Phase.ENDED.value}


def changes() -> set[tuple[str, str]]:
    """The arrows of the diagram, but for those from and to nothing."""
    (diagram,) = [one.text for one in ARCHITECTURE.of("mermaid") if "stateDiagram" in one.text]
    arrows = re.findall(r"^ +(\S+) --> ([^\s:]+):", diagram, re.MULTILINE)
    return {(before, after) for before, after in arrows if "[*]" not in (before, after)}


async def bring(store: JobStore, job_id: str, state: str) -> None:
    """Change the job to that state as the server does."""
    match state:
        case "QUEUED":
            await store.queue_again([job_id])
        case "CONVERTING":
            await store.start(job_id, 1)
        case "WAITING_FOR_KEY":
            await store.wait_for_key([job_id], "waits", 1)
        case "PUBLISHING":
            await store.publishing(job_id, Progress(), [], "1:2:3")
        case "DONE":
            await store.done(job_id, 2)
        case "FAILED":
            await store.fail([job_id], "CANCELLED", "cancelled", 2)


async def state_of(store: JobStore, job_id: str) -> str:
    job = await store.get(ANYBODY, job_id)
    assert job
    return job.status.value if job.ended else job.phase.value


def test_the_diagram_has_every_state() -> None:
    assert {state for change in changes() for state in change} == PHASES | ENDS


@pytest.mark.parametrize(("before", "after"), sorted(changes()))
async def test_the_store_makes_the_change(before: str, after: str, tmp_path: Path) -> None:
    store = JobStore(tmp_path, lambda _: None)
    try:
        await store.submit(ANYBODY, "job", Request(("a.json",), "out"), None, 1)
        await bring(store, "job", before)
        assert await state_of(store, "job") == before
        await bring(store, "job", after)
        assert await state_of(store, "job") == after
    finally:
        store.close()


@pytest.mark.parametrize(("end", "after"), list(product(sorted(ENDS), sorted(PHASES | ENDS))))
async def test_the_store_changes_no_end(end: str, after: str, tmp_path: Path) -> None:
    store = JobStore(tmp_path, lambda _: None)
    try:
        await store.submit(ANYBODY, "job", Request(("a.json",), "out"), None, 1)
        await bring(store, "job", end)
        await bring(store, "job", after)
        assert await state_of(store, "job") == end
    finally:
        store.close()


def test_every_room_is_in_the_table() -> None:
    rooms = set(ARCHITECTURE.rows("room"))
    packages = {
        f"{path.parent.relative_to(ROOT)}/" for path in (ROOT / "myd_grpc").rglob("__init__.py")
    }
    assert packages <= rooms
    assert all((ROOT / room).is_dir() for room in rooms)


def test_every_path_that_is_named_is_there() -> None:
    named = re.findall(r"`((?:[\w.-]+/)+[\w.-]*)`", ARCHITECTURE.prose)
    assert named
    for path in named:
        assert (ROOT / path).exists(), path
