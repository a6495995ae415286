"""Anything that callers do and that befalls them, in any order: what jobs tell makes sense."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
import uuid
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path

import grpc
import psutil
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.convert.model import CipherKey, Conversion, Keys, Limits
from myd_grpc.convert.pipeline import convert
from myd_grpc.jobs.store.store import DATABASE_NAME
from myd_grpc.options import ConvertOptions
from tests.robustness.crash_inputs import KEY, encrypted, records
from tests.robustness.crash_sets import DiskSets, StoredSets
from tests.support import object_sets
from tests.support.object_store import require_object_store, running_store
from tests.support.serving import ENDED, PATIENCE_S, Server, details_of, tree, worker_of
from tests.support.storing import assert_sound

NAMES = st.sampled_from(["one", "two"])
SETTINGS = {
    "MYD_FILE_SEP_SIZE": "10",
    "MYD_CHECKPOINT_SECONDS": "0.01",
    "MYD_WORKERS": "2",
    "MYD_SHUTDOWN_GRACE_SECONDS": "0.5",
    "MYD_FAILPOINTS": "batch_written=sleep:0.01",
}
WAITS = pb.Job.PHASE_WAITING_FOR_KEY


@dataclass
class Known:
    """A job as its caller knows it, with the newest state that was seen of it."""

    request: pb.ConvertToCsvRequest
    seen: pb.Job
    cancelled: bool = False
    may_be_lost: bool = False


class Machine(RuleBasedStateMachine):
    """Callers, and a server that is killed now and then."""

    jobs = Bundle("jobs")

    @initialize()
    def begin(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="myd-machine-"))
        self.server = Server(self.home, **SETTINGS)
        self.sets = self._sets()
        self.known: dict[str, Known] = {}
        self.expected: dict[tuple[str, str], dict[str, bytes]] = {}
        for variant, first in (("x", 0), ("y", 1000)):
            text = json.dumps(records(200, first)).encode()
            self.server.put(f"{variant}-plain", text)
            self.server.put(f"{variant}-secret", encrypted(text))
            for name in ("one", "two"):
                for file, key in ((f"{variant}-plain", None), (f"{variant}-secret", KEY)):
                    self.expected[name, file] = self._made(file, key, name)
        self.server.start()

    def _sets(self) -> DiskSets | StoredSets:
        """Where the server is to publish sets."""
        return DiskSets(self.server.output, "")

    def _names(self) -> set[str]:
        """What sets there are, while others may come."""
        return {name for name in self.server.left_in_output() if not name.startswith(".")}

    def _made(self, file_name: str, key: CipherKey | None, name: str) -> dict[str, bytes]:
        out = self.home / "expected"
        out.mkdir()
        wanted = Conversion(
            str(self.server.data),
            (file_name,),
            name,
            ConvertOptions(merge=True),
            Limits(batch_records=10),
        )
        convert(wanted, Keys(key), out, lambda *_: None)
        made = tree(out)
        shutil.rmtree(out)
        return made

    # --- what callers do ---------------------------------------------------------------------

    @rule(
        target=jobs,
        name=NAMES,
        variant=st.sampled_from("xy"),
        secret=st.booleans(),
        marked=st.sampled_from([True, True, False]),
    )
    def submit(self, name: str, variant: str, secret: bool, marked: bool) -> object:
        request = pb.ConvertToCsvRequest(
            file_names=[f"{variant}-{'secret' if secret else 'plain'}"],
            output_file_name=name,
            merge=True,
            request_id=str(uuid.uuid4()) if marked else "",
            aes256cbckey=KEY.key.hex() if secret else "",
            iv=KEY.iv.hex() if secret else "",
        )
        # Taken before the call: a job can only go on meanwhile, not begin to work.
        busy = [one for one in self._working_on(name) if one.phase != WAITS]
        try:
            job_id = self._ask(request)
        except grpc.RpcError as error:
            reason = details_of(error)[0].reason
            assert (reason, bool(busy)) == ("OUTPUT_BUSY", True)
            return multiple()
        assert job_id not in self.known
        self.known[job_id] = Known(request, self.server.job(job_id))
        return job_id

    def _working_on(self, name: str) -> list[pb.Job]:
        jobs = [
            self._look(job_id)
            for job_id, one in self.known.items()
            if one.request.output_file_name == name
        ]
        return [job for job in jobs if job.status == pb.Job.WORKING]

    def _ask(self, request: pb.ConvertToCsvRequest) -> str:
        return str(self.server.stub.ConvertToCsv(request, timeout=PATIENCE_S).data.job_id)

    @rule(job_id=jobs)
    def ask_again(self, job_id: str) -> None:
        one = self.known[job_id]
        if one.request.request_id:
            assert self._ask(one.request) == job_id
            job = self._look(job_id)
            assert job.phase != WAITS

    @rule(job_id=jobs)
    def look(self, job_id: str) -> None:
        self._look(job_id)

    def _look(self, job_id: str) -> pb.Job:
        return self._see(self.server.job(job_id))

    def _see(self, job: pb.Job) -> pb.Job:
        """Take in a state: never older than one that was seen, and final once it was."""
        one = self.known[job.job_id]
        assert job.revision >= one.seen.revision
        if job.revision == one.seen.revision:
            assert job == one.seen
        assert one.seen.status not in ENDED or job == one.seen
        assert job.progress.percent >= one.seen.progress.percent
        assert job.progress.rows >= one.seen.progress.rows
        one.seen = job
        return job

    @rule(job_id=jobs, states=st.integers(1, 5))
    def watch(self, job_id: str, states: int) -> None:
        one, first = self.known[job_id], self._look(job_id)
        stream = self.server.watch(job_id, first.revision)
        if first.phase == WAITS:
            stream.cancel()  # nothing is going to come
            return
        for _, response in zip(range(states), stream, strict=False):
            before, job = one.seen, response.data
            assert job.revision > before.revision or job.status in ENDED
            self._see(job)
        stream.cancel()

    @rule(job_id=consumes(jobs))
    def cancel(self, job_id: str) -> None:
        was = self._look(job_id)
        job = self._see(self.server.cancel(job_id))
        assert job.status in ENDED
        if was.status in ENDED:
            assert job == was
        else:
            self.known[job_id].cancelled = True

    # --- what befalls them -------------------------------------------------------------------

    @rule(kindly=st.booleans())
    def restart(self, kindly: bool) -> None:
        for one in self.known.values():
            is_secret = bool(one.request.aes256cbckey)
            if is_secret and not one.request.request_id and one.seen.status == pb.Job.WORKING:
                one.may_be_lost = True
        if kindly:
            assert self.server.stop() == 0
        else:
            self.server.kill()
        self.server.start()

    @precondition(lambda self: any(one.seen.status not in ENDED for one in self.known.values()))
    @rule()
    def kill_a_worker(self) -> None:
        with suppress(psutil.NoSuchProcess, ValueError):  # it has just ended by itself
            worker_of(self.server).kill()

    # --- what always holds -------------------------------------------------------------------

    @invariant()
    def only_whole_sets_are_seen(self) -> None:
        if not hasattr(self, "server"):
            return
        names = self._names()
        done = {one.request.output_file_name for one in self.known.values()}
        assert names <= done

    def teardown(self) -> None:
        if not hasattr(self, "server"):
            return
        try:
            self._end_all()
        finally:
            self.server.kill()
            shutil.rmtree(self.home)

    def _end_all(self) -> None:
        for job_id, one in self.known.items():
            if self._look(job_id).phase == WAITS:
                assert self._ask(one.request) == job_id
        for job_id, one in self.known.items():
            job = self._see(self.server.wait(job_id))
            assert (job.status == pb.Job.DONE) or job.reason in self._legal(one)
        self.server.stop()
        assert {name for name in self.sets.left() if name.startswith(".")} == set()
        shown = {
            f"{name}/{file}": data
            for name in ("one", "two")
            for file, data in self._shown(name).items()
        }
        assert self.sets.seen() == shown
        assert_sound(self.server.state)
        with closing(sqlite3.connect(self.server.state / DATABASE_NAME)) as database:
            assert database.execute("SELECT count(*) FROM job_checkpoint").fetchall() == [(0,)]

    def _legal(self, one: Known) -> set[str]:
        reasons = {"WORKER_DIED"}
        if one.cancelled:
            reasons.add("CANCELLED")
        if one.request.aes256cbckey:
            # Lost with its key, or superseded while it waited for it.
            reasons.add("INTERRUPTED")
        return reasons

    def _shown(self, name: str) -> dict[str, bytes]:
        """The set of the last job that published one."""
        done = [
            one
            for one in self.known.values()
            if one.request.output_file_name == name and one.seen.status == pb.Job.DONE
        ]
        if not done:
            return {}
        last = max(done, key=lambda one: one.seen.revision)
        return self.expected[name, last.request.file_names[0]]


QUICK = settings(
    max_examples=2,
    stateful_step_count=12,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],  # shrinking would take as long again
    suppress_health_check=list(HealthCheck),
)


class MachineAtLength(Machine):
    """The same, for a class of tests of its own."""


class MachineWithStore(Machine):
    """The same, with sets that go to an object store."""

    def _sets(self) -> DiskSets | StoredSets:
        require_object_store()
        self.running = ExitStack()
        self.store = self.running.enter_context(running_store(self.home / "store"))
        output = str(self.store.location(object_sets.OUTPUT))
        self.server.settings |= {"MYD_OUTPUT_DIR": output, **self.store.environ}
        return StoredSets(self.store, "", self.server.state / "work")

    def _names(self) -> set[str]:
        return set(object_sets.manifests(self.store))

    def teardown(self) -> None:
        try:
            super().teardown()
        finally:
            if hasattr(self, "running"):
                self.running.close()


TestMachine = Machine.TestCase
TestMachine.settings = QUICK
TestMachineAtLength = pytest.mark.soak(MachineAtLength.TestCase)
TestMachineAtLength.settings = settings(QUICK, max_examples=6)
TestMachineWithStore = pytest.mark.soak(MachineWithStore.TestCase)
TestMachineWithStore.settings = settings(QUICK, max_examples=4)
