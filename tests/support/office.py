"""LibreOffice, which reads a CSV file much as Excel does."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import openpyxl

KOREAN, ENGLISH = 1042, 1033
"""Languages by their numbers in Windows, by which numbers and dates are read."""

# A comma between cells, a quote around them, UTF-8, from line 1 on; then what has no quotes is read
# as numbers, dates and so on, and so is what has; formulas are evaluated.
_READ = "44,34,76,1,,{language},false,true,false,false,false,-1,true"


def missing() -> str:
    """What is not there that it takes; nothing if all is."""
    return "" if shutil.which("soffice") else "no LibreOffice (soffice)"


def shown(file: Path, work: Path, language: int) -> list[list[object]]:
    """The values of the cells of a CSV file, formulas evaluated; None is an empty cell."""
    command = [
        *("soffice", "--headless", f"-env:UserInstallation={(work / 'profile').as_uri()}"),
        f"--infilter=Text - txt - csv (StarCalc):{_READ.format(language=language)}",
        *("--convert-to", "xlsx", "--outdir", str(work), str(file)),
    ]
    environment = {**os.environ, "HOME": str(work)}
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=300)
    made = (work / file.name).with_suffix(".xlsx")
    sheet = openpyxl.load_workbook(made, data_only=True).active
    assert sheet
    return [list(row) for row in sheet.iter_rows(values_only=True)]
