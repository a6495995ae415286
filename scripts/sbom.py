"""Writes the bill of materials (CycloneDX 1.6, JSON) of what is installed or built here.

It names the Python packages that the service needs, the crates in its native engine, the Go modules
in its gateway and, where a list of them is given, the packages of the system.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

OURSELVES = "myd-grpc"
EXTENSION = "myd-python"


def main() -> None:
    """Write what the command line asks for."""
    options = _options()
    installed = python_packages(options.site)
    found = [
        *needed_packages(installed),
        *(crates(_read(options.crates)) if options.crates else ()),
        *(go_modules(_read(options.gateway)) if options.gateway else ()),
        *(system_packages(options.system.read_text().split("\n")) if options.system else ()),
    ]
    text = bill(installed[OURSELVES].version, found)
    if options.out:
        options.out.write_text(text + "\n", "utf-8")
        print(f"{len(found)} components in {options.out}", file=sys.stderr)
    else:
        print(text)


def bill(version: str, components: Iterable[Component]) -> str:
    """The bill of materials of our `version` and these, as JSON."""
    itself = Component(name=OURSELVES, version=version, type=ComponentType.APPLICATION)
    bom = Bom(components=components)
    bom.metadata.component = itself
    bom.register_dependency(itself, bom.components)
    return JsonV1Dot6(bom).output_as_string(indent=2)


def python_packages(site: str | None) -> dict[str, Distribution]:
    """The packages in a directory, or in this environment, by name."""
    found = distributions(path=[site]) if site else distributions()
    return {canonicalize_name(one.name): one for one in found}


def needed_packages(installed: dict[str, Distribution]) -> Iterator[Component]:
    """What the service needs of these packages."""
    reached, waiting = set[str](), [OURSELVES]
    while waiting:
        name = waiting.pop()
        if name in reached or name not in installed:
            continue
        reached.add(name)
        waiting += _needed(installed[name])
    for name in sorted(reached - {OURSELVES}):
        one = installed[name]
        licence = str(one.metadata.json.get("license_expression", ""))
        yield _component("pypi", name, one.version, licence)


def _needed(one: Distribution) -> Iterator[str]:
    for text in one.requires or ():
        needed = Requirement(text)
        if needed.marker is None or needed.marker.evaluate({"extra": ""}):
            yield canonicalize_name(needed.name)


def crates(metadata: dict[str, Any]) -> Iterator[Component]:
    """What is linked into the native engine, of the answer of `cargo metadata`."""
    packages = {one["id"]: one for one in metadata["packages"]}
    nodes = {one["id"]: one for one in metadata["resolve"]["nodes"]}
    reached = set[str]()
    waiting = [key for key, one in packages.items() if one["name"] == EXTENSION]
    while waiting:
        key = waiting.pop()
        if key not in reached:
            reached.add(key)
            waiting += [
                needed["pkg"]
                for needed in nodes[key]["deps"]
                if any(kind["kind"] is None for kind in needed["dep_kinds"])
            ]
    for one in sorted((packages[key] for key in reached), key=lambda one: str(one["name"])):
        if one["source"]:  # the others are ours
            yield _component("cargo", one["name"], one["version"], one["license"] or "")


def go_modules(build_info: dict[str, Any]) -> Iterator[Component]:
    """What is linked into the gateway, of the answer of `go version -m -json`."""
    yield _component("golang", "stdlib", build_info["GoVersion"].removeprefix("go"))
    for one in build_info["Deps"]:
        used = one.get("Replace") or one
        yield _component("golang", used["Path"], used["Version"])


def system_packages(lines: Iterable[str]) -> Iterator[Component]:
    """The packages of Debian, each in a line with its name and version."""
    for line in lines:
        if line.strip():
            name, version = line.split()
            yield _component("deb", name, version, namespace="debian")


def _component(
    kind: str, name: str, version: str, licence: str = "", namespace: str | None = None
) -> Component:
    path, _, last = name.rpartition("/")
    return Component(
        type=ComponentType.LIBRARY,
        name=name,
        version=version,
        bom_ref=f"{kind}:{name}@{version}",
        purl=PackageURL(kind, path or namespace, last, version),
        licenses=[LicenseFactory().make_from_string(licence)] if licence else (),
    )


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--site", help="site-packages to look at, not those of this Python")
    parser.add_argument("--crates", type=Path, help="what `cargo metadata` answered in native/")
    parser.add_argument("--gateway", type=Path, help="what `go version -m -json` said of it")
    parser.add_argument("--system", type=Path, help="lines with name and version of a package")
    parser.add_argument("--out", type=Path, help="the file to write; else it is printed")
    return parser.parse_args()


if __name__ == "__main__":
    main()
