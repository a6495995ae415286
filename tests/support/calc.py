"""What LibreOffice Calc shows of a file."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
from pathlib import Path

import pytest

# A comma, a quote, UTF-8 and the first line; numbers as they are recognised or shown.
_READ = "44,34,76,1,,0,false,true,false,false,false,0"
_WRITE = "44,34,76,1,,0,false,true,true,false,false,-1"  # every sheet in a file of its own
_CSV = "Text - txt - csv (StarCalc)"


def shown_by_calc(
    file: Path, place: Path, *, evaluated: bool = False
) -> dict[str, list[list[str]]]:
    """The cells of each sheet, by its name, as they look; a directory is made in `place`.

    `evaluated` says whether formulas in a CSV file are. Skips the test where there is no Calc.
    """
    if os.environ.get("CI") != "true" and not shutil.which("soffice"):
        pytest.skip("left out: how files look in LibreOffice, as it is not there")
    shown = place / "shown"
    program = ["soffice", "--headless", f"-env:UserInstallation=file://{place}/profile"]
    if file.suffix == ".csv":
        program.append(f"--infilter={_CSV}:{_READ},{str(evaluated).lower()}")
    program += ["--convert-to", f"csv:{_CSV}:{_WRITE}", "--outdir", str(shown), str(file)]
    subprocess.run(program, check=True, capture_output=True)
    return {
        path.stem.removeprefix(f"{file.stem}-"): _rows(path) for path in sorted(shown.iterdir())
    }


def _rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as text:
        return list(csv.reader(text))
