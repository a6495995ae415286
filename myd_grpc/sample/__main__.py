"""``python -m myd_grpc.sample --out DIR --size 200MB --seed 7 [--files N] [--encrypt]``."""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from myd_grpc.sample.files import Progress, SampleSet, generate

_UNITS = {"": 1, "B": 1}
_UNITS |= {f"{letter}B": 1000**n for n, letter in enumerate("KMGT", 1)}
_UNITS |= {f"{letter}IB": 1024**n for n, letter in enumerate("KMGT", 1)}

_LARGE = 100_000_000
"""Bytes that take long enough for somebody to wonder."""


def size(value: str) -> int:
    """Bytes of a size such as 500KB, 1.5GB (decimal units) or 64MiB (binary units)."""
    match = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,9})?) ?([A-Za-z]{0,3})", value.strip())
    if match is None or match[2].upper() not in _UNITS:
        raise argparse.ArgumentTypeError(f"{value!r} is no size such as 500KB, 200MB or 4GB")
    count = int(Fraction(match[1]) * _UNITS[match[2].upper()])
    if count < 1:
        raise argparse.ArgumentTypeError("the size must be at least one byte")
    return count


def number_of_files(value: str) -> int:
    """A number from 1 to 10000."""
    if not re.fullmatch(r"[0-9]{1,5}", value) or not 1 <= int(value) <= 10_000:
        raise argparse.ArgumentTypeError(f"{value!r} is no number from 1 to 10000")
    return int(value)


def readable(count: int) -> str:
    """A number of bytes in decimal units: 200.0 MB."""
    amount, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if amount < 999.95:  # what would be shown as 1000.0
            break
        amount, unit = amount / 1000, larger
    return f"{amount:.1f} {unit}" if unit != "B" else f"{count} B"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 when all is written, 2 when it cannot be."""
    options = _parser().parse_args(arguments)
    progress = _progress_line(options.size) if sys.stderr.isatty() else None
    if progress is None and options.size >= _LARGE:
        sys.stderr.write(f"making {readable(options.size)} of sample data; that takes a while\n")
        sys.stderr.flush()
    try:
        samples = generate(
            options.out, options.size, options.seed, options.encrypt, options.files,
            progress=progress,
        )  # fmt: skip
    except (OSError, ValueError) as error:
        return _fail(error, options.out)
    except KeyboardInterrupt:
        sys.stderr.write("\nstopped; the unfinished file is removed\n")
        return 130
    finally:
        if progress is not None:
            sys.stderr.write("\r\x1b[K")
    sys.stdout.write(f"{_outcome(samples)}\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m myd_grpc.sample",
        description="Make MyData-shaped sample files of synthetic people. "
        "One seed gives the same bytes on every machine.",
    )
    add = parser.add_argument
    add("--out", type=Path, required=True, metavar="DIR", help="directory, made if missing")
    add("--size", type=size, default="200MB", help="of all files together (default: 200MB)")
    add("--seed", type=int, default=7, help="a whole number (default: 7)")
    add("--files", type=number_of_files, default=1, metavar="N", help="how many (default: 1)")
    add("--encrypt", action="store_true", help="AES-256-CBC, with sample.key beside the files")
    return parser


def _progress_line(total: int) -> Progress:
    """Rewrites one line on stderr, at most ten times a second."""
    shown = 0.0

    def show(done: int) -> None:
        nonlocal shown
        now = time.monotonic()
        if now - shown >= 0.1:
            shown = now
            share = min(100, done * 100 // total)
            sys.stderr.write(f"\r\x1b[K{share:3d}%  {readable(done)} of {readable(total)}")
            sys.stderr.flush()

    return show


def _fail(error: OSError | ValueError, out: Path) -> int:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    sys.stderr.write(f"python -m myd_grpc.sample: cannot write to {out}: {reason}\n")
    return 2


def _outcome(samples: SampleSet) -> str:
    count = len(samples.files)
    first = samples.paths[0]
    names = str(first) if count == 1 else f"{count} files from {first} to {samples.paths[-1].name}"
    key = f", key file {samples.key_file}" if samples.key_file else ""
    users = f"{samples.users} {'user' if samples.users == 1 else 'users'}"
    return (
        f"wrote {names}: {samples.bytes_written} bytes ({readable(samples.bytes_written)}), "
        f"{users}{key}{_in_place_of(samples.replaced)}"
    )


def _in_place_of(replaced: int) -> str:
    if not replaced:
        return ""
    return f", in place of {'the file' if replaced == 1 else f'{replaced} files'} from before"


if __name__ == "__main__":
    sys.exit(main())
