"""`client.py mask-profile`: the profile as a table, without a server."""

from __future__ import annotations

import json
import subprocess

import pytest

from myd_grpc import mask_profiles
from myd_grpc.options import MaskProfile
from tests.support.commanding import command, environment
from tests.support.terminal import Terminal

FIELDS = mask_profiles.load(MaskProfile.MYDATA_KR)
NO_SERVER = "127.0.0.1:1"


def printed(*arguments: str) -> str:
    return subprocess.run(
        command(NO_SERVER, "mask-profile", *arguments),
        env=environment(PYTHONIOENCODING="utf-8"),
        capture_output=True,
        encoding="utf-8",
        check=True,
    ).stdout


def test_each_field_has_a_line() -> None:
    header, *lines = printed().splitlines()
    assert header.split("\t") == ["field", "class", "method", "domain", "reason"]
    assert [line.split("\t") for line in lines] == [
        [one.field, one.field_class, one.method, one.domain, one.reason_en] for one in FIELDS
    ]


@pytest.mark.parametrize("language", ["en", "ko"])
def test_programs_get_an_object_for_each_field(language: str) -> None:
    found = [json.loads(line) for line in printed("--json", "--language", language).splitlines()]
    assert [one["field"] for one in found] == [one.field for one in FIELDS]
    assert [one["reason"] for one in found] == [
        getattr(one, f"reason_{language}") for one in FIELDS
    ]
    assert found[0].keys() == {"field", "class", "method", "domain", "reason"}


def test_a_terminal_shows_a_table() -> None:
    terminal = Terminal(command(NO_SERVER, "mask-profile"), environment())
    assert terminal.exit_code() == 0
    assert "card_num" in terminal.shown
    assert "\t" not in terminal.shown
