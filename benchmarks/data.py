"""Generated input, made once and kept in `.bench/`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.report import MB
from myd_grpc.sample import generate, plaintext

SEED = 7
KEPT = Path(__file__).resolve().parent.parent / ".bench"
DATA = KEPT / "data"


@dataclass(frozen=True, slots=True)
class Input:
    """A file in the data directory; `size` in bytes, key and iv in hex, empty for plain JSON."""

    name: str
    size: int
    key: str = ""
    iv: str = ""

    @property
    def megabytes(self) -> int:
        """What it is meant to have; it ends with the last record that fits."""
        return round(self.size / MB)

    def read_once(self) -> None:
        """Has the system keep the file in memory, so that nobody's run waits for the disk first."""
        with (DATA / self.name).open("rb") as file:
            while file.read(MB):
                pass


def encrypted(size: int) -> Input:
    """Sample data of about that size, as users send it."""
    directory = DATA / f"encrypted-{size}"
    if not (directory / "sample.key").exists():
        generate(directory, size, SEED, encrypt=True)
    path = directory / "encrypted.myd_sample_1.json"
    key, iv = (directory / "sample.key").read_text().split()
    return Input(str(path.relative_to(DATA)), path.stat().st_size, key, iv)


def plain_array(size: int) -> Input:
    """The same records as the elements of one array: a form that every converter reads."""
    return made(f"array-{size}.json", _array(plaintext(size, SEED)))


def made(name: str, pieces: Iterable[bytes]) -> Input:
    """A plain file of these pieces, which are not asked for when it is there."""
    path = DATA / name
    if not path.exists():
        DATA.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part")
        with unfinished.open("wb") as file:
            file.writelines(pieces)
        unfinished.rename(path)
    return Input(path.name, path.stat().st_size)


def _array(members: Iterator[bytes]) -> Iterator[bytes]:
    """One element for each member of the sample document, which comes member by member."""
    separator = b"["
    for member in members:
        _, colon, value = member.partition(b'":')
        if colon:
            yield separator + value
            separator = b",\n"
    yield b"]"
