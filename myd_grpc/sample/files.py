"""Writing sample files: plain or encrypted while they are made, with the key file beside them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from Crypto.Cipher import AES

from myd_grpc.sample.document import plaintext
from myd_grpc.sample.pools import derive

KEY_FILE: Final = "sample.key"
_BLOCK: Final = 16

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class SampleFile:
    """One written file; `plaintext_bytes` is its size before encryption.

    `replaces` tells whether there was a file of that name before.
    """

    path: Path
    first_user: int
    users: int
    plaintext_bytes: int
    bytes_written: int
    replaces: bool = False


@dataclass(frozen=True, slots=True)
class SampleSet:
    """What `generate` has written. Key and iv belong to the seed, used or not."""

    files: tuple[SampleFile, ...]
    seed: int
    key_hex: str
    iv_hex: str
    key_file: Path | None

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files' paths, in order."""
        return tuple(file.path for file in self.files)

    @property
    def users(self) -> int:
        """How many users all files hold together."""
        return sum(file.users for file in self.files)

    @property
    def replaced(self) -> int:
        """How many files were there before, and are others now."""
        return sum(file.replaces for file in self.files)

    @property
    def bytes_written(self) -> int:
        """The bytes of all files, the key file not counted."""
        return sum(file.bytes_written for file in self.files)


def key_and_iv(seed: int) -> tuple[bytes, bytes]:
    """The 32-byte key and the 16-byte iv of a seed. Not a secret: anyone can derive them."""
    return derive(seed, "key"), derive(seed, "iv")[:_BLOCK]


def encrypted(chunks: Iterator[bytes], key: bytes, iv: bytes) -> Iterator[bytes]:
    """AES-256-CBC with PKCS#7 over the chunks, each passed on as soon as it is encrypted."""
    cipher = AES.new(key, AES.MODE_CBC, iv)
    rest = b""
    for chunk in chunks:
        data = rest + chunk
        whole = len(data) - len(data) % _BLOCK
        rest = data[whole:]
        yield cipher.encrypt(data[:whole])
    missing = _BLOCK - len(rest)
    yield cipher.encrypt(rest + bytes([missing]) * missing)


def generate(
    out: Path,
    size_bytes: int,
    seed: int,
    encrypt: bool,
    files: int = 1,
    *,
    progress: Progress | None = None,
) -> SampleSet:
    """Write `files` files of `size_bytes` together into the directory `out`, made if missing.

    With `encrypt` the files are ``encrypted.myd_sample_<n>.json`` and the key file says how to
    read them. Each appears under its name only when it is complete. `progress` is called with
    the bytes made so far. Raises ValueError for impossible arguments, OSError for the disk's.
    """
    if size_bytes < 1 or not 1 <= files <= size_bytes:
        raise ValueError("the size and the number of files must be positive")
    out.mkdir(parents=True, exist_ok=True)
    key, iv = key_and_iv(seed)
    key_file = _write_key(out / KEY_FILE, key, iv) if encrypt else None
    written: list[SampleFile] = []
    first_user = 1
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        if progress is not None:
            progress(done)

    for number in range(1, files + 1):
        name = f"myd_sample_{number}.json"
        path = out / (f"encrypted.{name}" if encrypt else name)
        replaces = path.exists()
        source = _Counted(plaintext(size_bytes // files, seed, first_user), advance)
        _write(path, encrypted(source, key, iv) if encrypt else source)
        users = source.chunks - 1  # one chunk a user, and the closing one
        size = path.stat().st_size
        written.append(SampleFile(path, first_user, users, source.bytes, size, replaces))
        first_user += users
    return SampleSet(tuple(written), seed, key.hex(), iv.hex(), key_file)


class _Counted:
    """Passes chunks on and counts them."""

    def __init__(self, chunks: Iterator[bytes], advance: Progress) -> None:
        self._source = chunks
        self._advance = advance
        self.chunks = 0
        self.bytes = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        chunk = next(self._source)
        self.chunks += 1
        self.bytes += len(chunk)
        self._advance(len(chunk))
        return chunk


def _write(path: Path, chunks: Iterator[bytes]) -> None:
    """Write to a hidden file beside `path` and rename it; nothing is left after a failure."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("wb") as file:
            for chunk in chunks:
                file.write(chunk)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _write_key(path: Path, key: bytes, iv: bytes) -> Path:
    """Two lines, the key and the iv in hex, readable by the owner only from the start."""
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii", newline="\n") as file:
        os.fchmod(descriptor, 0o600)
        file.write(f"{key.hex()}\n{iv.hex()}\n")
    partial.replace(path)
    return path
