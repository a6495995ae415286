"""What a person should know before trusting a set: on standard error, whoever reads the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.commanding import RECORDS, client, json_lines
from tests.support.serving import Server

KEY = "5a" * 32
NOTHING = 'warning: nothing matched --include "bnak.**"\n'
EMPTY = "warning: the set is empty: no column was left to write, by --include and --exclude\n"
UNMASKED = "warning: a masking key came, but nothing was masked: pass --mask-profile or --mask\n"


@pytest.fixture
def masking_key(tmp_path: Path) -> str:
    path = tmp_path / "masking.key"
    path.write_text(KEY)
    return str(path)


def test_a_choice_that_leaves_nothing_of_a_set_that_was_there(shared_server: Server) -> None:
    shared_server.put("a.json", RECORDS)
    replace = ("convert", "a.json", "--output", "chosen", "--overwrite")
    assert client(shared_server, *replace).stderr == ""
    done = client(shared_server, *replace, "--include", "bnak.**")
    assert (done.returncode, done.stderr) == (0, NOTHING + EMPTY)
    assert "0 rows in 0 tables" in done.stdout
    assert "warning" not in done.stdout
    printed = client(shared_server, "--json", *replace, "--include", "bnak.**")
    assert printed.stderr == done.stderr
    last = json_lines(printed.stdout)[-1]
    assert (last["status"], last["msg"]) == ("DONE", 'nothing matched include "bnak.**"')
    left = client(shared_server, *replace, "--include", "bnak.**", "--detach")
    assert left.stderr == ""
    for command in ("watch", "status"):
        assert client(shared_server, command, last["job_id"]).stderr == done.stderr


def test_a_masking_key_that_came_for_nothing(shared_server: Server, masking_key: str) -> None:
    shared_server.put("a.json", RECORDS)
    convert = ("convert", "a.json", "--overwrite", "--output", "m")
    with_key = (*convert, "--masking-key-file", masking_key)
    for no_mask in ((), ("--mask", "**=keep")):
        assert client(shared_server, *with_key, *no_mask).stderr == UNMASKED
    for masks in (("--mask", "name=pseudonym"), ("--mask-profile", "mydata-kr")):
        assert client(shared_server, *with_key, *masks).stderr == ""
    told = "warning: a masking key came, but no profile or rule makes pseudonyms with it\n"
    assert client(shared_server, *with_key, "--mask", "name=redact").stderr == told


def test_a_masking_key_of_the_environment_is_not_sent_for_nothing(shared_server: Server) -> None:
    shared_server.put("a.json", RECORDS)
    for masks in ((), ("--mask", "name=redact")):
        convert = ("convert", "a.json", "--overwrite", "--output", "e", *masks)
        assert client(shared_server, *convert, MYD_MASKING_KEY=KEY).stderr == ""
