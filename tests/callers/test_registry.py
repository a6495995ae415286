"""Credentials, and the callers they lead to: by tokens, by certificates, and after a change."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from myd_grpc.callers.identity import Credentials
from myd_grpc.callers.registry import Registry
from myd_grpc.errors import UnauthenticatedError
from myd_grpc.token import digest
from tests.support.callers import caller_table, token_of, write_callers

NOW = 1_800_000_000.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_callers(
        tmp_path / "callers.toml",
        caller_table("a", ["read"], certificates=["uri:spiffe://x/a", "dns:a.example"]),
        caller_table("b", ["read"], certificates=["dns:b.example"]),
    )


def named(registry: Registry, *authorization: str, certificate: tuple[str, ...] = ()) -> str:
    """The caller with these credentials; "" for nobody."""
    try:
        found = registry.identify(Credentials(authorization, certificate), NOW)
    except UnauthenticatedError:
        return ""
    return found.caller.name


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER ", "Bearer   "])
def test_a_token_leads_to_its_caller(path: Path, scheme: str) -> None:
    registry = Registry(path)
    assert named(registry, scheme + token_of("a")) == "a"
    assert named(registry, scheme + token_of("b")) == "b"


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Bearer",
        "Bearer ",
        f"Bearer{token_of('a')}",
        token_of("a"),
        f"Basic {token_of('a')}",
        f"Bearer {token_of('a')[:-1]}",
        f"Bearer {token_of('a')}x",
        f"Bearer {token_of('a')} ",
        f"Bearer {token_of('a')}\n",
        f"Bearer {token_of('a')}\0",
        f"Bearer {token_of('a')},{token_of('b')}",
        f"Bearer {token_of('a').upper()}",
        f"Bearer {digest(token_of('a'))}",
        f"Bearer {'x' * 1_000_000}",
        "Bearer 토큰",
    ],
    ids=range(16),
)
def test_whatever_else_leads_to_nobody(path: Path, value: str) -> None:
    assert named(Registry(path), value) == ""
    # Nor does the certificate help: the gateway sends tokens of others with its own.
    assert named(Registry(path), value, certificate=("dns:a.example",)) == ""


def test_of_two_tokens_none_counts(path: Path) -> None:
    value = f"Bearer {token_of('a')}"
    assert named(Registry(path), value, value) == ""


def test_the_names_of_a_certificate_lead_to_its_caller(path: Path) -> None:
    registry = Registry(path)
    assert named(registry, certificate=("uri:spiffe://x/a",)) == "a"
    assert named(registry, certificate=("dns:A.Example", "uri:spiffe://x/a", "dns:other")) == "a"
    assert named(registry, f"Bearer {token_of('b')}", certificate=("dns:a.example",)) == "b"


@pytest.mark.parametrize(
    "names",
    [
        (),
        ("dns:other",),
        ("uri:a.example",),
        ("dns:spiffe://x/a",),
        ("uri:SPIFFE://x/a",),
        ("dns:a.example\0.other",),
        ("dns:a.example.",),
        ("a.example",),
        ("dns:a.example", "dns:b.example"),
    ],
)
def test_names_that_lead_to_nobody_or_to_two(path: Path, names: tuple[str, ...]) -> None:
    assert named(Registry(path), certificate=names) == ""


def test_a_changed_file_is_read_again(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    registry = Registry(path)
    before = registry.known
    registry.refresh()
    assert registry.known is before
    caplog.set_level(logging.INFO)
    write_callers(path, caller_table("c", []))
    registry.refresh()
    assert (named(registry, f"Bearer {token_of('a')}"), caplog.text.count("read again")) == ("", 1)
    assert named(registry, f"Bearer {token_of('c')}") == "c"
    registry.refresh()
    assert caplog.text.count("read again") == 1


@pytest.mark.parametrize("text", ["", "[callers", None])
def test_a_bad_change_leaves_the_old_file_in_force(
    path: Path, text: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    registry = Registry(path)
    if text is None:
        path.unlink()
    else:
        write_callers(path, text)
    for _ in range(3):
        registry.refresh()
    assert named(registry, f"Bearer {token_of('a')}") == "a"
    assert caplog.text.count("the callers stay as they were") == 1
    write_callers(path, caller_table("c", []))
    registry.refresh()
    assert named(registry, f"Bearer {token_of('a')}") == ""


def test_doubts_about_a_changed_file_are_told(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    registry = Registry(path)
    write_callers(path, caller_table("c", []))
    registry.refresh()
    assert "[callers.c] has no roles" in caplog.text


def test_nothing_shows_a_token(path: Path) -> None:
    registry = Registry(path)
    credentials = Credentials((f"Bearer {token_of('a')}",))
    found = registry.identify(credentials, NOW)
    with pytest.raises(UnauthenticatedError) as caught:
        registry.identify(Credentials(("Bearer nobody-has-this",)), NOW)
    shown = [registry.known, credentials, found, caught.value]
    for one in map(repr, shown):
        assert token_of("a") not in one
        assert "nobody-has-this" not in one
