"""How a command line is refused: what is wrong with it comes first, and no key is repeated."""

from __future__ import annotations

import argparse
from typing import NoReturn

from myd_grpc.cli.wrapping import tell
from myd_grpc.secret_texts import looks_secret, without_secrets

USAGE = 2
"""The exit code of arguments that cannot be."""

_IN_A_FILE = (
    "others can see what is typed: give a key or a token in a file, with --key-file, "
    "--masking-key-file or --token-file\n"
)


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, and in another how to see the usage, which is long."""

    def error(self, message: str) -> NoReturn:
        """End the process, as argparse would have it."""
        self.refuse(message)

    def refuse(self, message: str, command: str = "") -> NoReturn:
        """End the process, for what is wrong with the arguments of a command of this parser."""
        help_of = " ".join(filter(None, (self.prog, command)))
        told = f"error: {without_secrets(message)}\n{_IN_A_FILE * looks_secret(message)}"
        tell(f"{told}see `python {help_of} --help`")
        self.exit(USAGE)
