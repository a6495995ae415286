"""The command line at a terminal."""

from __future__ import annotations

import re
import subprocess
from typing import Any

import grpc
import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from tests.support.commanding import client, command, environment
from tests.support.scripted import Service, answer, fail, listening, rich, stream
from tests.support.serving import Hold, Server, lasting_address
from tests.support.terminal import Terminal


def test_the_bar_moves_and_gives_way_to_the_outcome(held: tuple[Server, Hold]) -> None:
    server, point = held
    arguments = ("convert", "a.json", "--merge", "--output", "출력")
    terminal = Terminal(command(server.address, *arguments), environment())
    with point.at_point():
        terminal.read_until(r"converting.*━")
        terminal.read_until(r"a\.json → 출력")
    assert terminal.exit_code() == 0
    assert "✔ a.json → 출력" in terminal.shown
    assert "출력.acc_1.csv" in terminal.shown


def test_ctrl_c_leaves_the_job_and_says_how_to_come_back(held: tuple[Server, Hold]) -> None:
    server, point = held
    terminal = Terminal(
        command(server.address, "convert", "a.json", "--output", "out"), environment()
    )
    with point.at_point():
        terminal.read_until("converting")
        terminal.type("\x03")
        assert terminal.exit_code() == 130
    match = re.search(rf"client\.py --address {server.address} watch (\S+)", terminal.shown)
    assert match, terminal.shown
    assert "Traceback" not in terminal.shown
    assert client(server, "watch", match[1]).returncode == 0


def test_a_list_shows_the_output_however_long_the_files_names_are(server: Server) -> None:
    server.convert("encrypted.of_some_user_of_ours.json", output="출력")
    terminal = Terminal(command(server.address, "list"), environment())
    assert terminal.exit_code() == 0
    assert re.search(r"0\.0% .* → 출력 ", terminal.shown)


def test_a_failure_is_red(server: Server) -> None:
    terminal = Terminal(
        command(server.address, "convert", "missing.json", "--output", "out"), environment()
    )
    assert terminal.exit_code() == 1
    assert re.search("\x1b\\[[0-9;]*31m *FILE_NOT_FOUND: missing", terminal.shown)


def test_names_from_files_cannot_move_the_cursor(server: Server) -> None:
    server.put("a.json", r'[{"\u001b[2J":[{"a":1}]}]')
    for variables in ({}, {"NO_COLOR": "1"}):
        arguments = ("convert", "a.json", "--output", "out", "--overwrite")
        terminal = Terminal(command(server.address, *arguments), environment(**variables))
        assert terminal.exit_code() == 0
        assert "\x1b[2J" not in terminal.shown


ODD = "\x1b[2J\x9b2J\u202e"
SAID = pb.Job(
    job_id=f"j{ODD}", status="FAILED", reason=f"R{ODD}", msg=f"m{ODD}", submit_time=1, revision=2
)
WATCHED = stream(pb.Job(job_id=f"j{ODD}", status="WORKING", revision=1), SAID)
LISTED = answer(pb.ListJobsResponse(data=[SAID]))
UNKNOWN = answer(pb.GetJobStatusResponse(data=pb.Job(job_id=f"j{ODD}", status="NOTFOUND")))
BEGUN = answer(pb.ConvertToCsvResponse(data=pb.ConvertToCsvResponse.Data(job_id=f"j{ODD}")))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("list", LISTED),
        ("status j", answer(pb.GetJobStatusResponse(data=SAID))),
        ("status j", UNKNOWN),
        ("watch j", WATCHED),
        ("convert a.json --output o --detach", BEGUN),
        ("cancel j", fail(grpc.StatusCode.ABORTED, f"text{ODD}")),
        ("cancel j", rich(grpc.StatusCode.NOT_FOUND, f"R{ODD}")),
        ("cancel j", rich(grpc.StatusCode.INVALID_ARGUMENT, "R", field=f"text{ODD}")),
    ],
    ids=range(8),
)
def test_no_server_can_move_the_cursor(arguments: str, said: Any) -> None:
    with listening(Service(said)) as address:
        called = command(address, *arguments.split())
        plain = subprocess.run(called, env=environment(), capture_output=True, check=False)
        terminal = Terminal(called, environment())
        assert terminal.exit_code() == plain.returncode
    shown = (plain.stdout + plain.stderr).decode()
    assert "\ufffd" in shown
    for text in (shown, terminal.shown):
        assert not any(odd in text for odd in ("\x1b[2J", "\x9b", "\u202e"))


def test_a_watch_outlives_a_restart_of_the_server(held: tuple[Server, Hold]) -> None:
    server, point = held
    server.restart(MYD_GRPC_ADDRESS=lasting_address())
    job_id = server.submit("a.json")
    watching = Terminal(command(server.address, "watch", job_id), environment())
    with point.at_point():
        watching.read_until("converting")
        server.restart(MYD_FAILPOINTS="")
        watching.read_until(r"the watch broke off [\s\S]*; resuming")
        watching.read_until("not connected")
    assert watching.exit_code() in (0, 1)  # how the job ended, not an error of the client
    assert re.search("✔|✘", watching.shown)
