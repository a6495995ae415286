"""The headline with what older processors have, which this one has, too."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.data import DATA, KEPT, Input, encrypted, plain_array
from benchmarks.report import MB, VECTORS, Section, spread

TITLE = "Older processors"
ROOT = Path(__file__).resolve().parent.parent
_VAES, _AES = "VAES", "AES-NI"
"""What AES is computed with: by the engine as it is, and with a crate that knows no VAES."""
_OLD_AES = "0.9.2"
_CONVERT = """
import importlib.util, json, sys, tempfile, time
from pathlib import Path
data, name, key, iv, library = sys.argv[1:]
if library:
    spec = importlib.util.spec_from_file_location("myd_grpc._native", library)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
from myd_grpc import _native
from myd_grpc.convert.model import CipherKey, Conversion, Keys
from myd_grpc.convert.pipeline import convert
wanted = Conversion(data, (name,), "out", engine="native", threads=1)
keys = Keys(CipherKey(bytes.fromhex(key), bytes.fromhex(iv)) if key else None)
for _ in range(2):
    with tempfile.TemporaryDirectory(dir=Path(data).parent) as output:
        began = time.process_time()
        convert(wanted, keys, Path(output), lambda *_: None)
        seconds = time.process_time() - began
print(_native.vectors()[0], seconds)
"""
"""The second conversion of a process counts: memory is touched for the first time in the other."""


def is_available() -> bool:
    """Whether the engine is here, and what compiles it."""
    try:
        from myd_grpc import _native  # noqa: F401, PLC0415
    except ImportError:
        return False
    return shutil.which("cargo") is not None


def measure(size: int, runs: int) -> Section:
    """All kinds of vectors in turn, each with what AES is computed with."""
    libraries = {_VAES: "", _AES: str(_with_old_aes())}
    contests = [
        (asked, aes, "plain" if given is plain else "encrypted", given)
        for plain, secret in [(plain_array(size), encrypted(size))]
        for asked in VECTORS
        for aes, given in ((_VAES, plain), (_VAES, secret), (_AES, secret))
    ]
    speeds: dict[tuple[str, str, str], list[float]] = {}
    for _ in range(runs):
        for asked, aes, kind, given in contests:
            used, seconds = _converted(given, asked, libraries[aes])
            if used == asked:  # else the processor has no such vectors
                key = (VECTORS[asked], aes if kind == "encrypted" else "-", kind)
                speeds.setdefault(key, []).append(given.size / MB / seconds)
    return Section(
        TITLE,
        f"Megabytes that a core converts in a second of its time: {size // MB} MB, on one thread, "
        f"without a server around it. Medians of {runs} alternating runs. The vectors are those "
        "that `MYD_VECTORS` allows; libraries use what the processor has, but for AES, where "
        f"AES-NI is the engine with aes {_OLD_AES}, which knows no VAES.",
        ["vectors", "AES", "input", "MB/s (least-greatest)"],
        [[*key, spread(found)] for key, found in speeds.items()],
    )


def _converted(given: Input, asked: str, library: str) -> tuple[str, float]:
    """The vectors that were used, and the seconds of processor time."""
    given.read_once()
    command = [sys.executable, "-c", _CONVERT, str(DATA), given.name, given.key, given.iv, library]
    environ = {**os.environ, "MYD_VECTORS": asked}
    done = subprocess.run(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, check=True)
    used, seconds = done.stdout.decode().split()
    return used, float(seconds)


def _with_old_aes() -> Path:
    """The engine with AES as compilers before Rust 1.89 have it, compiled apart."""
    place = KEPT / "old-aes"
    shutil.rmtree(place / "native", ignore_errors=True)
    for crate in ("core", "python"):
        shutil.copytree(ROOT / "native" / crate, place / "native" / crate)
    shutil.copy(ROOT / "native" / "Cargo.toml", place / "native")
    environ = {
        **os.environ,
        "CARGO_TARGET_DIR": str(place / "target"),
        "PYO3_PYTHON": sys.executable,
    }
    for command in (
        ["update", "--quiet", "--package", "aes", "--precise", _OLD_AES],
        ["build", "--quiet", "--release", "--package", "myd-python"],
    ):
        subprocess.run(["cargo", *command], cwd=place / "native", env=environ, check=True)
    return place / "target" / "release" / "lib_native.so"
