"""The file of callers: what is taken, and what is said of a bad one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from myd_grpc.callers import file
from myd_grpc.callers.file import CallersFileError
from myd_grpc.callers.model import Caller, CallerLimits, Role
from myd_grpc.token import digest, new_token

TOKEN = new_token()
DIGEST = digest(TOKEN)


def read(tmp_path: Path, text: str) -> file.CallersFile:
    path = tmp_path / "callers.toml"
    path.write_text(text, "utf-8")
    return file.read(path)


def problems(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(CallersFileError) as caught:
        read(tmp_path, text)
    assert str(tmp_path / "callers.toml") in str(caught.value)
    assert TOKEN not in str(caught.value)
    return str(caught.value).splitlines()


def test_all_that_a_caller_may_have(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        f"""
        [callers.team-a]
        tokens = ["{DIGEST.upper().replace("SHA", "sha")}"]
        certificates = ["uri:spiffe://example.com/team-a", "dns:Batch.Example.com"]
        roles = ["convert", "preprocess"]
        data = "a/./in/"
        output = "a"
        running = 2
        queued = 0
        watches = 10
        summaries = 1

        [callers."마이데이터 팀"]
        """,
    )
    caller = Caller(
        "team-a",
        frozenset({Role.CONVERT, Role.PREPROCESS}),
        "a/in",
        "a",
        CallerLimits(running=2, queued=0, watches=10, summaries=1),
    )
    nobody = Caller("마이데이터 팀", frozenset())
    assert found.callers == {"team-a": caller, "마이데이터 팀": nobody}
    assert found.tokens == {DIGEST: caller}
    assert found.certificates == {
        "uri:spiffe://example.com/team-a": caller,
        "dns:batch.example.com": caller,
    }
    assert found.jwt is None


def test_a_caller_may_be_bound_to_presets(tmp_path: Path) -> None:
    text = "[callers.a]\nroles = ['convert']\npresets = ['b', '제휴사', 'b']\n[callers.c]\n"
    callers = read(tmp_path, text).callers
    assert callers["a"].presets == ("b", "제휴사")
    assert callers["c"].presets == ()


def test_keys_of_tokens_lie_beside_the_file(tmp_path: Path) -> None:
    text = '[jwt]\nkeys = "keys.json"\nissuer = "https://i"\naudience = "myd"\n'
    found = read(tmp_path, text)
    assert found.jwt == file.JwtTable(tmp_path / "keys.json", "https://i", "myd", "sub", "")


BAD = {
    "is not TOML": "[callers.a",
    "it names nobody": "# nothing yet",
    "the file: 'caller' is none of callers, jwt": "[caller.a]",
    "callers: must be a table": "callers = 1",
    "[callers.a]: must be a table": "callers.a = 1",
    "[callers.a]: 'token' is none of tokens,": "[callers.a]\ntoken = 'x'",
    "[callers.a] roles: 'root' is none of read, convert": "[callers.a]\nroles = ['root']",
    "[callers.a] roles: must be a list": "[callers.a]\nroles = 'read'",
    "[callers.a] tokens: must be a list": "[callers.a]\ntokens = [1]",
    "[callers.a] tokens, number 1: must be sha256": f"[callers.a]\ntokens = ['{TOKEN}']",
    "tokens, number 1: must be": f"[callers.a]\ntokens = ['{DIGEST[:-1]}']",
    "number 1: must be": f"[callers.a]\ntokens = ['md5:{DIGEST[7:]}']",
    "number 2: is there already, of [callers.a]": f"[callers.a]\ntokens = ['{DIGEST}', '{DIGEST}']",
    "[callers.b] tokens, number 1: is there already, of [callers.a]": (
        f"[callers.a]\ntokens = ['{DIGEST}']\n[callers.b]\ntokens = ['{DIGEST.upper()}']"
    ).replace("SHA", "sha"),
    "[callers.a] certificates, number 1: must be": "[callers.a]\ncertificates = ['CN=a']",
    "certificates, number 1: must be": "[callers.a]\ncertificates = ['dns:a\\u0000b']".replace(
        "'", '"'
    ),
    "[callers.b] certificates, number 1: is there already": (
        "[callers.a]\ncertificates = ['dns:a.b']\n[callers.b]\ncertificates = ['dns:A.b']"
    ),
    "[callers.a] data: '/srv' must be relative": "[callers.a]\ndata = '/srv'",
    "[callers.a] data: '..' must be": "[callers.a]\ndata = '..'",
    "[callers.a] output: 'a/../../b' must be": "[callers.a]\noutput = 'a/../../b'",
    "[callers.a] output: 'a/.myd-b' must have no name": "[callers.a]\noutput = 'a/.myd-b'",
    "[callers.a] output: must be the path": '[callers.a]\noutput = "a\\u0000"',
    "data: must be the path": "[callers.a]\ndata = 1",
    "[callers.a] presets: must be a list of texts": "[callers.a]\npresets = 'a'",
    "[callers.a] presets: must name at least one": "[callers.a]\npresets = []",
    "[callers.a] presets: who is bound to presets cannot have the role preprocess": (
        "[callers.a]\nroles = ['convert', 'preprocess']\npresets = ['a']"
    ),
    "[callers.a] running: must be a whole number from 1": "[callers.a]\nrunning = 0",
    "[callers.a] queued: must be a whole number from 0": "[callers.a]\nqueued = -1",
    "[callers.a] watches: must be": "[callers.a]\nwatches = true",
    "[callers.a] summaries: must be": "[callers.a]\nsummaries = 1.5",
    "[callers.]: a name has": '[callers.""]',
    "'a\\x00b'": '[callers."a\\u0000b"]',
    "[callers. a]: a name has": '[callers." a"]',
    "'a\\u202eb'": '[callers."a\\u202Eb"]',
    "a name has 1 to 128": f"[callers.{'a' * 129}]",
    "form NFC": '[callers."e\\u0301"]',
    "[jwt]: must be a table": "jwt = 1",
    "[jwt]: 'secret' is none of keys, issuer, audience, caller, roles": (
        "[jwt]\nkeys = 'k'\nissuer = 'i'\naudience = 'a'\nsecret = 's'"
    ),
    "[jwt] issuer: must be a text, and is needed": "[jwt]\nkeys = 'k'\naudience = 'a'",
    "[jwt] audience: must be a text": "[jwt]\nkeys = 'k'\nissuer = 'i'\naudience = ''",
    "[jwt] keys: must be": "[jwt]\nissuer = 'i'\naudience = 'a'",
    "[jwt] roles: must be": "[jwt]\nkeys = 'k'\nissuer = 'i'\naudience = 'a'\nroles = ''",
}


@pytest.mark.parametrize(("said", "text"), BAD.items(), ids=range(len(BAD)))
def test_a_bad_file_is_refused(tmp_path: Path, said: str, text: str) -> None:
    assert said in "\n".join(problems(tmp_path, text))


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    found = problems(tmp_path, "[callers.a]\ndata = '/'\nroles = ['x']\n[callers.b]\nrunning = -1")
    assert len(found) == 3


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "callers.toml").write_bytes(b"[callers.\xff]")
    with pytest.raises(CallersFileError, match="not in UTF-8"):
        file.read(tmp_path / "callers.toml")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CallersFileError, match="cannot be read: no such file"):
        file.read(tmp_path / "none")


def test_what_is_no_regular_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", Path("/dev/zero")):
        with pytest.raises(CallersFileError, match="is not a regular file"):
            file.read(path)


def test_nesting_that_is_too_deep(tmp_path: Path) -> None:
    problems(tmp_path, "a = " + "[" * 100_000)


def test_what_editors_on_windows_put_before_the_text_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "callers.toml").write_bytes(b"\xef\xbb\xbf[callers.a]")
    assert list(file.read(tmp_path / "callers.toml").callers) == ["a"]


def test_of_text_that_is_no_toml_it_is_said_what_is_mostly_wrong(tmp_path: Path) -> None:
    for text in ("[callers.가]", "[callers.a@b]", "[callers.a]\ndata = a"):
        assert "stand in quotes" in problems(tmp_path, text)[0]


def test_callers_who_can_do_nothing_are_doubted(tmp_path: Path) -> None:
    tables = f"""
        [callers.all]
        tokens = ["{DIGEST}"]
        roles = ["read"]
        [callers.by-certificate]
        certificates = ["dns:a"]
        roles = ["read"]
        [callers.unknown]
        roles = ["read"]
        [callers.idle]
        tokens = ["{digest("other")}"]
        """
    assert read(tmp_path, tables).doubts == [
        "[callers.unknown] has no tokens or certificates: nobody can call as it",
        "[callers.idle] has no roles: nobody can call as it",
    ]
    jwt = "[jwt]\nkeys = 'k'\nissuer = 'i'\naudience = 'a'"
    assert read(tmp_path, tables + jwt).doubts == []
