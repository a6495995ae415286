"""Fixtures: what the command line converts, and a server in the middle of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.commanding import RECORDS
from tests.support.serving import Hold, Server


@pytest.fixture
def records(server: Server) -> str:
    return server.put("a.json", RECORDS)


@pytest.fixture
def held(make_server: Callable[..., Server], hold: Callable[[str], Hold]) -> tuple[Server, Hold]:
    """A server whose jobs wait just before they are published."""
    point = hold("converted")
    server = make_server(MYD_FAILPOINTS=point.setting).start()
    server.put("a.json", RECORDS)
    return server, point
