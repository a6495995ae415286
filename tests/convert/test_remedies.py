"""Messages about the output end with what to do, wherever they have to be cut."""

from __future__ import annotations

import errno

import pytest

from myd_grpc.convert.errors import MOST_BYTES, ConversionError, Reason, ShortageError
from myd_grpc.convert.remedies import (
    AGAIN,
    OUTPUT_DIRECTORY,
    WORK_DIRECTORY,
    NoRoomError,
    output_refused,
)


@pytest.mark.parametrize("place", [OUTPUT_DIRECTORY, WORK_DIRECTORY])
@pytest.mark.parametrize("name", sorted(errno.errorcode.values()))
def test_every_refusal_says_what_to_do_unless_the_job_tries_again(name: str, place: str) -> None:
    error = OSError(getattr(errno, name), "no text of the system's", "/a/path")
    failure = output_refused("the output cannot be written", error, place)
    assert failure.message.startswith("the output cannot be written: ")
    assert "/a/path" not in failure.message
    assert failure.message.endswith(AGAIN) is not isinstance(failure, ShortageError)
    is_full = name in {"ENOSPC", "EDQUOT", "EFBIG"}
    assert failure.reason is (Reason.DISK_FULL if is_full else Reason.OUTPUT_UNAVAILABLE)


def test_what_is_full_is_named() -> None:
    error = NoRoomError("no space is left for the output")
    assert error.message == (
        "no space is left for the output; free some in the output directory, or set "
        "MYD_OUTPUT_DIR to where there is more, and send the request again"
    )
    assert "MYD_WORK_DIR" in error.in_place(WORK_DIRECTORY).message
    assert "MYD_OUTPUT_DIR" not in error.in_place(WORK_DIRECTORY).message


def test_what_to_do_is_not_cut_off() -> None:
    failure: ConversionError = output_refused("가" * MOST_BYTES, OSError(errno.EACCES, ""))
    assert len(failure.message.encode()) <= MOST_BYTES + len("…".encode())
    assert failure.message.endswith(f"let the server's user write there, {AGAIN}")
