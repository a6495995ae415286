"""What the service is made of is written down, and looked up where weaknesses are published."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import cyclonedx.schema._res
import jsonschema_rs
import pytest

from tests.support.resting import make_alone
from tests.support.serving import ROOT

SCHEMAS = Path(cyclonedx.schema._res.__file__).parent
NOWHERE = "http://127.0.0.1:9"
"""An address at which nobody answers."""


@pytest.fixture(scope="module")
def bill() -> dict[str, Any]:
    """The bill of materials that `make sbom` writes."""
    if not (shutil.which("cargo") and shutil.which("go")):
        pytest.skip("left out: the bill of materials, as there is no Rust or no Go")
    make_alone("sbom")
    found: dict[str, Any] = json.loads((ROOT / "build/sbom.cdx.json").read_text("utf-8"))
    return found


def named(bill: dict[str, Any]) -> dict[str, str]:
    return {one["purl"].rpartition("@")[0]: one["version"] for one in bill["components"]}


def test_the_bill_is_what_its_standard_asks_for(bill: dict[str, Any]) -> None:
    schema = json.loads((SCHEMAS / "bom-1.6.SNAPSHOT.schema.json").read_text("utf-8"))
    registry = jsonschema_rs.Registry(
        [
            (f"http://cyclonedx.org/schema/{path.name}", json.loads(path.read_text("utf-8")))
            for path in SCHEMAS.glob("*.SNAPSHOT.schema.json")
            if not path.name.startswith("bom-")
        ]
    )
    jsonschema_rs.validator_for(schema, registry=registry).validate(bill)


def test_the_bill_names_what_the_service_is_made_of_with_exact_versions(
    bill: dict[str, Any],
) -> None:
    found = named(bill)
    pins = dict(
        line.lower().split("==") for line in (ROOT / "constraints.txt").read_text().splitlines()
    )
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for needed in project["dependencies"]:
        name = re.split("[>=<]", needed)[0]
        assert found["pkg:pypi/" + re.sub("[-_.]+", "-", name)] == pins[name]
    for manifest in ("core", "python"):
        crates = tomllib.loads((ROOT / "native" / manifest / "Cargo.toml").read_text("utf-8"))
        for name in crates["dependencies"]:
            assert name == "myd-core" or f"pkg:cargo/{name}" in found
    modules = re.search(r"require \((.*?)\)", (ROOT / "gateway/go.mod").read_text(), re.DOTALL)
    assert modules
    for name, version in re.findall(r"(\S+) (v\S+)", modules[1]):
        assert found[f"pkg:golang/{name}"] == version
    assert "pkg:pypi/pytest" not in found, "only what the service needs"


def test_packages_of_the_system_are_named_where_a_list_is_given(tmp_path: Path) -> None:
    listed = tmp_path / "packages.txt"
    listed.write_text("libc6\t2.41-12\nzlib1g:amd64\t1:1.3.1\n")
    answer = run("sbom.py", "--system", str(listed))
    found = named(json.loads(answer.stdout))
    assert found["pkg:deb/debian/libc6"] == "2.41-12"


# --- known weaknesses ------------------------------------------------------------------------


def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / script), *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)


def audit(tmp_path: Path, *purls: str, osv: str) -> subprocess.CompletedProcess[str]:
    bill = tmp_path / "bill.json"
    bill.write_text(json.dumps({"components": [{"purl": purl} for purl in purls]}))
    return run("audit.py", str(bill), "--osv", osv)


@contextmanager
def answering(advisories: dict[str, str]) -> Iterator[str]:
    """A server that answers as OSV does, by the name of the package."""

    class Osv(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
            results = [
                {"vulns": [{"id": known} for name, known in advisories.items() if name in purl]}
                for purl in (query["package"]["purl"] for query in asked)
            ]
            body = json.dumps({"results": results}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Osv) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_nothing_that_is_used_has_a_weakness_of_the_list(
    bill: dict[str, Any], tmp_path: Path
) -> None:
    purls = [one["purl"] for one in bill["components"]]
    answer = audit(tmp_path, *purls, osv=NOWHERE)
    assert (answer.returncode, answer.stdout) == (0, "")


def test_without_a_network_the_list_is_asked_and_the_rest_said_to_be_missing(
    tmp_path: Path,
) -> None:
    answer = audit(
        tmp_path, "pkg:pypi/pyjwt@2.12.1", "pkg:golang/google.golang.org/grpc@v1.79.3", osv=NOWHERE
    )
    assert answer.returncode == 1
    assert answer.stdout == (
        "pypi pyjwt 2.12.1: CVE-2026-48522 to CVE-2026-48526, mended in 2.13.0\n"
    )
    assert f"not looked up: 2 packages at {NOWHERE}" in answer.stderr
    assert "2 packages, 1 known weaknesses, by the list that comes with the project alone" in (
        answer.stderr
    )


def test_what_osv_knows_is_told(tmp_path: Path) -> None:
    with answering({"ijson": "PYSEC-1"}) as osv:
        answer = audit(tmp_path, "pkg:pypi/ijson@3.6.0", "pkg:cargo/wide@0.7.33", osv=osv)
    assert (answer.returncode, answer.stdout) == (1, "pypi ijson 3.6.0: PYSEC-1\n")
    assert "not looked up" not in answer.stderr
    assert "2 packages, 1 known weaknesses, by the list that comes with the project and by OSV" in (
        answer.stderr
    )
