"""Who calls: the token that both clients and the command line send, and never show."""

from __future__ import annotations

import subprocess
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.cli.main import main
from myd_grpc.client import (
    AsyncClient,
    Client,
    InvalidTokenError,
    PermissionDeniedError,
    UnauthenticatedError,
)
from myd_grpc.client.tokens import Token
from myd_grpc.token import digest, line, new_token
from tests.support.callers import caller_table, token_of, write_callers
from tests.support.commanding import client, command, environment
from tests.support.proxying import proxy_to
from tests.support.serving import Server

NOT_IN_A_TOKEN = "myd_secret\n토큰"


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("closed"))
    path = write_callers(
        server.home / "callers.toml",
        caller_table("a", ["convert"], tokens=[digest(token_of("a")), digest(token_of("old"))]),
        caller_table("reader", ["read"]),
    )
    server.start(MYD_CALLERS=str(path))
    server.put("a.json", '[{"user_id":"u"}]')
    yield server
    server.kill()


def test_every_call_of_the_client_says_who_calls(closed: Server) -> None:
    with Client(closed.address, token=token_of("a")) as one:
        job_id = one.convert(["a.json"], "by-client", merge=True)
        *_, job = one.watch(job_id)
        assert job.status == pb.Job.DONE
        assert next(one.watch_all()).job_id
        assert one.status(job_id) == one.cancel(job_id) == job
        assert job_id in [one.job_id for one in one.list_jobs()]
        assert [table.name for table in one.tables(job_id)] == ["by-client"]
        assert one.forget(job_id).status == pb.Job.NOTFOUND
        with pytest.raises(UnauthenticatedError), Client(closed.address) as nobody:
            nobody.status(job_id)


async def test_every_call_of_the_asynchronous_client_says_who_calls(closed: Server) -> None:
    async with AsyncClient(closed.address, token=lambda: token_of("a")) as one:
        job_id = await one.convert(["a.json"], "by-aio", merge=True)
        job = await last_of(one.watch(job_id))
        assert job.status == pb.Job.DONE
        assert await anext(one.watch_all())
        assert await one.status(job_id) == await one.cancel(job_id) == job
        assert job_id in [one.job_id async for one in one.list_jobs()]
        assert [table.name async for table in one.tables(job_id)] == ["by-aio"]
        assert (await one.forget(job_id)).status == pb.Job.NOTFOUND
    async with AsyncClient(closed.address) as nobody:
        with pytest.raises(UnauthenticatedError):
            await nobody.status(job_id)
        with pytest.raises(UnauthenticatedError):
            await last_of(nobody.watch(job_id))


async def last_of(watch: AsyncIterator[pb.Job]) -> pb.Job:
    return [state async for state in watch][-1]


def test_a_watch_of_nobody_is_not_tried_again(closed: Server) -> None:
    before = closed.log.count("WatchJob UNAUTHENTICATED")
    with Client(closed.address, token="wrong") as one, pytest.raises(UnauthenticatedError):
        next(one.watch("x"))
    assert closed.log.count("WatchJob UNAUTHENTICATED") == before + 1
    with (
        Client(closed.address, token=token_of("reader")) as one,
        pytest.raises(PermissionDeniedError) as caught,
    ):
        one.cancel("x")
    assert caught.value.reason == "ROLE_MISSING"


