"""Kills servers and workers in the middle of jobs, and holds what comes of it to two outcomes.

Either the set is published with the bytes of an undisturbed run, or the job says that it did not
finish and nothing is to be seen. At length: `python -m tests.robustness.crashing --kills 200`, and
with `--store` for inputs and sets in an object store, which is killed, too.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.convert.engines.available import ENGINES
from myd_grpc.options import longer_name
from tests.robustness.crash_inputs import KEY, KINDS
from tests.robustness.crash_plans import STOP, STORE, Kill, Plan, plan
from tests.robustness.crash_world import STRANGER, MadeSet, Trap, World
from tests.support.callers import stub_of
from tests.support.object_store import ObjectStore, running_store
from tests.support.serving import ENDED, PATIENCE_S, kill_worker
from tests.support.storing import assert_sound
from tests.support.streams import Recorder, assert_committed, validate

MOST_DEATHS = 2


@dataclass
class Tally:
    """What has happened in all rounds."""

    rounds: int = 0
    by_caller: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    stops: Counter[str] = field(default_factory=Counter)
    points: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    resumed: int = 0
    restarted: int = 0
    found: int = 0
    streams: int = 0


class Round:
    """One job from its submission to its end, through all that is planned."""

    def __init__(self, world: World, plan: Plan, tally: Tally) -> None:
        self._world = world
        self._server = world.server
        self._sets = world.sets(plan.by)
        self._plan = plan
        self._tally = tally
        self._before: dict[str, bytes] = {}
        self._deaths = 0
        self._job_id = ""
        self._request_id = str(uuid.uuid4()) if plan.marked else ""
        self._answer: Any = None
        self._recorder: Recorder | None = None

    def run(self) -> None:
        if self._server.runs:
            self._server.kill()
        self._sets.reset(old=self._plan.replaces)
        self._before = self._sets.seen()
        log_begins = len(self._server.log) if self._server.log_file.exists() else 0
        self._live_through()
        log = self._server.log[log_begins:]
        self._tally.rounds += 1
        self._tally.by_caller += bool(self._plan.by)
        self._tally.resumed += log.count("goes on from its checkpoint")
        self._tally.restarted += log.count("does not fit; from the start")

    def _live_through(self) -> None:
        for kill, engine in zip((*self._plan.kills, None), self._plan.engines, strict=True):
            trap = None
            if not self._server.runs:
                if kill and kill.point:
                    trap = Trap(self._server.home, kill.point, kill.turn)
                self._answer = None  # the one that was waited for went with its server
                self._world.start(engine, trap, self._plan.by, slowly=kill is not None)
            elif kill is None:
                self._server.wait_until_ready()  # it may have been caught before it was
            if self._server.is_ready():
                self._take_up(trap)
            if kill:
                self._carry_out(kill, trap)
        assert self._recorder
        self._check_end(self._server.wait(self._job_id), self._recorder)
        if self._plan.by:
            self._check_callers()

    def _take_up(self, trap: Trap | None) -> None:
        """Submit the job, or see how it has come through."""
        if self._recorder:
            self._check_after_start(self._recorder, trap)
        elif job_id := self._submitted() or self._ask(trap):
            self._job_id = job_id
            self._world.job_ids.add(job_id)
            self._recorder = Recorder(self._server.address, job_id, self._server.interceptors)

    def _submitted(self) -> str:
        """The id of the job if there is one whose caller was never told of it, else "".

        Without a request_id, asking again would be refused: that job already writes the set.
        """
        if self._request_id or self._answer:
            return ""
        newest = self._server.stub.ListJobs(pb.ListJobsRequest(page_size=1), timeout=PATIENCE_S)
        for job in newest.data:
            if job.job_id not in self._world.job_ids:
                self._tally.found += 1
                return str(job.job_id)
        return ""

    def _ask(self, trap: Trap | None) -> str | None:
        """The job's id; None when the server is caught before it has answered."""
        self._answer = self._answer or self._submit()
        while not self._answer.done():
            if trap and trap.is_reached():
                return None
            time.sleep(0.002)
        answer, self._answer = self._answer, None
        job_id = str(answer.result().data.job_id)
        if self._plan.by:
            self._world.audited.add(job_id)
        return job_id

    def _submit(self) -> Any:
        """The answer that is to come."""
        material = self._world.materials[self._plan.kind]
        request = pb.ConvertToCsvRequest(
            file_names=self._world.names[self._plan.kind],
            output_file_name="out",
            merge=material.merge,
            max_rejects=material.rejects,
            formats=[longer_name(one) for one in self._plan.formats],
            request_id=self._request_id,
            aes256cbckey=KEY.key.hex() if material.has_key else "",
            iv=KEY.iv.hex() if material.has_key else "",
        )
        return self._server.stub.ConvertToCsv.future(request, timeout=PATIENCE_S)

    def _check_after_start(self, recorder: Recorder, trap: Trap | None) -> None:
        """Nothing is lost, and the key is handed over where it is wanted."""
        seen = recorder.seen
        job = self._server.job(self._job_id)
        assert_committed(seen, job, recorder.sessions)
        if job.phase == pb.Job.PHASE_WAITING_FOR_KEY:
            assert self._plan.marked
            assert self._ask(trap) in {self._job_id, None}

    def _carry_out(self, kill: Kill, trap: Trap | None) -> None:
        deadline = time.monotonic() + (PATIENCE_S if trap else kill.after_s)
        where = "some time"
        while time.monotonic() < deadline:
            if trap and trap.is_reached():
                where = kill.point
                break
            if trap and self._server.job(self._job_id).status in ENDED:
                break
            time.sleep(0.005)
        self._kill(kill.victim, trap)
        if trap:
            trap.release()
        (self._tally.stops if kill.victim == STOP else self._tally.kills)[kill.victim] += 1
        self._tally.points[where] += 1
        if not self._server.runs:  # else the set could change while it is read
            legal = [self._before, self._world.expected(self._plan).files]
            if where == "put_aside":  # a filesystem that cannot exchange shows none for a moment
                legal.append({})
            assert self._sets.seen() in legal

    def _kill(self, victim: str, trap: Trap | None) -> None:
        if victim == STOP:
            self._server.process.terminate()
            if trap:
                trap.release()  # held for ever, it could not end
            assert self._server.stop() == 0
            return
        if victim == STORE:
            assert self._world.store
            with self._world.store.away("gone"):
                return
        if victim == "worker":
            self._deaths += 1
            with suppress(psutil.NoSuchProcess, ValueError):  # it has just ended by itself
                kill_worker(self._server)
            return
        workers = self._server.workers() if victim == "all" else []
        self._server.kill()
        for worker in workers:
            with suppress(psutil.NoSuchProcess):
                worker.kill()
        self._check_database()

    def _check_database(self) -> None:
        """Sound as it was left; looked at in a copy, so that the next server finds it so."""
        with tempfile.TemporaryDirectory() as copy:
            for path in self._server.state.glob("csv_status.db*"):
                if not path.name.endswith("-shm"):
                    shutil.copy(path, copy)
            assert_sound(Path(copy))
        assert (self._server.state / "csv_status.db-wal").stat().st_size < 16 << 20

    def _check_end(self, job: pb.Job, recorder: Recorder) -> None:
        sessions = recorder.finish()
        validate(sessions, server_dies=True)
        self._tally.streams += len(sessions)
        outcome = "DONE" if job.status == pb.Job.DONE else job.reason
        self._tally.outcomes[outcome] += 1
        assert outcome in self._legal(), job
        made = self._world.expected(self._plan) if outcome == "DONE" else MadeSet(self._before, {})
        assert self._sets.seen() == made.files
        told = {part.file_name: part.bytes for table in job.tables for part in table.parts}
        assert told == made.parts
        if outcome == "DONE":
            rejects = self._world.materials[self._plan.kind].rejects
            assert job.progress.rejects == rejects, job
        self._wait_for_order()

    def _legal(self) -> set[str]:
        legal = {"DONE"}
        if self._world.materials[self._plan.kind].has_key and not self._plan.marked:
            legal.add("INTERRUPTED")
        if self._deaths > MOST_DEATHS:
            legal.add("WORKER_DIED")
        return legal

    def _wait_for_order(self) -> None:
        """What a job replaced is removed after its end."""
        deadline = time.monotonic() + PATIENCE_S
        while left := self._sets.left():
            assert time.monotonic() < deadline, left
            time.sleep(0.01)

    def _check_callers(self) -> None:
        """Nobody else knows of the job, and every answer that went out is in the audit file."""
        stranger = stub_of(self._server, STRANGER)
        request = pb.GetJobStatusRequest(job_id=self._job_id)
        answer = stranger.GetJobStatus(request, timeout=PATIENCE_S)
        assert answer.data.status == pb.Job.NOTFOUND
        entries = map(json.loads, self._world.audit_file.read_text("utf-8").splitlines())
        submitted = {one["job_id"] for one in entries if one["method"] == "ConvertToCsv"}
        assert submitted >= self._world.audited


