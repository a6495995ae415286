"""Keys and tokens that are typed where none belongs: nothing that the client says repeats them."""

from __future__ import annotations

import base64
import subprocess
import traceback
import uuid
from pathlib import Path

import pytest

from myd_grpc.client import InvalidKeyError, Key, MaskingKey
from myd_grpc.secret_texts import looks_secret, without_secrets
from myd_grpc.token import new_token
from tests.support.commanding import client, command, environment
from tests.support.serving import Server

KEY = "0f1e2d3c4b5a6978" * 4
CONVERT = ("convert", "a.json", "--output", "o")
PEM = f"-----BEGIN PRIVATE KEY-----\n{KEY[:48]}\n-----END PRIVATE KEY-----"
JWT = "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJl"
BASE64 = base64.b64encode(bytes.fromhex(KEY)).decode()
KEY_AND_IV = "write the key and, in the next line, the iv into a file"
NO_FILE = "looks like a key itself"
IN_A_FILE = "others can see what is typed: give a key or a token in a file"
NOT_REPEATED = "(not repeated, as it looks like a key)"


def said(*arguments: str, **variables: str) -> str:
    """What the client says where there is nothing to ask a server for."""
    done = subprocess.run(
        command("127.0.0.1:1", *arguments),
        env=environment(**variables),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((*CONVERT, "--key-file", KEY), NO_FILE),
        ((*CONVERT, "--key", KEY), NO_FILE),
        ((*CONVERT, f"--key-file={KEY}\n{KEY[:32]}"), NO_FILE),
        ((*CONVERT, "--key-file", f'{{"aes256cbckey": "{KEY}"}}'), NO_FILE),
        ((*CONVERT, "--masking-key-file", KEY[1:]), NO_FILE),
        (("resume", "j", "--masking-key-file", KEY), NO_FILE),
        ((*CONVERT, "--aes256cbckey", KEY), f"no such argument: --aes256cbckey {NOT_REPEATED}"),
        ((*CONVERT, f"--iv={KEY[:32]}"), f"no such argument: --iv={NOT_REPEATED}"),
        ((*CONVERT, "--mask", KEY), "PATTERN=METHOD"),
        ((*CONVERT, "--mask", f"a=pseudonym:{KEY}"), "must have a name for its DOMAIN"),
        ((*CONVERT, "--max-rejects", KEY), "argument --max-rejects: must be"),
        ((*CONVERT, "--layout", KEY), "argument --layout: invalid choice"),
        (("list", "--page-size", KEY), "argument --page-size: must be"),
        (("list", "--address", KEY), "--address (or MYD_GRPC_ADDRESS) must be"),
        (("list", "--token-file", JWT), "takes the name of a file, not the token"),
        (("list", "--tls-ca", PEM), f"{NOT_REPEATED} cannot be read"),
        (("status", KEY), "argument JOB: must be the id of a job, and not a key"),
        ((*CONVERT, "--key-file", BASE64), NO_FILE),
        (("list", BASE64), f"no such argument: {NOT_REPEATED}\n{IN_A_FILE}"),
    ],
)
def test_a_typed_key_is_not_repeated(arguments: tuple[str, ...], told: str) -> None:
    errors = said(*arguments)
    assert told in errors
    for part in (KEY[:8], JWT[:8], JWT[-8:], BASE64[:8]):
        assert part not in errors


def test_the_option_is_named_that_takes_a_file() -> None:
    told = said(*CONVERT, "--key-file", KEY)
    assert told.startswith("error: --key-file: the name of a file was expected")
    assert KEY_AND_IV in told
    told = said(*CONVERT, "--masking-key-file", KEY)
    assert told.startswith("error: --masking-key-file: the name of a file was expected")
    assert "write the masking key into a file" in told
    told = said(*CONVERT, MYD_KEY=KEY[1:])
    assert told == "error: MYD_KEY and MYD_IV: the key must be 64 hex digits, not 63 characters\n"


@pytest.mark.parametrize("typed", [KEY, KEY[:32], f"{KEY}{KEY[:32]}", BASE64])
def test_a_key_for_the_name_of_a_file_is_not_repeated(shared_server: Server, typed: str) -> None:
    done = client(shared_server, "convert", typed, "--output", "o")
    listed = client(shared_server, "list")
    asked = client(shared_server, "preprocess", typed, "--user", "u", "--proposal", "p")
    assert (done.returncode, asked.returncode) == (1, 1)
    for said_of_it in (done, listed, asked):
        assert typed not in said_of_it.stdout + said_of_it.stderr
    assert f"FILE_NOT_FOUND: {NOT_REPEATED}: no such file in the server's data" in done.stdout
    assert f"error: {NOT_REPEATED}: no such file in the server's data" in asked.stderr
    for text in (done.stdout, asked.stderr):
        assert "give a key in a file, with --key-file" in text


def test_a_file_may_be_called_like_a_key(shared_server: Server) -> None:
    shared_server.put(KEY, '[{"id":1}]')
    made = client(shared_server, "convert", KEY, "--output", KEY[:32], "--overwrite")
    assert made.returncode == 0, made.stderr
    assert KEY in client(shared_server, "list").stdout


