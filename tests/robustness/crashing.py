"""Kills servers and workers in the middle of jobs, and holds what comes of it to two outcomes.

Either the set is published with the bytes of an undisturbed run, or the job says that it did not
finish and nothing is to be seen. At length: `python -m tests.robustness.crashing --kills 200`, and
with `--store` for inputs and sets in an object store, which is killed, too.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import random
import shutil
import sqlite3
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
from Crypto.Cipher import AES
from Crypto.Util.Padding import pad

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.convert.engines.available import ENGINES
from myd_grpc.convert.model import CipherKey, Conversion, Limits
from myd_grpc.convert.pipeline import convert
from myd_grpc.locks import LOCK_FILE
from myd_grpc.options import ConvertOptions
from tests.support import object_sets
from tests.support.callers import Bearer, caller_table, stub_of, token_of, write_callers
from tests.support.object_sets import OUTPUT
from tests.support.object_store import ObjectStore, running_store
from tests.support.serving import ENDED, PATIENCE_S, Server, kill_worker, lasting_address, tree
from tests.support.streams import Recorder, assert_committed, validate

KEY = CipherKey(bytes(range(32)), bytes(range(16)))
LIMITS = Limits(batch_records=10, rows_per_part=90)
SETTINGS = {
    "MYD_FILE_SEP_SIZE": str(LIMITS.batch_records),
    "MYD_MAX_CSV_ROW": str(LIMITS.rows_per_part),
    "MYD_CHECKPOINT_SECONDS": "0.01",
    "MYD_SHUTDOWN_GRACE_SECONDS": "1",
    "MYD_OVERWRITE": "true",
}
IN_WORKER = {
    "worker_started": 1,
    "write": 3,
    "batch_written": 30,
    "before_sync": 5,
    "sync": 15,
    "after_sync": 5,
    "rewrite": 3,
    "replace": 2,
    "converted": 1,
}
"""Points that a worker reaches, and how many times about."""
IN_SERVER = {
    "before_commit": 12,
    "before_checkpoint_commit": 5,
    "after_checkpoint_commit": 5,
    "after_commit": 12,
    "before_publish": 1,
    "rename": 1,
    "exchange": 1,
    "put_aside": 1,
    "after_rename": 1,
    "write_audit": 2,
}
UPLOADING = {"upload": 8, "broker_upload": 8, "uploaded": 1}
"""Points that a worker and its broker reach when sets go to a store."""
_OF_DIRECTORIES = {"rename", "exchange", "put_aside", "after_rename"}
STORED_IN_SERVER = {
    **{point: turns for point, turns in IN_SERVER.items() if point not in _OF_DIRECTORIES},
    "write_manifest": 1,
    "manifest_written": 1,
}
ONLY_REPLACING = {"exchange", "put_aside"}
ONLY_AUDITED = {"write_audit"}
SLOWLY = "batch_written=sleep:0.004"
STOP = "stop"
STORE = "store"
VICTIMS = ("server", "server", "all", "worker", STOP)
CALLER, TEAM, STRANGER = "alice", "team-a", "bob"
"""Who submits jobs where callers are named, the directory that is hers, and one of another team."""
MOST_KILLS = 4
MOST_DEATHS = 2


@dataclass(frozen=True)
class Material:
    """What is converted: file contents, and whether they make one set."""

    files: tuple[bytes, ...]
    has_key: bool = False
    merge: bool = True


def records(count: int, first: int = 0) -> list[dict[str, Any]]:
    """Records whose columns keep coming, so that nearly every part is written once more."""
    return [
        {"id": n, f"late{n // 150}": "값\n", "acc": [{"no": k, "tr": [{"a": n}]} for k in "xy"]}
        for n in range(first, first + count)
    ]


def encrypted(text: bytes) -> bytes:
    return AES.new(KEY.key, AES.MODE_CBC, KEY.iv).encrypt(pad(text, 16))


def materials() -> dict[str, Material]:
    """One for each way of going on in the middle."""
    array = json.dumps(records(600), ensure_ascii=False).encode()
    keyed = json.dumps({f"k{n['id']}": n for n in records(300, 600)}).encode()
    lines = "\n".join(map(json.dumps, records(300, 900))).encode()
    # Rows of ten of these are written directly.
    long = json.dumps([{**one, "text": "글" * 5000} for one in records(300)], ensure_ascii=False)
    return {
        "plain": Material((array,)),
        "long": Material((long.encode(),)),
        "encrypted": Material((encrypted(array),), has_key=True),
        "encrypted base64": Material((base64.encodebytes(encrypted(array)),), has_key=True),
        "three merged": Material((keyed, lines, array)),
        "three sets": Material((keyed, lines, array), merge=False),
        "encrypted sets": Material((encrypted(lines), encrypted(keyed)), True, False),
    }


KINDS = tuple(materials())


class World:
    """A server with all inputs, and the sets they make when nothing happens.

    The inputs and the sets are in the store, if there is one.
    """

    def __init__(self, home: Path, store: ObjectStore | None = None) -> None:
        # Always on the same port, so that watchers find it again.
        self.server = Server(home / "server", **SETTINGS, MYD_GRPC_ADDRESS=lasting_address())
        self.store = store
        if store:
            self.server.settings |= {
                "MYD_DATA_DIR": str(store.location("data")),
                "MYD_OUTPUT_DIR": str(store.location(OUTPUT)),
                **store.environ,
            }
        self.materials = materials()
        self.audit_file = home / "audit.jsonl"
        self._callers = write_callers(
            home / "callers.toml",
            caller_table(CALLER, ["convert"], data=TEAM, output=TEAM),
            caller_table(STRANGER, ["convert"]),
        )
        self.job_ids: set[str] = set()
        self.audited: set[str] = set()
        self.names: dict[str, list[str]] = {}
        self.expected: dict[str, dict[str, bytes]] = {}
        for kind, material in self.materials.items():
            self.names[kind] = [
                self._put(f"{kind.replace(' ', '-')}-{number}.json", content)
                for number, content in enumerate(material.files)
            ]
            for name, content in zip(self.names[kind], material.files, strict=True):
                self._put(f"{TEAM}/{name}", content)
            out = home / "expected" / kind / "out"
            out.mkdir(parents=True)
            convert(self._conversion(kind), KEY if material.has_key else None, out, _silent)
            self.expected[kind] = tree(out.parent)

    def _put(self, name: str, content: bytes) -> str:
        if self.store:
            self.store.put(f"data/{name}", content)
        return self.server.put(name, content)

    def _conversion(self, kind: str) -> Conversion:
        return Conversion(
            str(self.server.data),
            tuple(self.names[kind]),
            "out",
            ConvertOptions(merge=self.materials[kind].merge),
            limits=LIMITS,
            engine="python",
        )

    def sets(self, by: str) -> DiskSets | StoredSets:
        """The sets of that caller."""
        team = TEAM if by else ""
        if self.store:
            return StoredSets(self.store, team, self.server.state / "work")
        return DiskSets(self.server.output, team)

    def start(self, engine: str, trap: Trap | None, by: str, *, slowly: bool) -> bool:
        """Start the server, for named callers if that is one.

        False when it was caught in the trap before it served anybody.
        """
        points = trap.setting if trap else SLOWLY if slowly else ""
        self.server.interceptors = (Bearer(token_of(by)),) if by else ()
        self.server.begin(
            MYD_FAILPOINTS=points,
            MYD_ENGINE=engine,
            MYD_CALLERS=str(self._callers) if by else "",
            MYD_AUDIT_FILE=str(self.audit_file) if by else "",
        )
        deadline = time.monotonic() + PATIENCE_S
        while not self.server.is_ready():
            if trap and trap.is_reached():
                return False
            assert self.server.process.poll() is None, self.server.log
            assert time.monotonic() < deadline, self.server.log
            time.sleep(0.005)
        return True


def _silent(*_: object) -> None:
    """Nobody wants to know."""


class DiskSets:
    """The sets in an output directory, or in a caller's directory of it."""

    def __init__(self, output: Path, team: str) -> None:
        self._output = output
        self._place = output / team

    def reset(self, *, old: bool) -> None:
        """Leave nothing, or a set that is to be replaced."""
        shutil.rmtree(self._output, ignore_errors=True)
        self._place.mkdir(parents=True)
        if old:
            (self._place / "out").mkdir()
            (self._place / "out" / "old.csv").write_bytes(b"old")

    def seen(self) -> dict[str, bytes]:
        """All files of sets."""
        return tree(self._place)

    def left(self) -> set[str]:
        """What is there beside the set."""
        return {path.name for path in self._place.iterdir()} - {"out", LOCK_FILE}


