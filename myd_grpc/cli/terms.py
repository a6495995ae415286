"""What the server says of the fields of requests, in the words of the command line."""

from __future__ import annotations

import os
import re

from myd_grpc.client import (
    CallError,
    PermissionDeniedError,
    UnauthenticatedError,
    UnavailableError,
)
from myd_grpc.client.errors import Violation
from myd_grpc.secret_texts import INSTEAD, is_secret

_OPTIONS = {
    "file_name": "FILE",
    "output_file_name": "--output",
    "aes256cbckey": "--key-file",
    "iv": "iv",
    "csv_profile": "--profile",
    "formats": "--format",
    "user_id": "--user",
    "proposal_id": "--proposal",
    "job_id": "JOB",
    "maps": "--map",
    "masking.key": "--masking-key-file",
    "masking.profile": "--mask-profile",
    "masking.rules": "--mask",
    "masking_key": "--masking-key-file",
}
"""Fields whose arguments are not called like them."""

_UNMATCHED = "nothing matched "
_PATH = re.compile(r"(?<=: there is no )\S+(?= in the document: )")
_IN_A_FILE = "others can see what is typed: give a key in a file, with --key-file"
_START = "start it with make serve, or name its address with --address HOST:PORT"

_FILE = re.compile(r"file_names(?:\[(\d+)\])?")
_ONE_OF_SEVERAL = re.compile(r"(include|exclude|maps|masking\.rules)\[(\d+)\]\.?(\w*)")

_PATTERNS = {
    "include": "--include",
    "exclude": "--exclude",
    "maps": "--map",
    "masking rule": "--mask",
}
"""What patterns are for, as messages have it, with the arguments for them."""

# Whole phrases: what is called like a field may also be the name of a file.
_PHRASES = (
    (r"\bset overwrite\b", "pass --overwrite"),
    (
        r"^must be, with iv, what the job was submitted with; these are others$",
        "must have the key and iv that the job was submitted with; these are others",
    ),
    (r"\bsend aes256cbckey and iv\b", "give its key and iv with --key-file"),
    (
        r"\b(by|a|and|lets) (record_path|id_field|include)\b",
        lambda match: f"{match[1]} {option(match[2])}",
    ),
    (r"; id_field can\b", "; --id-field can"),
    (r"\bthat id_field names\b", "that --id-field names"),
    (r"\bsend encoding=cp949\b", "pass --encoding cp949"),
    (
        r"\bmade with it$",
        "made with it; `openssl rand -hex 32 > masking.key` makes one",
    ),
    (
        r"\bsend the iv it was encrypted with\b",
        "give the iv it was encrypted with, as the second line of the key file or in MYD_IV",
    ),
    (r"\bleave the layout out\b", "leave --layout out"),
    (r": record_path is the names\b", ": --record-path is the names"),
    (r"\bby --include or exclude\b", "by --include or --exclude"),
    (r"\bleave encoding out\b", "leave --encoding out"),
    (r"\bname the layout ([A-Z]+)\b", lambda match: f"pass --layout {match[1].lower()}"),
    (r"\bby maps to get a table\b", "by --map to get a table"),
    (
        r'(\bnothing matched |", )(include|exclude|maps|masking rule)(?= ")',
        lambda match: match[1] + _PATTERNS[match[2]],
    ),
    (r"\bname a profile or rules\b", "pass --mask-profile or --mask"),
    (
        r": no such file; its path counts from the data directory\b",
        ": no such file in the server's data directory, from which its path counts",
    ),
    (
        r"\bleave the key and iv out\b",
        lambda _: (
            f"leave the key out{_from_variable()}, or convert it by itself where other files need "
            "one"
        ),
    ),
    (r"\bhand (the .*key) over with ResumeJob, or send .* again, and\b", r"hand \1 over, and"),
)


def _from_variable() -> str:
    """What to do where the key may have come without being named in the command."""
    return " (unset MYD_KEY, if it is from there)" if os.environ.get("MYD_KEY") else ""


def option(field: str) -> str:
    """The argument for a field: `--record-path`; `FILE 2` for the second of the files."""
    if match := _FILE.fullmatch(field):
        return f"FILE {int(match[1]) + 1}" if match[1] else "FILE"
    if match := _ONE_OF_SEVERAL.fullmatch(field):
        return " ".join(filter(None, (option(match[1]), str(int(match[2]) + 1), match[3])))
    return _OPTIONS.get(field) or "--" + field.replace("_", "-")


def translated(message: str) -> str:
    """A message of the server that says what to do, as it is done here.

    A key that was typed for a pattern or a path is not repeated: nothing is called like one.
    """
    message = _PATH.sub(_told, message)
    if _UNMATCHED in message:
        message = re.sub(r'(?<=")\w+={0,2}(?=")', _told, message)
    for phrase, replacement in _PHRASES:
        message = re.sub(phrase, replacement, message)
    return message


def _told(typed: re.Match[str]) -> str:
    return INSTEAD if is_secret(typed[0]) else typed[0]


def refusal(error: CallError) -> str:
    """What a failed call says, with the reason by which README.md can be asked."""
    if error.violations:
        return "; ".join(map(_violation, error.violations))
    text = translated(_without_key(error))
    return (f"{text} ({error.reason})" if error.reason else text) + _remedy(error)


def _without_key(error: CallError) -> str:
    """What a failed call says, but for a key that was typed for the name of a file."""
    name, colon, rest = str(error).partition(": ")
    is_key = error.reason == "FILE_NOT_FOUND" and is_secret(name)
    return f"{INSTEAD}{colon}{rest}; {_IN_A_FILE}" if is_key else str(error)


def _remedy(error: CallError) -> str:
    """What would help where the server is not there, or the caller is not the right one."""
    if isinstance(error, UnauthenticatedError):
        return (
            "\ngive a token with --token-file F or in MYD_TOKEN; if there is one, it is not valid "
            "(any more), and whoever runs the server can make another"
        )
    if isinstance(error, PermissionDeniedError):
        return "\nwhoever runs the server can give it to this caller"
    is_away = isinstance(error, UnavailableError) and not error.reason
    return f"; {_START}" if is_away else ""


def _violation(one: Violation) -> str:
    return f"{option(one.field)}: {translated(one.description)}"