def test_the_key_that_is_used_is_no_name() -> None:
    """Whatever has it: the server is not asked."""
    iv = KEY[5:37]
    for typed in (
        ("convert", "a.json", "--output", KEY),
        ("convert", KEY.upper(), "--output", "o"),
        ("convert", iv, "--output", "o"),
        (*CONVERT, "--include", f"{KEY}.**"),
        (*CONVERT, "--mask", f"{KEY}=redact"),
        ("preprocess", "a.json", "--user", KEY, "--proposal", "p"),
    ):
        told = said(*typed, MYD_KEY=KEY, MYD_IV=iv)
        assert told.startswith("error: the key, or its iv, was typed for a name, ")
        assert KEY[:8] not in told
    masked = ("convert", KEY, "--output", "o", "--mask", "a=pseudonym")
    assert "was typed for a name" in said(*masked, MYD_MASKING_KEY=KEY)


def test_a_file_of_a_key_may_be_called_like_what_is_in_it(
    shared_server: Server, tmp_path: Path
) -> None:
    iv = KEY[5:37]
    (tmp_path / iv).write_text(f"{KEY}\n{iv}\n")
    shared_server.put("named.json", '[{"id":1}]')
    given = ("convert", "named.json", "--output", "named", "--overwrite")
    made = client(shared_server, *given, "--key-file", str(tmp_path / iv))
    assert "it is plain JSON: leave the key out, or" in made.stdout
    of_variable = client(shared_server, *given, MYD_KEY=KEY, MYD_IV=iv[::-1])
    told = "it is plain JSON: leave the key out (unset MYD_KEY, if it is from there), or"
    assert told in of_variable.stdout


def test_the_token_that_is_used_is_no_name(tmp_path: Path) -> None:
    token, file = new_token(), tmp_path / "token"
    file.write_text(f"{token}\n")
    told = "error: the token was typed for a name, "
    assert said("convert", "a.json", "--output", token, MYD_TOKEN=token).startswith(told)
    assert said("status", token, "--token-file", str(file)).startswith(told)
    assert said("convert", f"a/{token}", "--output", "o", MYD_TOKEN=token).startswith(told)


def test_a_token_that_is_a_mere_word_may_be_in_a_name(shared_server: Server) -> None:
    shared_server.put("a.json", '[{"id":1}]')
    convert = ("convert", "a.json", "--output", "word", "--overwrite")
    assert client(shared_server, *convert, MYD_TOKEN="word").returncode == 0


def test_a_key_for_a_pattern_is_not_repeated(shared_server: Server) -> None:
    shared_server.put("a.json", '[{"id":1}]')
    convert = ("convert", "a.json", "--output", "o", "--overwrite")
    done = client(shared_server, *convert, "--exclude", KEY, "--exclude", "other.name")
    told = f'warning: nothing matched --exclude "{NOT_REPEATED}", --exclude "other.name"\n'
    assert (done.returncode, done.stderr) == (0, told)


def test_a_key_for_a_path_is_not_repeated(shared_server: Server) -> None:
    shared_server.put("a.json", '[{"id":1}]')
    convert = ("convert", "a.json", "--output", "path", "--record-path")
    for typed in (KEY, BASE64):
        done = client(shared_server, *convert, typed)
        assert done.returncode == 1
        assert f"RECORD_PATH_NOT_FOUND: a.json: there is no {NOT_REPEATED} in the" in done.stdout
        assert typed not in done.stdout + done.stderr


def test_a_key_in_the_wrong_variable_is_not_repeated() -> None:
    for name in ("MYD_TLS_CA", "MYD_TOKEN"):
        assert KEY[:8] not in said("list", **{name: f"{KEY} {KEY}"})


@pytest.mark.parametrize("kind", [Key, MaskingKey])
def test_no_traceback_has_a_key_that_was_taken_for_a_name(kind: type[Key | MaskingKey]) -> None:
    with pytest.raises(InvalidKeyError) as caught:
        kind.from_file(KEY)
    assert KEY[:8] not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("option", ["--key-file", "--token-file"])
def test_a_file_that_is_there_is_named_whatever_its_name_looks_like(
    tmp_path: Path, option: str
) -> None:
    path = tmp_path / KEY / "my.key"
    path.mkdir(parents=True)
    assert f"{path} cannot be read: Is a directory" in said(*CONVERT, option, str(path))


def test_what_is_wrong_comes_first_and_the_usage_is_not_shown() -> None:
    assert said("convert", "a.json") == (
        "error: the following arguments are required: --output\n"
        "see `python client.py convert --help`\n"
    )
    assert said("convert", "a.json", "--ouput=o", "--merg", "--iv", "x") == (
        "error: no such argument: --ouput; no such argument: --iv; the following arguments are "
        "required: --output\n"
        "see `python client.py convert --help`\n"
    )
    assert said("list", "--odd", "x") == (
        "error: no such argument: --odd x\nsee `python client.py list --help`\n"
    )


def test_what_looks_like_a_secret() -> None:
    for secret in (
        KEY,
        KEY.upper(),
        KEY[:17],
        BASE64,
        BASE64.rstrip("="),
        f"0x{KEY}",
        new_token(),
        JWT,
        PEM,
        f"a={KEY},b",
    ):
        assert looks_secret(secret)
    for plain in (
        "",
        "my.key",
        "/home/kim/keys/2026-11-30.key",
        "20261130120000",
        "가나다.key",
        "/srv/MyData/2026/november/of-all-households",
        "Exports/MyData_2026_november/households.json",
        str(uuid.uuid4()),
    ):
        assert not looks_secret(plain)
    assert without_secrets(f"a={KEY}, b: '{KEY[:32]}'") == (
        f"a={NOT_REPEATED}, b: '{NOT_REPEATED}'"
    )
