"""What may be told of an unexpected exception: its type and where it came from.

Its text is never told: it may hold a key or the content of a record.
"""

from __future__ import annotations

import secrets
import traceback
from pathlib import PurePath

_MOST_FRAMES = 20


def new_error_id() -> str:
    """An id that joins what a caller is told to the log line that explains it."""
    return secrets.token_hex(6)


def describe(error: BaseException) -> str:
    """The types and frames of an exception and its causes, on one line, outermost first."""
    return " < ".join(_describe_one(one) for one in _chain(error))


def _describe_one(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)[-_MOST_FRAMES:]
    places = (f"{PurePath(one.filename).name}:{one.lineno}:{one.name}" for one in frames)
    return f"{type(error).__name__}{_number(error)} at {' > '.join(places) or 'no frame'}"


def _number(error: BaseException) -> str:
    if isinstance(error, OSError):
        return f"[errno {error.errno}]"
    # SQLite's, which a worker cannot import. The general one tells nothing.
    name = getattr(error, "sqlite_errorname", None)
    return f"[{name}]" if name and name != "SQLITE_ERROR" else ""


def _chain(error: BaseException) -> list[BaseException]:
    chain: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in chain:
        chain.append(following)
        following = following.__cause__ or following.__context__
    return chain
