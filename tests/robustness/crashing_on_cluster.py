"""Kills servers, and on the nodes of a real Ray cluster workers, actors and nodes, at any time.

What comes of it is held to the same outcomes as in `crashing`. At length:
`python -m tests.robustness.crashing_on_cluster --kills 50`.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from myd_grpc.convert.engines.available import ENGINES
from tests.robustness.crash_inputs import KINDS
from tests.robustness.crash_plans import CALLER, STOP, Kill, Plan, any_formats
from tests.robustness.crash_world import Trap, World
from tests.robustness.crashing import Round, Tally
from tests.support.ray_cluster import Cluster, Node, cluster_of_none

VICTIMS = ("server", "server", "worker", "actor", "node", STOP)
MOST_KILLS = 4
SLOWLY = "batch_written=sleep:0.05"
MOST_SECONDS = 8.0
"""To the next kill: a server, an actor and a worker take some of these to start."""


class ClusterWorld(World):
    """A server whose workers run on two nodes."""

    def __init__(self, home: Path, cluster: Cluster) -> None:
        super().__init__(home)
        self._cluster = cluster
        self.server.settings |= {"MYD_EXECUTOR": "ray", "MYD_RAY_ADDRESS": cluster.address}
        self.nodes = [self._added() for _ in range(2)]

    def lose(self, node: Node) -> None:
        """Let another machine come in the place of one that fails."""
        node.lose()
        self.nodes[self.nodes.index(node)] = self._added()

    def _added(self) -> Node:
        node = self._cluster.add(MYD_FAILPOINTS=SLOWLY)
        node.wait()
        return node


class ClusterRound(Round):
    """See `Round`; a worker that is killed is one on a node, at work or not."""

    def __init__(self, world: ClusterWorld, plan: Plan, tally: Tally, rng: random.Random) -> None:
        super().__init__(world, plan, tally)
        self._cluster_world = world
        self._rng = rng

    def _kill(self, victim: str, trap: Trap | None) -> None:
        if victim in {"server", STOP}:
            super()._kill(victim, trap)
            return
        self._deaths += 1
        node = self._rng.choice(self._cluster_world.nodes)
        if victim == "node":
            self._cluster_world.lose(node)
            return
        with suppress(psutil.NoSuchProcess):  # it has just ended by itself
            actors = node.actors()
            found = actors if victim == "actor" else [w for one in actors for w in one.children()]
            if found:
                self._rng.choice(found).kill()


def plan(rng: random.Random, engines: Sequence[str]) -> Plan:
    """Anything that may happen to a job; time alone decides when."""
    kills = tuple(
        Kill(rng.choice(VICTIMS), rng.uniform(0, MOST_SECONDS))
        for _ in range(rng.randint(1, MOST_KILLS))
    )
    return Plan(
        kind=rng.choice(KINDS),
        by=rng.choice(["", CALLER]),
        marked=rng.random() < 0.8,
        replaces=rng.random() < 0.5,
        kills=kills,
        engines=tuple(rng.choice(engines) for _ in range(len(kills) + 1)),
        formats=any_formats(rng),
    )


def rounds(
    home: Path, seed: int, kills: int, engines: Sequence[str] = tuple(ENGINES)
) -> Iterator[tuple[Plan, Tally]]:
    """Go on until so many processes or nodes were killed."""
    rng, tally = random.Random(seed), Tally()
    with cluster_of_none() as cluster:
        world = ClusterWorld(home, cluster)
        try:
            while tally.kills.total() < kills:
                one = plan(rng, engines)
                yield one, tally
                ClusterRound(world, one, tally, rng).run()
        finally:
            if world.server.runs:
                world.server.kill()


def main() -> None:
    """Run at length, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory() as home:
        tally = Tally()
        for one, tally in rounds(Path(home), options.seed, options.kills):
            print(f"{tally.kills.total()} kills; next: {one}", flush=True)
    print(tally)


if __name__ == "__main__":
    main()
