"""Log lines for people (text) or for machines (JSON), without the texts of exceptions."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from types import TracebackType
from typing import TypeAlias

from myd_grpc.tracebacks import describe

_ExceptionInfo: TypeAlias = (
    tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
)


class TextFormatter(logging.Formatter):
    """Formats a record as one readable line."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The line, which ends with the ids of the call that it is about."""
        origin = "".join(f" {name}={value}" for name, value in _origin(record).items())
        return super().formatMessage(record) + origin

    def formatException(self, ei: _ExceptionInfo) -> str:
        """Type and frames only: the text of an exception may hold what must not be told."""
        return describe(ei[1]) if ei[1] else ""


class JsonFormatter(TextFormatter):
    """Formats a record as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as a JSON object: time (epoch seconds), level, logger, message, error.

        Within a call that came with them, request_id and trace_id, too.
        """
        line: dict[str, object] = {
            "time": round(record.created, 3),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_origin(record),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def _origin(record: logging.LogRecord) -> Mapping[str, str]:
    """The ids that join the line to other systems' logs, given as `extra` by `origin.extra()`."""
    origin: Mapping[str, str] = getattr(record, "origin", {})
    return origin


def _quotes_no_metadata(record: logging.LogRecord) -> bool:
    """Whether a record may be logged: gRPC's about metadata that is no text may not.

    It quotes the value, which may be a token but for one character.
    """
    return not (record.name.startswith("grpc") and "Invalid encoding" in str(record.msg))


def configure(log_format: str, level: str) -> None:
    """Send all logging to stderr as "text" or "json"."""
    # No line tells of these, which are looked up for each: the caller's place takes the longest.
    logging._srcfile = None  # as the logging HOWTO has it
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_quotes_no_metadata)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    logging.basicConfig(handlers=[handler], level=level, force=True)
