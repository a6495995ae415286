"""How a command line is refused: what is wrong with it comes first, and no key is repeated."""

from __future__ import annotations

import argparse
from typing import NoReturn

from myd_grpc.secret_texts import without_secrets

USAGE = 2
"""The exit code of arguments that cannot be."""


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, and in another how to see the usage, which is long."""

    def error(self, message: str) -> NoReturn:
        """End the process, as argparse would have it."""
        self.refuse(message)

    def refuse(self, message: str, command: str = "") -> NoReturn:
        """End the process, for what is wrong with the arguments of a command of this parser."""
        help_of = " ".join(filter(None, (self.prog, command)))
        told = f"error: {without_secrets(message)}\nsee `python {help_of} --help`\n"
        self.exit(USAGE, told)
