"""docs/masking.md: what it shows is run, and the profile that it lists is the one there is."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from myd_grpc import mask_profiles
from myd_grpc.callers import file
from myd_grpc.options import MaskProfile
from myd_grpc.presets.registry import Presets
from tests.support.documents import Checkout, Page
from tests.support.serving import Server

PAGE = Page("docs/masking.md")
LABELLED = {block.label: block for block in PAGE.blocks if block.label}


@pytest.fixture
def server(make_server: Callable[..., Server]) -> Server:
    """A server with the page's example among its data, and with the page's presets."""
    server = make_server()
    example = PAGE.of("json")[0]
    server.put(example.label, example.text)
    for block in PAGE.of("toml"):
        path = server.home / block.label
        path.parent.mkdir(exist_ok=True)
        path.write_text(block.text, "utf-8")
    return server.start(MYD_PRESETS=str(server.home / "presets"))


def test_what_is_shown_works(server: Server, tmp_path: Path) -> None:
    reader = Checkout(server, tmp_path / "checkout")
    for block in PAGE.blocks:
        if block.text.endswith("make serve\n"):
            continue  # is run in test_readme.py
        if block.language == "sh":
            reader.run_shell(PAGE, [block])
        elif block.language == "python":
            reader.run_python(PAGE, [block])
    assert (tmp_path / "checkout" / "masking.key").stat().st_mode & 0o077 == 0
    shown = PAGE.of("csv")
    assert shown
    for block in shown:
        written = server.output / block.label.split("_")[0].split(".")[0] / block.label
        assert written.read_text("utf-8") == block.text, block.label


def test_its_sets_are_no_others_than_those_of_the_readme() -> None:
    """Whoever read the README has its sets: one of that name is there already."""
    ours, theirs = (
        {name for block in page.of("sh") for name in re.findall(r"--output (\S+)", block.text)}
        for page in (PAGE, Page("README.md"))
    )
    assert ours
    assert theirs
    assert ours.isdisjoint(theirs)


def test_the_callers_that_are_shown_are_bound_to_what_is_shown(server: Server) -> None:
    callers = file.read(server.home / "callers.toml").callers
    presets = Presets(server.home / "presets").known
    assert callers["partner-a"].presets == tuple(presets)
    server.restart(MYD_CALLERS=str(server.home / "callers.toml"))


def test_each_block_is_run_or_compared() -> None:
    kinds = {"json", "sh", "csv", "python", "text", "toml"}
    assert {block.language for block in PAGE.blocks} == kinds
    assert all(block.label for kind in ("json", "csv", "toml") for block in PAGE.of(kind))


@pytest.mark.parametrize(
    ("name", "heading", "language"),
    [("docs/masking.md", "field", "en"), ("docs/masking.ko.md", "필드", "ko")],
)
def test_the_profile_is_listed_whole(name: str, heading: str, language: str) -> None:
    listed = Page(name).rows(heading)
    fields = mask_profiles.load(MaskProfile.MYDATA_KR)
    assert list(listed) == [field.field for field in fields]
    for field in fields:
        field_class, method, domain, reason = listed[field.field]
        assert language == "ko" or field_class == field.field_class
        assert (method.strip("`"), domain.strip("`")) == (field.method, field.domain)
        assert reason == getattr(field, f"reason_{language}")


def test_a_class_has_one_name_in_korean() -> None:
    listed = Page("docs/masking.ko.md").rows("필드")
    fields = mask_profiles.load(MaskProfile.MYDATA_KR)
    named = {(field.field_class, listed[field.field][0]) for field in fields}
    assert len(named) == len({name for name, _ in named}) == len({name for _, name in named})
