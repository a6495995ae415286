"""Jobs a second and bytes a second with one and with two nodes of a cluster, and without one."""

from __future__ import annotations

import importlib
import importlib.util
import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.data import Input, encrypted
from benchmarks.report import MB, Section, middle, spread
from benchmarks.service import Service, running
from myd_grpc.jobs.store.statements import WAITS

_SMALL = 100_000
_LARGE_JOBS = 4
_WORKERS = (1, 2)
_WHERE = ("beside the server", "on nodes")


def is_available() -> bool:
    """Whether there is what it takes to have a cluster on this machine."""
    return all(map(importlib.util.find_spec, ("ray", "pytest")))


def measure(small_jobs: int, size: int, runs: int) -> Section:
    """Alternating runs with as many workers in both places; a worker has one thread."""
    small, large = encrypted(_SMALL), encrypted(size)
    speeds: dict[tuple[int, str], tuple[list[float], list[float]]] = {}
    for _ in range(runs):
        for workers in _WORKERS:
            for where in _WHERE:
                jobs, megabytes = speeds.setdefault((workers, where), ([], []))
                with _service(where, workers) as service:
                    _warm_up(service, small, 2 * workers)
                    jobs.append(small_jobs / _seconds(service, small, small_jobs))
                    large.read_once()
                    took = _seconds(service, large, _LARGE_JOBS)
                    megabytes.append(_LARGE_JOBS * large.size / MB / took)
    return Section(
        "A cluster on this machine",
        f"Nodes of a Ray cluster with a slot each, and as many workers beside the server, on the "
        f"same two cores, with one thread for each worker. {small_jobs} jobs of "
        f"{small.size // 1000} kB and {_LARGE_JOBS} of {large.megabytes} MB, encrypted, "
        f"submitted at once, until all are DONE. Medians of {runs} alternating runs.",
        [
            "workers",
            "where",
            "small jobs a second",
            "ratio",
            "GB/s",
            "ratio",
        ],
        [
            [
                str(workers),
                where,
                spread(jobs, 1),
                _ratio(jobs, speeds[workers, _WHERE[0]][0]),
                spread([one / 1000 for one in megabytes], 2),
                _ratio(megabytes, speeds[workers, _WHERE[0]][1]),
            ]
            for (workers, where), (jobs, megabytes) in speeds.items()
        ],
    )


@contextmanager
def _service(where: str, workers: int) -> Iterator[Service]:
    if where == _WHERE[0]:
        with running(MYD_WORKERS=str(workers), MYD_THREADS="1") as service:
            yield service
        return
    # What tests have a cluster by, which not everybody has who measures.
    support = importlib.import_module("tests.support.ray_cluster")
    # A patient cluster: nodes that others keep from the processor are not lost.
    with support.cluster_of_none(impatient=False) as cluster:
        for _ in range(workers):
            cluster.add()
        settings = {"MYD_EXECUTOR": "ray", "MYD_RAY_ADDRESS": cluster.address, "MYD_THREADS": "1"}
        with running(**settings) as service:
            yield service


def _warm_up(service: Service, given: Input, count: int) -> None:
    """Convert so many: workers are still being started, and the cluster may still be joined."""
    for job_id in [service.submit(given) for _ in range(count)]:
        list(service.client.watch(job_id))


def _seconds(service: Service, given: Input, count: int) -> float:
    """From the submission of the first of so many jobs to the end of the last.

    Raises RuntimeError for a job that failed, or that has lost its node and would wait for ever.
    """
    began = time.perf_counter()
    waiting = {service.submit(given) for _ in range(count)}
    for job in service.client.watch_all(ended_limit=count):
        if job.job_id not in waiting:
            continue
        if job.status != job.WORKING:
            if job.status != job.DONE:
                raise RuntimeError(f"the job failed: {job.reason}: {job.msg}")
            waiting.remove(job.job_id)
        elif job.msg.startswith(WAITS):
            raise RuntimeError(f"the job {job.msg}")
        if not waiting:
            break
    return time.perf_counter() - began


def _ratio(values: list[float], base: list[float]) -> str:
    return f"{middle(values) / middle(base):.2f}"
