"""Publication: a set appears whole, in the place of the one before, or not at all."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from tests.support.serving import Hold, Server, outcome, tree
from tests.support.set_files import table_files_below

MakeServer = Callable[..., Server]
MakeHold = Callable[[str], Hold]
SMALL = '[{"id":1}]'


def test_nothing_is_visible_before_a_job_is_done(working: tuple[Server, Hold, str]) -> None:
    server, converted, job_id = working
    assert server.left_in_output() == {f".myd-{job_id}"}
    converted.release()
    assert server.wait(job_id).status == pb.Job.DONE
    assert server.left_in_output() == {"out"}


def test_the_old_set_stays_until_the_new_one_takes_its_place(
    working: tuple[Server, Hold, str],
) -> None:
    server, converted, job_id = working
    old = server.output / "out"
    old.mkdir()
    (old / "old.csv").touch()
    converted.release()
    assert server.wait(job_id).status == pb.Job.DONE
    assert table_files_below(old).keys() == {"out_1.csv"}
    assert not (old / "old.csv").exists()


def test_a_set_that_appeared_meanwhile_is_not_replaced_when_that_is_not_wanted(
    make_server: MakeServer, hold: MakeHold
) -> None:
    converted = hold("converted")
    server = make_server(MYD_FAILPOINTS=converted.setting).start()
    server.put("a.json", SMALL)
    job_id = server.submit("a.json", overwrite=False)
    with converted.at_point():
        (server.output / "out").mkdir()
    assert outcome(server.wait(job_id)) == ("FAILED", "OUTPUT_UNAVAILABLE")
    assert server.left_in_output() == {"out"}
    assert list((server.output / "out").iterdir()) == []


def test_the_next_job_is_converted_while_a_set_is_published(
    make_server: MakeServer, hold: MakeHold
) -> None:
    published = hold("before_publish")
    server = make_server(MYD_WORKERS="1", MYD_FAILPOINTS=published.setting).start()
    server.put("a.json", SMALL)
    jobs = [server.submit("a.json", output=f"out{number}") for number in range(3)]
    published.reached()
    next(one for one in server.watch(jobs[1]) if one.data.phase == pb.Job.PHASE_PUBLISHING)
    assert [server.job(job).phase for job in (jobs[0], jobs[2])] == [
        pb.Job.PHASE_PUBLISHING,
        pb.Job.PHASE_QUEUED,
    ]
    published.release()
    assert [server.wait(job).status for job in jobs] == [pb.Job.DONE] * 3
    assert server.left_in_output() == {"out0", "out1", "out2"}


def test_something_else_of_that_name_is_never_replaced(
    working: tuple[Server, Hold, str],
) -> None:
    server, converted, job_id = working
    (server.output / "out").symlink_to(server.data)
    converted.release()
    assert outcome(server.wait(job_id)) == ("FAILED", "OUTPUT_UNAVAILABLE")
    assert outcome(server.convert("a.json")) == ("FAILED", "OUTPUT_UNAVAILABLE")
    assert (server.output / "out").is_symlink()
    assert server.left_in_output() == {"out"}


@pytest.mark.parametrize("point", ["rename", "exchange"])
def test_a_filesystem_without_modern_renames_will_do(make_server: MakeServer, point: str) -> None:
    server = make_server(MYD_FAILPOINTS=f"{point}=error:EINVAL").start()
    server.put("a.json", '[{"x":1}]')
    server.put("b.json", '[{"y":1},{"y":2}]')
    assert server.convert("a.json").status == pb.Job.DONE
    assert outcome(server.convert("b.json", overwrite=True)) == ("DONE", "")
    assert b"y" in (server.output / "out/out_1.csv").read_bytes()
    server.stop()
    assert server.left_in_output() == {"out"}


@pytest.mark.parametrize("replaces", [False, True])
def test_a_publication_that_cannot_be_made_to_last_is_taken_back(
    make_server: MakeServer, replaces: bool
) -> None:
    server = make_server().start()
    server.put("a.json", SMALL)
    if replaces:
        server.convert("a.json")
        before = (server.output / "out").stat().st_ino
    server.restart(MYD_FAILPOINTS="after_rename=error:EIO")
    assert outcome(server.convert("a.json")) == ("FAILED", "OUTPUT_UNAVAILABLE")
    assert server.left_in_output() == ({"out"} if replaces else set())
    if replaces:
        assert (server.output / "out").stat().st_ino == before


@pytest.mark.one_in(3)
@pytest.mark.parametrize("renames", ["", ";rename=error:EINVAL;exchange=error:EINVAL"])
@pytest.mark.parametrize("replaces", [False, True])
def test_a_job_fails_only_when_its_set_is_hidden_again(
    make_server: MakeServer, replaces: bool, renames: str
) -> None:
    server = make_server().start()
    server.put("a.json", SMALL)
    if replaces:
        server.convert("a.json")
    before = tree(server.output)
    # As where a file system makes itself read-only when it cannot write.
    server.restart(MYD_FAILPOINTS=f"after_rename=error:EIO;take_back=error:EROFS@1{renames}")
    server.put("a.json", '[{"other":1}]')
    assert outcome(server.convert("a.json")) == ("FAILED", "OUTPUT_UNAVAILABLE")
    assert "its set is not hidden again: OSError[errno 30]" in server.log
    assert tree(server.output) == before
    assert server.left_in_output() == ({"out"} if replaces else set())


@pytest.mark.parametrize(
    ("failure", "reason"), [("EIO", "OUTPUT_UNAVAILABLE"), ("ENOSPC", "DISK_FULL")]
)
def test_a_rename_that_fails_fails_the_job(
    make_server: MakeServer, failure: str, reason: str
) -> None:
    server = make_server(MYD_FAILPOINTS=f"before_publish=error:{failure}").start()
    server.put("a.json", SMALL)
    assert outcome(server.convert("a.json")) == ("FAILED", reason)
    assert server.left_in_output() == set()
