"""Fixtures: real server processes on directories of their own, and an object store."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.documents import Page
from tests.support.object_store import ObjectStore, require_object_store, running_store
from tests.support.resting import RestServer, build_gateway
from tests.support.serving import ROOT, Hold, Server

# A shell has what it runs in the background ignore these, and all that is started from there.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# How long something takes says more about the machine than about the code.
settings.register_profile(
    "quick", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("long", settings.get_profile("quick"), max_examples=300)
settings.load_profile("quick")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave all but one in so many cases of a test marked `one_in` to the long part."""
    seen = Counter[str]()
    for item in items:
        if mark := item.get_closest_marker("one_in"):
            test = item.nodeid.partition("[")[0]
            if seen[test] % mark.args[0]:
                item.add_marker(pytest.mark.soak)
            seen[test] += 1


HAS_FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let fixtures know of a test that failed, be it for lack of time."""
    report = yield
    item.stash[HAS_FAILED] = report.failed
    return report


def end(server: Server, request: pytest.FixtureRequest) -> None:
    """End a server that was started; where its test failed, it says what it was about."""
    if server._process:
        if request.node.stash.get(HAS_FAILED, False):
            request.node.add_report_section("teardown", server.home.name, server.last_words())
        server.kill()


@pytest.fixture
def make_server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[..., Server]]:
    """Makes servers that are not started yet; each is gone after the test."""
    made: list[Server] = []

    def make(**settings: str) -> Server:
        made.append(Server(tmp_path / f"server{len(made)}", **settings))
        return made[-1]

    yield make
    for one in made:
        end(one, request)


@pytest.fixture
def server(make_server: Callable[..., Server]) -> Server:
    """A running server with default settings."""
    return make_server().start()


@pytest.fixture
def hold(tmp_path: Path) -> Callable[[str], Hold]:
    """Makes holds: points at which a process waits until it is released."""
    return lambda point: Hold(tmp_path, point)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ObjectStore]:
    """An object store that runs."""
    require_object_store()
    with running_store(tmp_path / "store") as found:
        yield found


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running server for the tests of a module that leave nothing behind."""
    server = Server(tmp_path_factory.mktemp("shared")).start()
    yield server
    server.kill()


@pytest.fixture
def rest_server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[RestServer]:
    """A server with REST that is not started yet."""
    build_gateway()
    server = RestServer(tmp_path / "rest")
    yield server
    end(server, request)


@pytest.fixture(scope="module")
def shared_rest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RestServer]:
    """A running server with REST for the tests of a module that leave nothing behind."""
    build_gateway()
    server = RestServer(tmp_path_factory.mktemp("rest")).start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the tools built as docs/api.md says."""
    if not shutil.which("go") and os.environ.get("CI") != "true":
        pytest.skip("Go is not installed: grpcurl and ghz cannot be built")
    place = tmp_path_factory.mktemp("tools")
    (place / "docs").symlink_to(ROOT / "docs")
    (build,) = (block for block in Page("docs/api.md").of("sh") if " go " in block.text)
    subprocess.run(["bash", "-euc", build.text], cwd=place, check=True)
    return place / ".venv" / "bin"
