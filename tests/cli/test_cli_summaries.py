"""Shopping summaries on the command line: what they rest on is said, and what may be mistyped."""

from __future__ import annotations

import json

from tests.support.commanding import client, command, environment, json_lines
from tests.support.serving import Server
from tests.support.terminal import Terminal

SHOPPING = [
    {"category": "식품>축산물", "date": "20220630"},
    {"category": "도서", "date": "soon"},
    {"category": "가전", "buyer": {"user_id": "u2"}},
]
WARNINGS = (
    "warning: 1 order line left out: another owner is named, or it is in doubt whose",
    "warning: 1 order line without a date that can be read: in no month",
)
ASK = ("preprocess", "a.json", "--user", "u1", "--proposal", "p1")


def test_a_summary_says_what_it_rests_on(shared_server: Server) -> None:
    shared_server.put("a.json", json.dumps([{"userId": "u1", "orders": SHOPPING}]))
    plain = client(shared_server, *ASK)
    assert plain.returncode == 0
    months, *categories, basis = plain.stdout.splitlines()
    assert months == "months\t2022-06"
    assert sorted(categories) == ["도서\t", "식품\t축산물"]
    assert basis == "2 order lines, 1 without a date, 1 left out, owner by userId"
    assert plain.stderr.splitlines() == list(WARNINGS)
    (shown,) = json_lines(client(shared_server, *ASK, "--json").stdout)
    counts = [shown[name] for name in ("order_lines", "undated_lines", "foreign_lines")]
    assert (counts, shown["owner_field"]) == ([2, 1, 1], "userId")
    terminal = Terminal(command(shared_server.address, *ASK), environment())
    assert terminal.exit_code() == 0
    assert "2 order lines, 1 without a date, 1 left out, owner by userId" in terminal.shown
    assert "warning: 1 order line left out" in terminal.shown


def test_a_summary_of_a_file_without_owners_warns_of_it(shared_server: Server) -> None:
    shared_server.put("a.json", json.dumps([{"orders": SHOPPING[:1]}]))
    shown = client(shared_server, *ASK)
    assert shown.stdout.endswith(", no owner named\n")
    warning = "warning: no record names its owner: all of the file counts as this user's\n"
    assert shown.stderr == warning
    assert client(shared_server, *ASK, "--json").stderr == warning


def test_a_summary_of_nothing_says_what_may_be_mistyped(shared_server: Server) -> None:
    orders = [{"proposal_id": "p2", "category": "식품>축산물", "date": "20220630"}]
    shared_server.put("a.json", json.dumps([{"userId": "u1", "orders": orders}]))
    shown = client(shared_server, *ASK)
    assert shown.returncode == 0
    assert shown.stdout.endswith("0 order lines, 0 without a date, 0 left out, owner by userId\n")
    warning = (
        "warning: no order line counts: this user has none, or none of the proposal asked for\n"
    )
    assert shown.stderr == warning


def test_a_missing_user_is_one_line(shared_server: Server) -> None:
    shared_server.put("a.json", json.dumps([{"userId": "u2", "orders": SHOPPING}]))
    shown = client(shared_server, *ASK)
    assert shown.returncode != 0
    assert "the owner is named by userId; --id-field can name another member" in shown.stderr
