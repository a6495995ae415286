"""Looks for known weaknesses in what a bill of materials (CycloneDX, JSON) names.

Two sources are asked: the list beside this script, which needs no network, and OSV, which knows
the advisories about packages of Python, Rust, Go and Debian. What could not be looked up is said.
The exit status is 1 if a weakness is known, else 0.
"""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packageurl import PackageURL
from packaging.version import InvalidVersion, Version

KNOWN = Path(__file__).with_name("advisories.toml")
OSV = "https://api.osv.dev"

_AT_ONCE = 500
_PATIENCE_S = 30


@dataclass(frozen=True, slots=True)
class Weakness:
    """A package that is named, and the advisory about it."""

    package: PackageURL
    advisory: str

    def __str__(self) -> str:
        return f"{self.package.type} {self.package.name} {self.package.version}: {self.advisory}"


def main() -> int:
    """Look, say what was found, and answer the exit status."""
    options = _options()
    packages = named(json.loads(options.bill.read_text("utf-8")))
    found = list(known(packages, tomllib.loads(KNOWN.read_text("utf-8"))))
    by = "by the list that comes with the project and by OSV"
    try:
        found += reported(packages, options.osv)
    except OSError as error:
        by = "by the list that comes with the project alone"
        # Whatever stands in the way: the other source has been asked all the same.
        why = getattr(error, "reason", error)
        print(f"not looked up: {len(packages)} packages at {options.osv} ({why})", file=sys.stderr)
    for weakness in found:
        print(weakness)
    print(f"{len(packages)} packages, {len(found)} known weaknesses, {by}", file=sys.stderr)
    return 1 if found else 0


def named(bill: dict[str, Any]) -> list[PackageURL]:
    """The packages that a bill of materials names."""
    components = bill.get("components", ())
    return [PackageURL.from_string(one["purl"]) for one in components if "purl" in one]


def known(packages: Sequence[PackageURL], advisories: dict[str, Any]) -> Iterator[Weakness]:
    """Those of the list: each advisory has the first version without the weakness."""
    for package in packages:
        for one in advisories.get(package.type, {}).get(_full_name(package), ()):
            if _is_before(package.version or "", one["fixed"]):
                yield Weakness(package, f"{one['id']}, mended in {one['fixed']}")


def reported(packages: Sequence[PackageURL], osv: str) -> Iterator[Weakness]:
    """Those that OSV knows. Raises OSError when it cannot be asked."""
    for first in range(0, len(packages), _AT_ONCE):
        some = packages[first : first + _AT_ONCE]
        queries = [{"package": {"purl": str(package)}} for package in some]
        request = urllib.request.Request(  # noqa: S310 - the address is an operator's
            f"{osv}/v1/querybatch",
            json.dumps({"queries": queries}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=_PATIENCE_S) as response:  # noqa: S310
            results = json.load(response)["results"]
        for package, result in zip(some, results, strict=True):
            for one in result.get("vulns", ()):
                yield Weakness(package, one["id"])


def _full_name(package: PackageURL) -> str:
    named_within = package.type == "golang" and package.namespace
    return f"{package.namespace}/{package.name}" if named_within else package.name


def _is_before(version: str, fixed: str) -> bool:
    try:
        return Version(version) < Version(fixed)
    except InvalidVersion:
        return False  # of Debian, which lists them by its own rules


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bill", type=Path, help="the bill of materials, as `make sbom` writes it")
    parser.add_argument("--osv", default=OSV, help="where OSV is, or a mirror of it")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
