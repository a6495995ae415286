"""How many bytes parts of a job take in a message, as protobuf writes them, and how many may be.

A caller's gRPC library takes no message of more than 4 MiB unless it is told to (docs/spec.md 1.4).
"""

from __future__ import annotations

from collections.abc import Iterable

from myd_grpc.convert.model import PartFile
from myd_grpc.jobs.model import Job

MOST_TABLES = 1 << 20
"""Bytes of a job's tables that are in the job itself."""

MOST_FILE_NAMES = 256 << 10
"""Bytes of a job's file names that are in the job."""

MOST_IN_A_PAGE = 2 << 20
"""Bytes of jobs or tables in a page of a list."""

_TABLE_AND_LENGTH = 1 + 5
_ROWS_OF_TABLE = 1 + 10
_BESIDE_NAMES = 500
"""Bytes of a job beside its names: its figures, ids and enums, and what is in front of each."""


def first_names(names: Iterable[str]) -> list[str]:
    """As many of the file names as a job may show."""
    shown, size = list[str](), 0
    for name in names:
        size += _text(name)
        if size > MOST_FILE_NAMES:
            break
        shown.append(name)
    return shown


def size_of_job(job: Job) -> int:
    """Bytes of a job with its names and tables, or a few more."""
    names = sum(map(_text, job.request.file_names))
    # The output's name is there twice, once as its directory.
    output = 2 * _text(job.request.output_file_name) + _text(job.request.output_dir)
    texts = _text(job.msg) + output
    return _BESIDE_NAMES + names + texts + sum(table.message_bytes for table in job.tables)


def size_of_table_alone(name: str) -> int:
    """Bytes of a table without its parts, or a few more."""
    return _TABLE_AND_LENGTH + _text(name) + _ROWS_OF_TABLE


def size_of_part(part: PartFile) -> int:
    """Bytes of one part of a table."""
    content = 1 + _varint(part.rows) + 1 + _varint(part.size) + _text(part.file_name)
    return 1 + _varint(content) + content


def _text(text: str) -> int:
    # What is no UTF-8 cannot be sent anyway: its size does not matter, but it must have one.
    length = len(text) if text.isascii() else len(text.encode(errors="replace"))
    return 1 + _varint(length) + length


def _varint(number: int) -> int:
    return (number.bit_length() + 6) // 7 or 1
