"""Who may read what a server writes: its sets by a setting, its state nobody else."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from tests.support.serving import Hold, Server


def modes(directory: Path) -> set[tuple[bool, str]]:
    """Which there are of a directory and of all in it: for directories, and for files."""
    found = [path.stat() for path in (directory, *directory.rglob("*"))]
    return {(stat.S_ISDIR(one.st_mode), f"{stat.S_IMODE(one.st_mode):o}") for one in found}


@pytest.mark.parametrize(
    ("access", "directories", "files"),
    [("", "750", "640"), ("all", "755", "644"), ("owner", "700", "600")],
)
@pytest.mark.parametrize("umask", [0, 0o077])
def test_who_may_read_a_set_is_a_setting_and_not_the_umask(
    make_server: Callable[..., Server], access: str, directories: str, files: str, umask: int
) -> None:
    server = make_server(MYD_OUTPUT_ACCESS=access)
    before = os.umask(umask)
    try:
        server.start()
    finally:
        os.umask(before)
    server.put("a.json", '[{"id":1,"l":[{"x":1}]}]')
    for merge in (True, False, True):  # the later ones replace the one before
        assert server.convert("a.json", merge=merge, overwrite=True).status == pb.Job.DONE
        assert modes(server.output / "out") == {(True, directories), (False, files)}
    assert f"{stat.S_IMODE(server.output.stat().st_mode):o}" == directories
    assert modes(server.state) == {(True, "700"), (False, "600")}
    assert f"{stat.S_IMODE((server.home / 'address').stat().st_mode):o}" == files


def test_what_another_server_has_left_gets_the_modes_of_this_one(
    make_server: Callable[..., Server], hold: Callable[[str], Hold]
) -> None:
    commit = hold("after_checkpoint_commit")
    settings = {"MYD_FILE_SEP_SIZE": "1", "MYD_CHECKPOINT_SECONDS": "0.001"}
    slowly = "batch_written=sleep:0.005"
    server = make_server(MYD_OUTPUT_ACCESS="all", **settings)
    server.start(MYD_FAILPOINTS=f"{commit.setting};{slowly}")
    server.put("a.json", "[" + ",".join(f'{{"id":{n},"l":[{{"x":1}}]}}' for n in range(300)) + "]")
    job_id = server.submit("a.json")
    commit.reached()
    server.kill()
    commit.release()
    server.start(MYD_OUTPUT_ACCESS="group", MYD_FAILPOINTS="")
    assert server.wait(job_id).status == pb.Job.DONE
    assert f"job {job_id}: goes on from its checkpoint" in server.log
    assert modes(server.output / "out") == {(True, "750"), (False, "640")}


def test_a_state_directory_that_others_could_read_is_closed(
    make_server: Callable[..., Server],
) -> None:
    server = make_server().start()
    server.stop()
    server.state.chmod(0o755)
    (server.state / "csv_status.db").chmod(0o644)
    server.start()
    assert modes(server.state) == {(True, "700"), (False, "600")}
