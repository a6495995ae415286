"""`make demo`: encrypted sample data, a server of its own, a conversion with live progress.

Everything is in one directory, which a run begins by clearing; the CSV files stay there to be
looked at.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from rich.cells import cell_len, chop_cells

ROOT = Path(__file__).resolve().parent.parent
GATEWAY = ROOT / "gateway" / "bin" / "myd-gateway"
SAMPLE = "encrypted.myd_sample_1.json"
# By which a test makes the server wait: the one setting of the environment that is handed on.
FAILPOINTS = "MYD_FAILPOINTS"
START_TIMEOUT_S = 30
STOP_TIMEOUT_S = 15
_MORE = " ..."


class DemoError(Exception):
    """The demo cannot go on; the text says why."""


class Addresses(NamedTuple):
    """Where calls are taken; `rest` is empty where no gateway is built."""

    grpc: str
    rest: str


def main() -> int:
    """Runs the demo and answers its exit code; an interrupted one leaves nothing behind."""
    arguments = _arguments()
    signal.signal(signal.SIGTERM, _raise_interrupt)
    try:
        _run(arguments.directory, arguments.size)
    except DemoError as error:
        print(f"the demo failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        shutil.rmtree(arguments.directory, ignore_errors=True)
        print("demo interrupted: its server is stopped, its files are removed", file=sys.stderr)
        return 130
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", type=Path, default=ROOT / ".demo")
    parser.add_argument("--size", default="200MB", help="of the sample data")
    return parser.parse_args()


def _run(directory: Path, size: str) -> None:
    data, output = directory / "data", directory / "data" / "output" / "demo"
    key = ("--key-file", str(data / "sample.key"))
    shutil.rmtree(directory, ignore_errors=True)
    data.mkdir(parents=True)

    _say("1. Sample data, encrypted with AES-256-CBC")
    _python("-m", "myd_grpc.sample", "--out", str(data), "--size", size, "--encrypt")
    _say("2. A server on a free port")
    with _server(directory) as (address, rest):
        client = ("client.py", "--address", address)
        _say("3. The conversion")
        _python(*client, "convert", SAMPLE, "--merge", "--output", "demo", *key)
        _say("4. The first lines of its root table")
        _show_files(output)
        _say("5. What one user bought")
        user = ("--user", "user-000001", "--proposal", "proposal-1")
        _python(*client, "preprocess", SAMPLE, *user, *key)
        if rest:
            _say("6. The same job by REST")
            _show_answer(f"http://{rest}/jobs?page_size=1")
    _say(f"The server has stopped; {output} is there to be looked at.")


@contextmanager
def _server(directory: Path) -> Iterator[Addresses]:
    """A server for as long as the block runs, with the gateway where that is built."""
    grpc, rest, log_file = (directory / name for name in ("address", "rest-address", "server.log"))
    with_rest = GATEWAY.exists()
    settings = {
        "MYD_DATA_DIR": str(directory / "data"),
        "MYD_GRPC_ADDRESS": "127.0.0.1:0",
        "MYD_ADDRESS_FILE": str(grpc),
        "MYD_REST_ADDRESS": "127.0.0.1:0",
        "MYD_REST_ADDRESS_FILE": str(rest),
    }
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("MYD_") or name == FAILPOINTS
    }
    with log_file.open("wb") as log:
        # In a session of its own, so that Ctrl-C reaches this process, which stops it in order.
        process = subprocess.Popen(
            [sys.executable, "server.py", *(["--rest"] if with_rest else [])],
            cwd=ROOT,
            env=kept | settings,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        address = _address(process, grpc, log_file)
        print(f"listening on {address}", flush=True)
        by_rest = _address(process, rest, log_file) if with_rest else ""
        if by_rest:
            print(f"live in a browser on http://{by_rest}/jobs/live", flush=True)
        yield Addresses(address, by_rest)
    finally:
        _stop(process)


def _address(process: subprocess.Popen[bytes], address_file: Path, log_file: Path) -> str:
    """What is written once calls are taken; the file appears all at once."""
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while not address_file.exists():
        if process.poll() is not None or time.monotonic() > deadline_s:
            raise DemoError(f"the server did not start:\n{log_file.read_text(errors='replace')}")
        time.sleep(0.02)
    return address_file.read_text().strip()


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _python(*arguments: str) -> None:
    """Runs a command of this project at the terminal."""
    completed = subprocess.run([sys.executable, *arguments], cwd=ROOT, check=False)
    if completed.returncode in (130, -signal.SIGINT):
        raise KeyboardInterrupt
    if completed.returncode:
        raise DemoError(f"{' '.join(arguments[:4])} ... ended with {completed.returncode}")


def _show_files(directory: Path) -> None:
    """The first lines of the root table, and where the rest is."""
    with (directory / "demo_1.csv").open(encoding="utf-8-sig") as table:
        for line in (table.readline() for _ in range(3)):
            print(_fitted(line.rstrip()))
    print(f"{len(list(directory.glob('*_*.csv')))} CSV files in {directory}", flush=True)


def _show_answer(url: str) -> None:
    """How to call, and the beginning of what comes back."""
    print(f"curl '{url}'")
    # No proxy of the environment is asked for this machine's own address.
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(url, timeout=START_TIMEOUT_S) as answer:
        print(_fitted(answer.read().decode()), flush=True)


def _fitted(text: str) -> str:
    """The beginning of a text, in a line of the terminal: a syllable of Hangul takes two cells."""
    cells = shutil.get_terminal_size().columns
    if cell_len(text) <= cells:
        return text
    return chop_cells(text, max(2, cells - len(_MORE)))[0] + _MORE


def _say(text: str) -> None:
    print(f"\n{text}", flush=True)


def _raise_interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
