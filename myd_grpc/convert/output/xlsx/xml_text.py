"""Text as the XML of a workbook has it (ECMA-376, part 1, 22.9.2.19: ST_Xstring)."""

from __future__ import annotations

import re
from xml.sax.saxutils import escape

# What XML cannot hold, or reads as something else. An underscore is escaped where `_xHHHH_` would
# be read, the end of which may also be what is written for another character.
_UNWRITABLE = "\x00-\x08\x0b-\x1f\ufffe\uffff"
_SPECIAL = re.compile(f"_(?=x[0-9A-Fa-f]{{4}}[_{_UNWRITABLE}])|[{_UNWRITABLE}]")
_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")


def written(text: str) -> str:
    """`text` for the content of an element, or an attribute in double quotes."""
    return escape(_SPECIAL.sub(lambda it: f"_x{ord(it[0]):04X}_", text), {'"': "&quot;"})


def read(text: str) -> str:
    """What was written, after it was read as XML."""
    return _ESCAPED.sub(lambda it: chr(int(it[1], 16)), text)
