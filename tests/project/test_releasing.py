"""What a release moves: the version, the changelog, and the API of the last release."""

from __future__ import annotations

import re
import shlex
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from myd.analysis.v1 import analysis_pb2 as pb
from tests.support.documents import Page
from tests.support.serving import ROOT

CONTRIBUTING, CHANGELOG = Page("CONTRIBUTING.md"), Page("CHANGELOG.md")
PACKAGES = sorted(
    path
    for path in (ROOT / "native").rglob("Cargo.toml")
    if not {"target", "fuzz"} & set(path.parts)  # what tests the engine is no part of it
)


def toml(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text("utf-8"))


def version() -> str:
    found = toml(ROOT / "pyproject.toml")["project"]["version"]
    assert isinstance(found, str)
    return found


def releases() -> list[str]:
    """The headings of the changelog's releases, the newest first."""
    return [text for level, text in CHANGELOG.headings() if level == 2]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.parent.name)
def test_the_native_engine_has_the_version_of_the_whole(package: Path) -> None:
    told = toml(package)
    own = told.get("package", told.get("workspace", {}).get("package", {})).get("version")
    assert own in [version(), {"workspace": True}]


def test_some_native_package_tells_the_version() -> None:
    assert any(f'version = "{version()}"' in path.read_text("utf-8") for path in PACKAGES)


def test_the_changelog_begins_with_what_is_not_released() -> None:
    unreleased, *released = releases()
    assert unreleased == "[Unreleased]"
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", one) for one in released)


def test_the_newest_release_of_the_changelog_is_the_version() -> None:
    released = [one.partition("]")[0].removeprefix("[") for one in releases()[1:]]
    if released:
        assert released[0] == version()
    else:  # until the first release, the changelog says what becomes of it
        assert f"This becomes {version()}" in CHANGELOG.text


def test_the_api_of_the_last_release_is_one_of_this_package() -> None:
    released = FileDescriptorSet.FromString((ROOT / "protos" / "released.binpb").read_bytes())
    names = {file.name: file for file in released.file}
    assert names[pb.DESCRIPTOR.name].package == pb.DESCRIPTOR.package


def test_a_release_makes_the_api_as_the_guide_says(tmp_path: Path) -> None:
    (block,) = [one for one in CONTRIBUTING.of("sh") if "released.binpb" in one.text]
    words = shlex.split(block.text)
    made = tmp_path / Path(words[-1]).name
    subprocess.run([*words[:-1], str(made)], cwd=ROOT, check=True)
    image = FileDescriptorSet.FromString(made.read_bytes())
    (file,) = [one for one in image.file if one.name == pb.DESCRIPTOR.name]
    described = FileDescriptorSet()
    pb.DESCRIPTOR.CopyToProto(described.file.add())
    assert [one.name for one in file.message_type] == [
        one.name for one in described.file[0].message_type
    ]
