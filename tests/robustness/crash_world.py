"""A server that is killed again and again, and the points at which it is held until then."""

from __future__ import annotations

import os
import tempfile
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from myd_grpc.convert.model import Conversion, Keys, Limits
from myd_grpc.convert.pipeline import convert
from myd_grpc.options import ConvertOptions, Format
from tests.robustness.crash_inputs import KEY, materials
from tests.robustness.crash_plans import CALLER, Plan
from tests.robustness.crash_sets import DiskSets, StoredSets
from tests.support.callers import Bearer, caller_table, token_of, write_callers
from tests.support.object_sets import OUTPUT
from tests.support.object_store import ObjectStore
from tests.support.serving import PATIENCE_S, Server, lasting_address, tree

LIMITS = Limits(batch_records=10, rows_per_part=90)
SETTINGS = {
    "MYD_FILE_SEP_SIZE": str(LIMITS.batch_records),
    "MYD_MAX_CSV_ROW": str(LIMITS.rows_per_part),
    "MYD_CHECKPOINT_SECONDS": "0.01",
    "MYD_SHUTDOWN_GRACE_SECONDS": "1",
    "MYD_OVERWRITE": "true",
}
SLOWLY = "batch_written=sleep:0.004"
TEAM, STRANGER = "team-a", "bob"
"""The directory of the caller who submits jobs, and a caller of another team."""


@dataclass(frozen=True)
class MadeSet:
    """The files of a set, and the bytes of those that tables are in, as a job tells them."""

    files: dict[str, bytes]
    parts: dict[str, int]


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
        self._made: dict[tuple[str, tuple[Format, ...]], MadeSet] = {}
        for kind, material in self.materials.items():
            self.names[kind] = [
                self._put(f"{kind.replace(' ', '-')}-{number}.json", content)
                for number, content in enumerate(material.files)
            ]
            for name, content in zip(self.names[kind], material.files, strict=True):
                self._put(f"{TEAM}/{name}", content)

    def _put(self, name: str, content: bytes) -> str:
        if self.store:
            self.store.put(f"data/{name}", content)
        return self.server.put(name, content)

    def expected(self, plan: Plan) -> MadeSet:
        """What is made of a job when nothing happens."""
        made = self._made.get((plan.kind, plan.formats))
        if made is None:
            made = self._made[plan.kind, plan.formats] = self._make(plan.kind, plan.formats)
        return made

    def _make(self, kind: str, formats: tuple[Format, ...]) -> MadeSet:
        key = KEY if self.materials[kind].has_key else None
        with tempfile.TemporaryDirectory() as home:
            out = Path(home) / "out"
            out.mkdir()
            converted = convert(self._conversion(kind, formats), Keys(key), out, _silent)
            return MadeSet(
                tree(Path(home)), {part.file_name: part.size for part in converted.parts}
            )

    def _conversion(self, kind: str, formats: tuple[Format, ...]) -> Conversion:
        material = self.materials[kind]
        options = ConvertOptions(
            merge=material.merge, formats=formats, max_rejects=material.rejects
        )
        return Conversion(
            str(self.server.data),
            tuple(self.names[kind]),
            "out",
            options,
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