def rounds(
    home: Path,
    seed: int,
    kills: int,
    engines: Sequence[str] = tuple(ENGINES),
    store: ObjectStore | None = None,
    kinds: Sequence[str] = KINDS,
) -> Iterator[tuple[Plan, Tally]]:
    """Go on until so many processes were killed."""
    rng, tally, world = random.Random(seed), Tally(), World(home, store)
    try:
        while tally.kills.total() < kills:
            one = plan(rng, engines, stored=store is not None, kinds=kinds)
            yield one, tally
            Round(world, one, tally).run()
    finally:
        if world.server.runs:
            world.server.kill()


def _store(home: Path, wanted: bool) -> AbstractContextManager[ObjectStore | None]:
    return running_store(home / "store") if wanted else nullcontext()


def main() -> None:
    """Run at length, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--engines", nargs="+", choices=list(ENGINES), default=list(ENGINES))
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS, help="only such jobs")
    parser.add_argument(
        "--store", action="store_true", help="inputs and sets are in an object store"
    )
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as home, _store(Path(home), options.store) as store:
        tally = Tally()
        given = (options.seed, options.kills, options.engines, store, options.kinds)
        try:
            for one, tally in rounds(Path(home), *given):
                print(f"{tally.kills.total()} kills; next: {one}", flush=True)
        except BaseException:
            shutil.copy(Path(home) / "server" / "log", "crash.log")
            print("the server's log is in crash.log", file=sys.stderr)
            raise
    print(f"{tally}\nin {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
