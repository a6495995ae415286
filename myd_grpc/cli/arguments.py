"""The command line, as argparse sees it."""

from __future__ import annotations

import argparse
import os
import re
import shlex
from collections.abc import Sequence
from typing import Any

from myd_grpc.cli import mask_profile
from myd_grpc.cli.column_arguments import add_column_options, add_masking_key
from myd_grpc.cli.parser import Parser

ADDRESS_VARIABLE = "MYD_GRPC_ADDRESS"
CA_VARIABLE = "MYD_TLS_CA"
CERTIFICATE_VARIABLE = "MYD_TLS_CLIENT_CERT"
KEY_VARIABLE = "MYD_TLS_CLIENT_KEY"

_LOCAL_ADDRESS = "127.0.0.1:50051"
_STATUSES = ("working", "done", "failed")
_LAYOUTS = ("auto", "array", "keyed", "lines", "single")
_PROFILES = ("excel", "database", "excel-safe")
_FORMATS = ("csv", "xlsx", "parquet")
_LAST_PORT = 65_535

_JOB = "the job's id, as convert --detach and list show it"


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The parsed command line; usage errors end the process with exit code 2."""
    # The common options leave no default behind where they are not given: given before the
    # subcommand, they would be overwritten by those of the subcommand.
    parser = _parser()
    found: argparse.Namespace
    found, unknown = parser.parse_known_args(arguments, namespace=_defaults())
    if unknown:
        parser.refuse(f"no such argument: {' '.join(unknown)}", found.command)
    if not _is_address(found.address):
        parser.error(
            f"--address (or {ADDRESS_VARIABLE}) must be HOST:PORT, the address of gRPC and not "
            f"that of REST, and not {found.address!r}"
        )
    return found


def _is_address(text: str) -> bool:
    """Whether gRPC can be called there; of grpcs, the port may be left out: it is then 443."""
    scheme, _, place = text.rpartition("://")
    host, _, port = place.rpartition(":")
    if scheme or text.startswith("unix:"):
        return scheme in {"", "grpcs"} and place != ""
    return host != "" and port.isdecimal() and 0 < int(port) <= _LAST_PORT


def _defaults() -> argparse.Namespace:
    return argparse.Namespace(
        address=os.environ.get(ADDRESS_VARIABLE) or _LOCAL_ADDRESS,
        tls_ca=os.environ.get(CA_VARIABLE),
        tls_cert=os.environ.get(CERTIFICATE_VARIABLE),
        tls_key=os.environ.get(KEY_VARIABLE),
        token_file=None,
        json=False,
    )


def follow_up_command(arguments: argparse.Namespace, command: str) -> str:
    """A command as it is typed after one with these arguments, for the same server."""
    defaults = _defaults()
    given = (
        f" --{name.replace('_', '-')} {shlex.quote(getattr(arguments, name))}"
        for name in ("address", "tls_ca", "tls_cert", "tls_key", "token_file")
        if getattr(arguments, name) != getattr(defaults, name)
    )
    return f"python client.py{''.join(given)} {command}"


def _parser() -> Parser:
    common = _common_options()
    parser = Parser(
        prog="client.py",
        description="Convert MyData JSON files to CSV, Excel or Parquet, and watch it happen.",
        parents=[common],
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for add in (
        _add_convert,
        _add_status,
        _add_watch,
        _add_list,
        _add_tables,
        _add_cancel,
        _add_resume,
        _add_forget,
        _add_preprocess,
        _add_mask_profile,
    ):
        add(commands, common)
    return parser


def _common_options() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    common.add_argument(
        "--address",
        metavar="HOST:PORT",
        help=f"the server (default: ${ADDRESS_VARIABLE} or {_LOCAL_ADDRESS})",
    )
    common.add_argument(
        "--tls-ca",
        metavar="F",
        help=f"file with who signs the server's certificate: asks over TLS (${CA_VARIABLE})",
    )
    common.add_argument(
        "--tls-cert", metavar="F", help=f"file with a certificate to show (${CERTIFICATE_VARIABLE})"
    )
    common.add_argument("--tls-key", metavar="F", help=f"file with its key (${KEY_VARIABLE})")
    common.add_argument(
        "--token-file",
        metavar="F",
        help="file with the token that says who calls (default: $MYD_TOKEN)",
    )
    common.add_argument("--json", action="store_true", help="one JSON object a line, for programs")
    return common


def _add(commands: Any, common: argparse.ArgumentParser, name: str, text: str) -> Any:
    return commands.add_parser(name, parents=[common], help=text, description=text)


def _add_convert(commands: Any, common: argparse.ArgumentParser) -> None:
    parser = _add(commands, common, "convert", "Convert files and watch the job.")
    parser.add_argument(
        "file", nargs="+", metavar="FILE", help="a path in the server's data directory"
    )
    parser.add_argument(
        "--output", required=True, metavar="NAME", help="name of the output set and its root table"
    )
    parser.add_argument("--merge", action="store_true", help="one set from all files")
    parser.add_argument("--overwrite", action="store_true", help="replace a set of that name")
    parser.add_argument(
        "--profile",
        dest="csv_profile",
        type=str.lower,
        choices=_PROFILES,
        default="excel",
        help="how CSV is written (default: excel)",
    )
    parser.add_argument(
        "--format",
        dest="formats",
        action="append",
        type=str.lower,
        choices=_FORMATS,
        default=[],
        help="in which kind of files tables are written; may be given again (default: csv)",
    )
    parser.add_argument(
        "--checksums", action="store_true", help="write SHA-256 and counts beside the tables"
    )
    parser.add_argument("--detach", action="store_true", help="print the job's id and leave")
    parser.add_argument(
        "--request-id",
        default="",
        metavar="UUID",
        help="the same id with the same request starts nothing new, and hands a key over again",
    )
    add_column_options(parser)
    _add_read_options(parser)


def _add_preprocess(commands: Any, common: argparse.ArgumentParser) -> None:
    parser = _add(commands, common, "preprocess", "Summarise one user's shopping in a file.")
    parser.add_argument("file", metavar="FILE", help="a path in the server's data directory")
    parser.add_argument("--user", required=True, metavar="ID", help="whose records count")
    parser.add_argument("--proposal", required=True, metavar="ID", help="the proposal asked for")
    _add_read_options(parser)


def _add_mask_profile(commands: Any, common: argparse.ArgumentParser) -> None:
    text = "List the fields that --mask-profile mydata-kr masks, how, and why; asks no server."
    mask_profile.add_options(_add(commands, common, "mask-profile", text))


def _add_read_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--layout",
        type=str.lower,
        choices=_LAYOUTS,
        default="auto",
        help="where the records are",
    )
    parser.add_argument("--record-path", default="", metavar="A.B", help="objects to descend into")
    parser.add_argument("--id-field", default="", metavar="NAME", help="member with a record's id")
    parser.add_argument(
        "--encoding",
        default="",
        metavar="NAME",
        help="utf-8 (default) or cp949 (euc-kr): how text without a byte order mark is encoded",
    )
    _add_key_options(parser)


def _add_key_options(parser: argparse.ArgumentParser) -> None:
    key = parser.add_mutually_exclusive_group()
    key.add_argument(
        "--key-file",
        metavar="F",
        help="file with key and iv: lines of hex, or JSON (default: $MYD_KEY and $MYD_IV)",
    )
    key.add_argument("--ask-key", action="store_true", help="ask for key and iv")


def _add_status(commands: Any, common: argparse.ArgumentParser) -> None:
    parser = _add(commands, common, "status", "Show a job.")
    parser.add_argument("job", type=_job, metavar="JOB", help=_JOB)


def _add_watch(commands: Any, common: argparse.ArgumentParser) -> None:
    parser = _add(commands, common, "watch", "Watch a job until it ends, or all jobs.")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("job", nargs="?", type=_job, metavar="JOB", help=_JOB)
    which.add_argument("--all", action="store_true", help="every job, until Ctrl-C")
    _add_status_filter(parser)
    parser.add_argument(
        "--ended-limit",
        type=_count,
        default=0,
        metavar="N",
        help="with --all: begin with so many that have ended, at most 1000 (default: 100)",
    )
    parser.add_argument(
        "--from-revision",
        type=_count,
        default=0,
        metavar="N",
        help="only what came after this revision, to resume a watch",
    )


def _add_list(commands: Any, common: argparse.ArgumentParser) -> None:
    parser = _add(commands, common, "list", "List jobs, the newest first.")
    _add_status_filter(parser)
    _add_page_size(parser)


def _add_tables(commands: Any, common: argparse.ArgumentParser) -> None:
    parser = _add(commands, common, "tables", "List all tables that a job has written.")
    parser.add_argument("job", type=_job, metavar="JOB", help=_JOB)
    _add_page_size(parser)


def _add_page_size(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--page-size",
        type=_count,
        default=0,
        metavar="N",
        help="ask for so many at a time, at most 1000 (default: the server's choice)",
    )


def _add_status_filter(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--status",
        nargs="+",
        type=str.lower,
        choices=_STATUSES,
        default=[],
        metavar="STATUS",
        help=f"only jobs that are {', '.join(_STATUSES)}",
    )


def _add_cancel(commands: Any, common: argparse.ArgumentParser) -> None:
    parser = _add(commands, common, "cancel", "Cancel a job; nothing of its output stays.")
    parser.add_argument("job", type=_job, metavar="JOB", help=_JOB)


def _add_resume(commands: Any, common: argparse.ArgumentParser) -> None:
    text = "Hand its key to a job that waits for it after a restart of the server, and watch it."
    parser = _add(commands, common, "resume", text)
    parser.add_argument("job", type=_job, metavar="JOB", help=_JOB)
    parser.add_argument("--detach", action="store_true", help="show the job and leave")
    _add_key_options(parser)
    add_masking_key(parser)


def _add_forget(commands: Any, common: argparse.ArgumentParser) -> None:
    parser = _add(commands, common, "forget", "Delete the record of an ended job, not its files.")
    parser.add_argument("job", type=_job, metavar="JOB", help=_JOB)


def _job(text: str) -> str:
    """A job's id; what is a key instead is sent to no server, and so kept in no log."""
    if re.fullmatch("[0-9A-Fa-f]{64}", text):
        raise argparse.ArgumentTypeError("must be the id of a job, and not a key")
    return text


def _count(text: str) -> int:
    """A number as the messages hold it; argparse names the option that has another."""
    if not text.isascii() or not text.isdigit() or int(text) >= 1 << 31:
        raise argparse.ArgumentTypeError(f"must be a whole number below 2^31, not {text!r}")
    return int(text)