class StoredSets:
    """The sets beneath a prefix in an object store, or of a caller's beneath it."""

    def __init__(self, store: ObjectStore, team: str, work: Path) -> None:
        self._store = store
        self._prefix = f"{OUTPUT}/{team}" if team else OUTPUT
        self._work = work

    def reset(self, *, old: bool) -> None:
        """See `DiskSets.reset`."""
        object_sets.clear(self._store)
        if old:
            object_sets.put(self._store, "out", {"old.csv": b"old"}, self._prefix)

    def seen(self) -> dict[str, bytes]:
        """See `DiskSets.seen`: what a reader gets who goes by the manifests."""
        return object_sets.published(self._store, self._prefix)

    def left(self) -> set[str]:
        """What is left of staging."""
        return {path.name for path in self._work.iterdir()} - {LOCK_FILE}


class Trap:
    """A failpoint at which a process is held until it is killed or let go."""

    def __init__(self, home: Path, point: str, turn: int) -> None:
        self._fifo = home / f"trap-{uuid.uuid4().hex}"
        os.mkfifo(self._fifo)
        self._writer = -1
        wanted = {point: f"hold:{self._fifo}@{turn}"}
        if point == "put_aside":
            wanted["exchange"] = "error:EINVAL"
        if point != "batch_written":
            wanted |= dict([SLOWLY.split("=")])
        self.setting = ";".join(f"{name}={action}" for name, action in wanted.items())

    def is_reached(self) -> bool:
        """Whether a process is held."""
        if self._writer >= 0:
            return True
        try:
            self._writer = os.open(self._fifo, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:  # nobody reads it yet
            return False
        return True

    def release(self) -> None:
        self._fifo.unlink(missing_ok=True)
        if self._writer >= 0:
            os.close(self._writer)
            self._writer = -1


@dataclass(frozen=True)
class Kill:
    """Who is killed, and when: held at a point for the n-th time, or after a while.

    The victim is "server", "worker", "all", STOP for a server that is ended in order, or STORE for
    the object store, which is soon back. A point needs a server that is started for it; where one
    runs already, time decides.
    """

    victim: str
    after_s: float
    point: str = ""
    turn: int = 1


@dataclass(frozen=True)
class Plan:
    """A job and what befalls it; `by` is the caller, "" where none are named."""

    kind: str
    by: str
    marked: bool
    replaces: bool
    kills: tuple[Kill, ...]
    engines: tuple[str, ...]


def plan(rng: random.Random, engines: Sequence[str], *, stored: bool = False) -> Plan:
    """Anything that may happen to a job; one engine may go on with what another has begun."""
    kills = tuple(_kill(rng, stored) for _ in range(rng.randint(1, MOST_KILLS)))
    return Plan(
        kind=rng.choice(KINDS),
        by=CALLER if any(one.point in ONLY_AUDITED for one in kills) else rng.choice(["", CALLER]),
        marked=rng.random() < 0.8,
        replaces=rng.random() < 0.5 or any(one.point in ONLY_REPLACING for one in kills),
        kills=kills,
        engines=tuple(rng.choice(engines) for _ in range(len(kills) + 1)),
    )


def _kill(rng: random.Random, stored: bool) -> Kill:
    victim = rng.choice((*VICTIMS, STORE) if stored else VICTIMS)
    after_s = rng.uniform(0, 0.5)
    if rng.random() < 0.3:
        return Kill(victim, after_s)
    in_worker, in_server = IN_WORKER, IN_SERVER
    if stored:
        in_worker, in_server = IN_WORKER | UPLOADING, STORED_IN_SERVER
    points = in_worker if victim == "worker" or rng.random() < 0.5 else in_server
    point, most = rng.choice(list(points.items()))
    return Kill(victim, after_s, point, rng.randint(1, most))


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
            legal = [self._before, self._world.expected[self._plan.kind]]
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
            with sqlite3.connect(Path(copy) / "csv_status.db") as database:
                assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            database.close()
        assert (self._server.state / "csv_status.db-wal").stat().st_size < 16 << 20

    def _check_end(self, job: pb.Job, recorder: Recorder) -> None:
        sessions = recorder.finish()
        validate(sessions)
        self._tally.streams += len(sessions)
        outcome = "DONE" if job.status == pb.Job.DONE else job.reason
        self._tally.outcomes[outcome] += 1
        assert outcome in self._legal(), job
        done = outcome == "DONE"
        expected = self._world.expected[self._plan.kind] if done else self._before
        assert self._sets.seen() == expected
        assert {part.file_name: part.bytes for table in job.tables for part in table.parts} == (
            {name.partition("/")[2]: len(data) for name, data in expected.items()} if done else {}
        )
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
) -> Iterator[tuple[Plan, Tally]]:
    """Go on until so many processes were killed."""
    rng, tally, world = random.Random(seed), Tally(), World(home, store)
    try:
        while tally.kills.total() < kills:
            one = plan(rng, engines, stored=store is not None)
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
    parser.add_argument(
        "--store", action="store_true", help="inputs and sets are in an object store"
    )
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as home, _store(Path(home), options.store) as store:
        tally = Tally()
        given = (options.seed, options.kills, options.engines, store)
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
