"""What tests of conversions share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from tests.support import postgresql


@pytest.fixture(scope="session")
def cluster() -> Iterator[Mapping[str, str]]:
    """A PostgreSQL; the variables by which its clients find it."""
    with postgresql.running() as variables:
        yield variables