def test_a_token_that_was_renewed_is_used_when_a_watch_is_resumed(
    closed: Server, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text("wrong")
    with proxy_to(closed.address) as proxy, Client(proxy.address, token=file) as one:
        with pytest.raises(UnauthenticatedError):
            next(one.watch_all())
        file.write_text(f"  {token_of('old')}\r\n")
        breaks: list[grpc.StatusCode] = []
        watch = one.watch_all(on_break=lambda error: breaks.append(error.code))
        before = submitted(closed, "one")
        while next(watch).job_id != before:
            pass
        file.write_text(token_of("a"))
        proxy.reset()
        after = submitted(closed, "two")
        while next(watch).job_id != after:
            pass
        assert breaks


def submitted(server: Server, output: str) -> str:
    with Client(server.address, token=token_of("a")) as one:
        return one.convert(["a.json"], output, overwrite=True)


def tables(*tokens: str) -> str:
    return caller_table("a", ["convert"], tokens=[digest(token_of(one)) for one in tokens])


def test_a_watch_outlives_its_token_where_there_is_a_new_one(
    make_server: Callable[..., Server], tmp_path: Path
) -> None:
    server, file = make_server(), tmp_path / "token"
    callers = write_callers(server.home / "callers.toml", tables("old", "a"))
    server.start(MYD_CALLERS=str(callers))
    server.put("a.json", "[]")
    file.write_text(token_of("old"))
    with Client(server.address, token=file) as one:
        before = one.convert(["a.json"], "before")
        breaks: list[grpc.StatusCode] = []
        watch = one.watch_all(on_break=lambda error: breaks.append(error.code))
        assert next(watch).job_id == before
        file.write_text(token_of("a"))
        write_callers(callers, tables("a"))
        while not breaks:
            after = one.convert(["a.json"], "after", overwrite=True)
            while (job := next(watch)).job_id != after or job.status != pb.Job.DONE:
                pass
        assert breaks == [grpc.StatusCode.UNAUTHENTICATED]
        write_callers(callers, tables("other"))
        with pytest.raises(UnauthenticatedError):
            for _ in watch:
                pass


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("token", ["myd_a-1", "a" * 8192])
def test_a_token_file_as_editors_and_shells_write_it(
    tmp_path: Path, codec: str, token: str
) -> None:
    """PowerShell 5's `>` writes UTF-16."""
    file = tmp_path / "token"
    file.write_bytes(f"{token}\r\n".encode(codec))
    assert Token(file).metadata() == (("authorization", f"Bearer {token}"),)


@pytest.mark.parametrize("source", [NOT_IN_A_TOKEN, "", "a b", "a" * 9000, "토큰", "ab\0"])
def test_what_is_no_token_is_never_sent_nor_shown(source: str, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(source)
    sources: list[Any] = [source, file, lambda: source]
    for one in sources:
        with pytest.raises(InvalidTokenError) as caught:
            Token(one).metadata()
        shown = "".join(traceback.format_exception(caught.value))
        assert source.strip()[:8] not in str(caught.value) or not source.strip()
        assert "myd_secret" not in shown


def test_a_token_is_not_shown_where_it_is_held() -> None:
    token = Token(token_of("a"))
    with Client("127.0.0.1:1", token=token_of("a"), patience_s=0.1) as one:
        for shown in (repr(token), str(token), repr(one), repr(vars(one))):
            assert token_of("a") not in shown


# The command line


def test_the_command_line_says_who_calls(closed: Server, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(token_of("a") + "\n")
    made = client(
        closed, "convert", "a.json", "--output", "cli", "--overwrite", MYD_TOKEN=token_of("a")
    )
    assert (made.returncode, made.stderr) == (0, "")
    # Before the command or after it; and the file counts, whatever the environment says.
    for arguments in (("--token-file", str(file), "list"), ("list", "--token-file", str(file))):
        listed = client(closed, *arguments, MYD_TOKEN="wrong")
        assert (listed.returncode, listed.stderr) == (0, "")


def test_the_command_line_says_what_would_help(closed: Server) -> None:
    for variables in ({}, {"MYD_TOKEN": "wrong"}):
        refused = client(closed, "list", **variables)
        assert refused.returncode == 1
        assert refused.stderr.startswith("error: a valid credential is needed")
        assert "give a token with --token-file F or in MYD_TOKEN" in refused.stderr
        assert "wrong" not in refused.stderr
    watched = client(closed, "watch", "x")
    assert watched.returncode == 1
    assert "give a token with --token-file F" in watched.stderr
    denied = client(closed, "cancel", "x", MYD_TOKEN=token_of("reader"))
    assert denied.returncode == 1
    assert denied.stderr == (
        "error: this call needs the role convert (ROLE_MISSING)\n"
        "whoever runs the server can give it to this caller\n"
    )


def test_a_token_that_cannot_be_used_is_a_wrong_usage(closed: Server, tmp_path: Path) -> None:
    none = client(closed, "list", "--token-file", str(tmp_path / "none"))
    assert (none.returncode, none.stderr) == (
        2,
        f"error: the token file {tmp_path / 'none'} cannot be read: No such file or directory\n",
    )
    contents = {
        "": "there is no token in it",
        f"{token_of('a')}\n{line(token_of('a'))}\n": "there is more than a token in it",
        "a b": "a token is one word",
    }
    for content, said in contents.items():
        (tmp_path / "bad").write_text(content)
        bad = client(closed, "list", "--token-file", str(tmp_path / "bad"))
        assert (bad.returncode, bad.stdout) == (2, "")
        assert f"error: {tmp_path / 'bad'}: {said}" in bad.stderr
    # Typed where a file is to be named, be it in a word: not shown once more.
    typed = client(closed, "list", "--token", token := new_token())
    assert (typed.returncode, token in typed.stderr) == (2, False)
    assert "takes the name of a file" in typed.stderr
    bad = client(closed, "list", MYD_TOKEN=NOT_IN_A_TOKEN)
    assert bad.returncode == 2
    assert "myd_secret" not in bad.stderr
    assert "Traceback" not in bad.stderr


def test_a_follow_up_names_the_file(
    closed: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "my token"
    file.write_text("wrong")
    assert main(["--address", closed.address, "watch", "x", "--token-file", str(file)]) == 1
    assert f" --token-file '{file}' watch x" in capsys.readouterr().err


def test_no_help_and_no_process_shows_a_token(closed: Server) -> None:
    shown = client(closed, "--help", MYD_TOKEN=token_of("a"))
    assert "$MYD_TOKEN" in shown.stdout
    assert token_of("a") not in shown.stdout
    submitted(closed, "shown")
    watching = subprocess.Popen(
        command(closed.address, "watch", "--all"),
        env=environment(MYD_TOKEN=token_of("a")),
        stdout=subprocess.PIPE,
    )
    try:
        assert watching.stdout
        assert watching.stdout.readline()
        title = Path(f"/proc/{watching.pid}/cmdline").read_bytes()
        assert token_of("a").encode() not in title
    finally:
        watching.kill()
        watching.communicate()
