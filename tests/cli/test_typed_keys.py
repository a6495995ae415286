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
from tests.support.commanding import command, environment

KEY = "0f1e2d3c4b5a6978" * 4
CONVERT = ("convert", "a.json", "--output", "o")
PEM = f"-----BEGIN PRIVATE KEY-----\n{KEY[:48]}\n-----END PRIVATE KEY-----"
JWT = "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJl"
BASE64 = base64.b64encode(bytes.fromhex(KEY)).decode()
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
