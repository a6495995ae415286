"""Where the command line client starts, and where its errors end."""

from __future__ import annotations

import io
import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING

from myd_grpc.cli import arguments as command_line
from myd_grpc.cli.parser import USAGE
from myd_grpc.cli.wrapping import tell

if TYPE_CHECKING:
    from myd_grpc.client import Tls

# Arguments may be any bytes, but messages hold text.
_NO_TEXT = "what the server is asked with has to be in UTF-8"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and answers the exit code."""
    arguments = command_line.parse(argv)
    # Loaded only now, so that --help and usage errors need not wait for gRPC.
    from myd_grpc.cli import commands, output, terms, wording  # noqa: PLC0415
    from myd_grpc.client import (  # noqa: PLC0415
        CallError,
        Client,
        InvalidKeyError,
        InvalidTlsError,
        InvalidTokenError,
    )

    _never_fail_to_print()
    try:
        with Client(
            arguments.address,
            tls=_tls(arguments),
            token=commands.token(arguments),
            on_retry=lambda error: tell(wording.repeating(error)),
        ) as client:
            chosen = output.choose(as_json=arguments.json)
            exit_code = commands.run(commands.Session(client, chosen, arguments))
        if sys.stdout:
            sys.stdout.flush()
    except (CallError, commands.UnansweredError, commands.UnknownJobError) as error:
        why = terms.refusal(error) if isinstance(error, CallError) else str(error)
        return _fail(f"error: {why}", commands.NOT_DONE)
    except commands.WatchEndedError as left:
        _drop_output()
        how = _how_to_go_on(arguments, left.job_id)
        return _fail(f"{left}\n{how}", left.exit_code)
    except KeyboardInterrupt:
        return commands.INTERRUPTED
    except OSError as error:
        _drop_output()
        said = not isinstance(error, BrokenPipeError)
        wrong = f"error: {wording.why_unwritten(error)}"
        return _fail(wrong, commands.NOT_DONE) if said else commands.NOT_DONE
    except (InvalidKeyError, InvalidTlsError, InvalidTokenError, UnicodeEncodeError) as error:
        wrong = _NO_TEXT if isinstance(error, UnicodeEncodeError) else str(error)
        return _fail(f"error: {wrong}", USAGE)
    return exit_code


def _tls(arguments: Namespace) -> Tls | None:
    from myd_grpc.client import Tls  # noqa: PLC0415

    files = (arguments.tls_ca, arguments.tls_cert, arguments.tls_key)
    return Tls.of(*files, os.environ.get("MYD_TLS_SERVER_NAME"))


def _never_fail_to_print() -> None:
    """Have a terminal that cannot show a name, be it in Hangul, get `?` and no exception."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _drop_output() -> None:
    """Forget what is still buffered: where the reader has left, it would raise again at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(text: str, exit_code: int) -> int:
    tell(text)
    return exit_code


def _how_to_go_on(arguments: Namespace, job_id: str) -> str:
    return (
        f"watch it again:  {command_line.follow_up_command(arguments, f'watch {job_id}')}\n"
        f"cancel it:       {command_line.follow_up_command(arguments, f'cancel {job_id}')}"
    )
