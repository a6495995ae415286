"""A file system that several machines see: the tests of `on_nfs`, on a real NFS."""

from __future__ import annotations

import os

import pytest

from tests.support import nfs_machine

if os.environ.get("CI") != "true" and nfs_machine.missing():
    pytest.skip("left out: NFS, as there is no User Mode Linux", allow_module_level=True)


QUICK = "after_sync or kept_apart or cannot_be_locked or takes_over"


@pytest.mark.timeout(960)
@pytest.mark.parametrize("tests", [QUICK, pytest.param(f"not ({QUICK})", marks=pytest.mark.soak)])
def test_what_is_published_on_nfs_is_as_it_is_elsewhere(tests: str) -> None:
    options = ["-q", "-x", "--color=no", "-p", "no:cacheprovider", "-k", tests]
    status, printed = nfs_machine.python("-m", "pytest", *options, "tests/robustness/on_nfs.py")
    assert status == 0, printed
    assert " passed" in printed
