"""The command line client, as a person and a log see it, with a real server."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.cli.main import main
from tests.support.bounds import MANY_TABLES, keep
from tests.support.commanding import RECORDS, client, command, environment, json_lines, started
from tests.support.scripted import Service, answer, fail, listening, state, stream
from tests.support.serving import Hold, Server
from tests.support.terminal import Terminal

KEY, IV = "0f" * 32, "a0" * 16


# Converting


def test_convert_shows_its_way_and_what_it_wrote(server: Server, records: str) -> None:
    done = client(server, "convert", records, "--merge", "--output", "out")
    assert (done.returncode, done.stderr) == (0, "")
    assert "out.acc\t2 rows\t" in done.stdout
    assert "4 rows in 2 tables" in done.stdout
    assert "in out/ of the server's output directory" in done.stdout
    assert "\x1b" not in done.stdout
    assert (server.output / "out" / "out.acc_1.csv").exists()


def test_convert_passes_its_options_on(server: Server) -> None:
    server.put("a.json", '{"data":{"list":[{"no":7}]}}')
    options = ["--profile", "DATABASE", "--layout", "ARRAY", "--record-path", "data.list"]
    options += ["--id-field", "no"]
    assert client(server, "convert", "a.json", "--merge", "--output", "o", *options).returncode == 0
    assert (server.output / "o" / "o_1.csv").read_bytes() == b"_record_id,_row_id,no\n7,f1r1,7\n"


def test_a_set_is_replaced_only_when_told(server: Server, records: str) -> None:
    assert client(server, "convert", records, "--output", "out").returncode == 0
    again = client(server, "convert", records, "--output", "out")
    assert again.returncode == 1
    assert again.stderr.startswith("error: the output set 'out' exists")
    assert again.stderr.endswith("choose another name or pass --overwrite (OUTPUT_EXISTS)\n")
    assert client(server, "convert", records, "--output", "out", "--overwrite").returncode == 0


def test_a_failed_job_says_why(shared_server: Server) -> None:
    shared_server.put("a.json", '[{"a":1}')
    failed = client(shared_server, "convert", "a.json", "--output", "out")
    assert failed.returncode == 1
    told = r"^INVALID_JSON: a\.json: .*; if the file is cut off, fetch it again$"
    assert re.search(told, failed.stdout, re.MULTILINE)


def test_detach_prints_the_id_alone(server: Server, records: str) -> None:
    job_id = client(server, "convert", records, "--output", "out", "--detach").stdout.strip()
    assert re.fullmatch(r"\S+", job_id)
    assert client(server, "watch", job_id).returncode == 0
    assert "DONE\t100.0%\ta.json → out" in client(server, "status", job_id).stdout


# Keys


@pytest.fixture
def encrypted(server: Server) -> str:
    name = "encrypted.json"
    openssl = ["openssl", "enc", "-aes-256-cbc", "-K", KEY, "-iv", IV]
    server.put(
        name,
        subprocess.run(openssl, input=RECORDS.encode(), capture_output=True, check=True).stdout,
    )
    return name


def test_the_key_comes_from_a_file(server: Server, encrypted: str, tmp_path: Path) -> None:
    (tmp_path / "my.key").write_text(f"{KEY}\n{IV}\n")
    arguments = ("convert", encrypted, "--output", "out", "--key-file", str(tmp_path / "my.key"))
    assert client(server, *arguments).returncode == 0


def test_the_key_comes_from_the_environment(server: Server, encrypted: str) -> None:
    arguments = ("convert", encrypted, "--output", "out")
    assert client(server, *arguments, MYD_KEY=KEY, MYD_IV=IV).returncode == 0


def test_the_key_is_asked_for_unseen(server: Server, encrypted: str) -> None:
    arguments = ("convert", encrypted, "--output", "out", "--ask-key")
    terminal = Terminal(command(server.address, *arguments), environment())
    for question, secret in (("key ", KEY), ("iv ", IV)):
        terminal.read_until(question)
        terminal.type(f"{secret}\n")
    assert terminal.exit_code() == 0
    assert KEY not in terminal.shown


def test_a_bad_key_is_a_usage_error_that_does_not_quote_it(server: Server, records: str) -> None:
    bad = client(server, "convert", records, "--output", "out", MYD_KEY=KEY[:-1], MYD_IV=IV)
    assert bad.returncode == 2
    assert (
        bad.stderr
        == "error: MYD_KEY and MYD_IV: the key must be 64 hex digits, not 63 characters\n"
    )


# Other commands


def test_list_shows_the_newest_first(server: Server, records: str) -> None:
    client(server, "convert", records, "--output", "first")
    client(server, "convert", "missing.json", "--output", "second")
    lines = client(server, "list").stdout.splitlines()
    assert [line.split("\t")[1] for line in lines] == ["FAILED", "DONE"]
    assert client(server, "list", "--status", "DONE").stdout.splitlines() == lines[1:]


def test_cancel_shows_the_state_after_it(held: tuple[Server, Hold]) -> None:
    server, _ = held
    job_id = server.submit("a.json")
    cancelled = client(server, "cancel", job_id)
    assert cancelled.returncode == 0
    assert f"{job_id}\tFAILED" in cancelled.stdout
    assert "CANCELLED" in cancelled.stdout


def test_what_did_nothing_says_so(server: Server, records: str, tmp_path: Path) -> None:
    done, failed = server.convert(records).job_id, server.convert("missing.json").job_id
    cancelled = client(server, "cancel", done)
    assert cancelled.stdout == f"{done} is already DONE: nothing was cancelled\n"
    tables = client(server, "tables", failed)
    assert (tables.returncode, tables.stdout) == (0, "")
    assert tables.stderr == f"{failed} is FAILED (FILE_NOT_FOUND): it has no tables\n"
    (tmp_path / "my.key").write_text(f"{KEY}\n{IV}\n")
    resumed = client(server, "resume", done, "--detach", "--key-file", str(tmp_path / "my.key"))
    assert resumed.returncode == 0
    assert resumed.stderr == f"{done} does not wait for a key: this one was not looked at\n"


def test_tables_lists_what_was_written_and_forget_the_record_only(
    server: Server, records: str
) -> None:
    job_id = server.convert(records).job_id
    lines = client(server, "tables", job_id, "--page-size", "1").stdout.splitlines()
    assert [line.split("\t")[:2] for line in lines] == [["out", "2 rows"], ["out.acc", "2 rows"]]
    listed = json_lines(client(server, "tables", job_id, "--json").stdout)
    assert [table["name"] for table in listed] == ["out", "out.acc"]
    forgotten = client(server, "forget", job_id)
    assert (forgotten.returncode, forgotten.stderr) == (0, "")
    assert forgotten.stdout == f"{job_id} is forgotten; what it wrote stays\n"
    again = client(server, "forget", job_id)
    assert (again.returncode, again.stderr) == (0, "")
    assert again.stdout == f"there is no job {job_id}: nothing was forgotten\n"
    in_json = client(server, "forget", server.convert(records).job_id, "--json")
    (job,) = json_lines(in_json.stdout)
    assert (in_json.returncode, job["status"]) == (0, "NOTFOUND")
    assert client(server, "tables", job_id).returncode == 1
    assert (server.output / "out" / "out_1.csv").exists()


def test_a_job_that_works_is_not_forgotten(held: tuple[Server, Hold]) -> None:
    server, _ = held
    refused = client(server, "forget", server.submit("a.json"))
    assert refused.returncode == 1
    assert "has not ended; cancel it first" in refused.stderr
    assert refused.stderr.endswith("(JOB_WORKING)\n")
    tables = client(server, "tables", server.submit("a.json", output="other"))
    assert "still works: its tables are listed when it is DONE" in tables.stderr


def test_all_tables_are_shown_also_where_a_message_has_no_room(
    make_server: Callable[..., Server],
) -> None:
    server = make_server()
    keep(server, {"tables": MANY_TABLES})
    shown = client(server.start(), "status", "tables").stdout.splitlines()
    assert sum("_1.csv" in line for line in shown) == len(MANY_TABLES)
    assert f"in {len(MANY_TABLES):,} tables" in shown[-2]
    (state,) = json_lines(client(server, "status", "tables", "--json").stdout)
    assert len(state["tables"]) < state["tables_total"] == len(MANY_TABLES)


@pytest.mark.parametrize("name", ["status", "watch", "cancel"])
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_an_unknown_job_is_a_failure(
    shared_server: Server, name: str, options: tuple[str, ...]
) -> None:
    done = client(shared_server, name, "nope", *options)
    assert done.returncode == 1
    assert "NOTFOUND" in done.stdout or name == "watch"
    assert done.stdout.count("nope") == (name != "watch" or bool(options))
    told = "error: there is no job nope, or its record was deleted (JOB_NOT_FOUND)\n"
    assert done.stderr == told


def test_the_tables_of_an_unknown_job(shared_server: Server) -> None:
    done = client(shared_server, "tables", "nope")
    told = "error: there is no job nope, or its record was deleted (JOB_NOT_FOUND)\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", told)


def test_an_unknown_job_is_told_of_once_by_a_watch(shared_server: Server) -> None:
    done = client(shared_server, "watch", "nope")
    assert "there is no" not in done.stdout


def test_watch_all_shows_every_job(server: Server, records: str) -> None:
    server.convert(records, output="before")
    with subprocess.Popen(
        command(server.address, "watch", "--all"),
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as watching:
        assert watching.stdout
        assert "a.json → before" in watching.stdout.readline()
        server.convert(records, output="after")
        assert any("DONE" in line and "→ after" in line for line in watching.stdout)
        watching.send_signal(signal.SIGINT)
    assert watching.returncode == 130


def test_a_job_that_waits_for_its_key_gets_it_again(capsys: pytest.CaptureFixture[str]) -> None:
    waiting = state(1)
    waiting.phase = pb.Job.PHASE_WAITING_FOR_KEY
    submitted = answer(pb.ConvertToCsvResponse(data={"job_id": "j"}))
    service = Service(submitted, stream(waiting, state(2, "DONE")), submitted)
    with listening(service) as address:
        assert main(["convert", "a.json", "--output", "out", "--address", address]) == 0
    first, _watch, second = service.requests
    assert first == second
    assert "waiting for key" in capsys.readouterr().out


def test_a_job_is_done_also_where_its_tables_are_not_to_be_had(
    capsys: pytest.CaptureFixture[str],
) -> None:
    done = state(2, "DONE")
    done.tables_total = 5
    service = Service(stream(done), fail(grpc.StatusCode.NOT_FOUND))
    with listening(service) as address:
        assert main(["watch", "j", "--address", address]) == 0
    assert "0 rows in 5 tables from 0 records" in capsys.readouterr().out


def test_a_conversion_that_ends_early_names_its_job(capsys: pytest.CaptureFixture[str]) -> None:
    submitted = answer(pb.ConvertToCsvResponse(data={"job_id": "j"}))
    service = Service(submitted, fail(grpc.StatusCode.PERMISSION_DENIED, "not yours"))
    with listening(service) as address:
        assert main(["convert", "a.json", "--output", "out", "--address", address]) == 1
        said = capsys.readouterr().err
    assert said.startswith("error: not yours\n")
    assert "\nthe job may go on all the same\n" in said
    assert f"python client.py --address {address} watch j\n" in said


def test_a_conversion_whose_reader_leaves_names_its_job(held: tuple[Server, Hold]) -> None:
    server, point = held
    with started(server.address, "convert", "a.json", "--output", "out", "--json") as converting:
        assert converting.stdout
        with point.at_point():
            job_id = json.loads(converting.stdout.readline())["job_id"]
            converting.stdout.close()
        assert converting.stderr
        said = converting.stderr.read()
    assert said.startswith("nobody reads any more, the job goes on\n")
    assert f" watch {job_id}\n" in said
    assert "Exception" not in said
    assert converting.returncode == 1
    assert server.wait(job_id).status == pb.Job.DONE


def test_a_conversion_without_an_answer_names_its_request(
    capsys: pytest.CaptureFixture[str],
) -> None:
    service = Service(fail(grpc.StatusCode.INTERNAL, "the connection broke"))
    with listening(service) as address:
        assert main(["convert", "a.json", "--output", "out", "--address", address]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: the connection broke\nif a job was started all the same, ")
    assert said.endswith(f" --request-id {service.requests[0].request_id}\n")
