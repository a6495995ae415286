"""Jobs whose files several workers do, on processes of this machine."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from myd_grpc import directories, failpoints
from myd_grpc.callers.model import ANYBODY
from myd_grpc.convert.errors import ConversionError
from myd_grpc.jobs.model import Status
from myd_grpc.jobs.publish.output_directory import OutputDirectory, staging_name
from myd_grpc.jobs.publish.place import StagedShare
from tests.support.serving import Hold, tree
from tests.support.spread_house import (
    House,
    alone,
    broken_off,
    gone_on,
    outcome,
    processes,
    texts,
)


@pytest.mark.parametrize("slots", [1, 2, 3])
@pytest.mark.parametrize("number", [2, 5, 40])
def test_it_comes_to_the_same_on_any_number_of_workers(
    house: Callable[..., House], slots: int, number: int
) -> None:
    files = texts(number)
    wanted, one = alone(house, files)
    several = house(slots)
    several.put(*files)
    assert outcome(asyncio.run(several.convert())) == wanted
    assert tree(several.output) == tree(one.output)
    assert {path.name for path in several.output.iterdir()} == {"out"}


def test_figures_only_ever_rise(house: Callable[..., House]) -> None:
    several = house(3)
    several.put(*texts(20))
    asyncio.run(several.convert())
    figures = [
        (one.progress.bytes_read, one.progress.records, one.progress.rows, one.progress.files_done)
        for one in several.announced
    ]
    assert figures == [max(figures[: n + 1]) for n in range(len(figures))]
    assert {one.progress.files_total for one in several.announced if one.progress.bytes_total} == {
        20
    }


BAD = '[{"id": 1}, {"id": nonsense}]'


@pytest.mark.parametrize("bad", [(3,), (0, 9), (7, 2, 8), (9,)])
def test_the_first_file_that_fails_is_told_of(
    house: Callable[..., House], bad: tuple[int, ...]
) -> None:
    files = texts(10)
    for number in bad:
        files[number] = BAD
    wanted, _ = alone(house, files)
    several = house(3)
    several.put(*files)
    assert outcome(asyncio.run(several.convert()))[:3] == wanted[:3]
    assert wanted[2].startswith(f"{min(bad)}.json: ")  # type: ignore[attr-defined]
    assert list(several.output.iterdir()) == []


def test_all_files_are_looked_at_before_the_first_is_converted(
    house: Callable[..., House],
) -> None:
    files = texts(10)
    files[1], files[9] = BAD, ""
    wanted, _ = alone(house, files)
    several = house(3)
    several.put(*files)
    assert outcome(asyncio.run(several.convert())) == wanted
    assert wanted[2].startswith("9.json: is empty")  # type: ignore[attr-defined]


async def test_as_many_workers_as_there_are_slots_do_it(
    house: Callable[..., House], hold: Callable[[str], Hold]
) -> None:
    point = hold("worker_started")
    several = house(3, point.setting)
    several.put(*texts(10))
    async with several.running():
        await several.submit()
        await several.until(lambda: len(processes()) >= 3)
        await asyncio.to_thread(point.reached)
        assert len(processes()) <= 4  # one may be a spare
        point.release()
        assert (await several.ended()).status is Status.DONE


@pytest.mark.parametrize("files", [3, 12])
async def test_a_worker_that_dies_is_replaced(house: Callable[..., House], files: int) -> None:
    contents = texts(files)
    several = house(3, "batch_written=kill@7")
    several.put(*contents)
    async with several.running():
        await several.submit()
        job = await several.ended()
    one = house(-1, name="alone")
    one.put(*contents)
    assert outcome(job) == outcome(await one.convert())
    assert tree(several.output) == tree(one.output)


async def test_a_file_that_kills_every_worker_fails_the_job(house: Callable[..., House]) -> None:
    several = house(2, "batch_written=kill")
    several.put(*texts(4))
    job = await several.convert()
    assert (job.status, job.reason) == (Status.FAILED, "WORKER_DIED")
    assert job.msg == (
        "the worker process was ended by signal 9; send the request again; if it is so again, "
        "memory may be short: lower MYD_FILE_SEP_SIZE or MYD_WORKERS"
    )


async def test_cancelling_ends_all_workers(
    house: Callable[..., House], hold: Callable[[str], Hold]
) -> None:
    point = hold("batch_written")
    several = house(3, point.setting)
    several.put(*texts(10))
    async with several.running():
        await several.submit()
        await asyncio.to_thread(point.reached)
        await several.runner.cancel(ANYBODY, "j")
        job = await several.ended()
        assert (job.status, job.reason) == (Status.FAILED, "CANCELLED")
        assert list(several.output.iterdir()) == []


async def test_a_job_that_waits_is_given_a_slot_that_was_lent(
    house: Callable[..., House], hold: Callable[[str], Hold]
) -> None:
    point = hold("batch_written")
    several = house(3, f"{point.setting}@2+")
    several.put(*texts(10, 500))
    async with several.running():
        await several.submit()
        await asyncio.to_thread(point.reached)
        await several.submit("other", "other")
        await several.until(lambda: several.last("other").phase == "CONVERTING")
        assert not several.last("j").ended
        point.release()
        jobs = [await several.ended(one) for one in ("j", "other")]
    assert [job.status for job in jobs] == [Status.DONE] * 2
    assert tree(several.output / "out") == tree(several.output / "other")


async def test_two_jobs_come_to_equal_parts_of_what_is_spare(
    house: Callable[..., House], hold: Callable[[str], Hold]
) -> None:
    point = hold("batch_written")
    several = house(5, f"{point.setting}@2+")
    several.put(*texts(40, 500))
    async with several.running():
        await several.submit()
        await asyncio.to_thread(point.reached)
        await several.submit("other", "other")
        await several.until(lambda: several.last("other").phase == "CONVERTING")
        await several.until(lambda: several.lent() == [3, 0])
        while several.lent() not in ([2, 1], [1, 2]):  # two may be given back at the same time
            # While both have files for more: nobody has to wait for the other's end.
            assert len(several.lent()) == 2
            point.release(for_good=False)
            await asyncio.to_thread(point.reached)
        point.release()
        jobs = [await several.ended(one) for one in ("j", "other")]
    assert [job.status for job in jobs] == [Status.DONE] * 2
    assert tree(several.output / "out") == tree(several.output / "other")


@pytest.mark.parametrize("break_off", range(6))
def test_a_job_goes_on_where_a_server_stopped(house: Callable[..., House], break_off: int) -> None:
    files = texts(12, 200)
    wanted, one = alone(house, files)
    several = house(3)
    several.put(*files)
    asyncio.run(broken_off(several, 4 + 2 * break_off))
    assert outcome(asyncio.run(gone_on(house(2), several))) == wanted
    assert tree(several.output) == tree(one.output)


def test_what_is_put_together_may_break_off_and_is_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sets = {"one": ["a", "b"], "two": ["c"], "three": ["d", "e"]}
    for attempt, names in sets.items():
        for name in names:
            (tmp_path / staging_name("j", attempt) / name).mkdir(parents=True)
            (tmp_path / staging_name("j", attempt) / name / "t.csv").write_text(name)
    shares = [StagedShare(attempt, names, "") for attempt, names in sets.items()]
    wanted = {f"{name}/t.csv": name.encode() for name in "abcde"}
    with directories.locked(tmp_path) as fd:
        output = OutputDirectory(tmp_path, fd)
        for turn in range(1, 6):
            points = failpoints._parse(f"join=error:EIO@{turn}")
            monkeypatch.setattr(failpoints, "_points", points)
            with pytest.raises(ConversionError) as refused:
                output.join("j", "all", "out", shares)
            assert refused.value.reason == "OUTPUT_UNAVAILABLE"
        output.join("j", "all", "out", shares)
        assert tree(tmp_path / staging_name("j", "all")) == wanted
        output.stage("j", "all", "")
        output.join(
            "j", "all", "out", shares
        )  # as a server does that was ended before it had published
        assert tree(tmp_path / staging_name("j", "all")) == wanted
        monkeypatch.setattr(failpoints, "_points", {})
        shutil.rmtree(tmp_path / staging_name("j", "all") / "d")
        with pytest.raises(ConversionError):
            output.join("j", "all", "out", shares)
