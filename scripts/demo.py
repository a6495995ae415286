"""`make demo`: encrypted sample data, a server of its own, a conversion with live progress.

Everything is in `.demo/`, which a run begins by clearing; the CSV files stay there to be looked at.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / ".demo"
DATA = DEMO / "data"
ADDRESS_FILE = DEMO / "address"
LOG = DEMO / "server.log"
KEY = ("--key-file", str(DATA / "sample.key"))
SAMPLE = "encrypted.myd_sample_1.json"
START_TIMEOUT_S = 30
STOP_TIMEOUT_S = 15


class DemoError(Exception):
    """The demo cannot go on; the text says why."""


def main() -> int:
    """Runs the demo and answers its exit code; an interrupted one leaves nothing behind."""
    signal.signal(signal.SIGTERM, _raise_interrupt)
    try:
        _run()
    except DemoError as error:
        print(f"the demo failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        shutil.rmtree(DEMO, ignore_errors=True)
        print("demo interrupted: its server is stopped, its files are removed", file=sys.stderr)
        return 130
    return 0


def _run() -> None:
    shutil.rmtree(DEMO, ignore_errors=True)
    DATA.mkdir(parents=True)
    _say("1. Sample data, encrypted with AES-256-CBC")
    _python("-m", "myd_grpc.sample", "--out", str(DATA), "--size", "200MB", "--encrypt")
    _say("2. A server on a free port")
    with _server() as address:
        client = ("client.py", "--address", address)
        _say("3. The conversion")
        _python(*client, "convert", SAMPLE, "--merge", "--output", "demo", *KEY)
        _say("4. What it wrote")
        _show_files(DATA / "output" / "demo")
    _say("The server has stopped; the files stay in .demo/data/output/demo until the next run.")


@contextmanager
def _server() -> Iterator[str]:
    """A server for as long as the block runs; gives its address."""
    settings = {
        "MYD_DATA_DIR": str(DATA),
        "MYD_GRPC_ADDRESS": "127.0.0.1:0",
        "MYD_ADDRESS_FILE": str(ADDRESS_FILE),
    }
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MYD_")} | settings
    with LOG.open("wb") as log:
        # In a session of its own, so that Ctrl-C reaches this process, which stops it in order.
        process = subprocess.Popen(
            [sys.executable, "server.py"],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield _address(process)
    finally:
        _stop(process)


def _address(process: subprocess.Popen[bytes]) -> str:
    """What the server writes once it takes calls; the file appears all at once."""
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while not ADDRESS_FILE.exists():
        if process.poll() is not None or time.monotonic() > deadline_s:
            raise DemoError(f"the server did not start:\n{LOG.read_text(errors='replace')}")
        time.sleep(0.02)
    address = ADDRESS_FILE.read_text().strip()
    print(f"listening on {address}")
    return address


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
    files = sorted(directory.glob("*.csv"))
    with (directory / "demo_1.csv").open(encoding="utf-8-sig") as table:
        for line in (table.readline() for _ in range(3)):
            print(line[:76].rstrip() + " ...")
    print(f"{len(files)} CSV files in {directory.relative_to(ROOT)}")


def _say(text: str) -> None:
    print(f"\n{text}", flush=True)


def _raise_interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
