"""How a command line is refused: what is wrong with it comes first, and no key is repeated."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from itertools import takewhile
from typing import Any, NoReturn

from myd_grpc.cli.wrapping import tell
from myd_grpc.secret_texts import looks_secret, without_secrets

USAGE = 2
"""The exit code of arguments that cannot be."""

_MISSING = "the following arguments are required"
_IN_A_FILE = (
    "others can see what is typed: give a key or a token in a file, with --key-file, "
    "--masking-key-file or --token-file\n"
)


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, and in another how to see the usage, which is long."""

    _typed: Sequence[str] = ()

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse has it; what was typed is kept for what is said if it cannot be."""
        self._typed = sys.argv[1:] if args is None else list(args)
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """End the process, as argparse would have it."""
        # One that is missing may only be misspelt, and argparse never comes to say so.
        unknown = self._unknown() if message.startswith(_MISSING) else []
        self.refuse("; ".join([f"no such argument: {one}" for one in unknown] + [message]))

    def _unknown(self) -> list[str]:
        """The options that were typed and are none; argparse takes each by its beginning, too."""
        options = takewhile(lambda one: one != "--", self._typed)
        names = (one.partition("=")[0] for one in options if one.startswith("--"))
        known = tuple(self._option_string_actions)
        return [name for name in names if not any(one.startswith(name) for one in known)]

    def refuse(self, message: str, command: str = "") -> NoReturn:
        """End the process, for what is wrong with the arguments of a command of this parser."""
        help_of = " ".join(filter(None, (self.prog, command)))
        told = f"error: {without_secrets(message)}\n{_IN_A_FILE * looks_secret(message)}"
        tell(f"{told}see `python {help_of} --help`")
        self.exit(USAGE)
