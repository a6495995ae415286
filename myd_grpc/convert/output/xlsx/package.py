"""The parts of a workbook beside its sheets (ECMA-376, parts 1 and 2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from myd_grpc.convert.output.xlsx import first_sheet, styles
from myd_grpc.convert.output.xlsx.xml_text import written

_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006"
_RELATIONS = f"{_OFFICE}/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument"
_PROPERTIES = (
    f'{_XML}<Properties xmlns="{_OFFICE}/extended-properties">'
    "<Application>myd</Application></Properties>"
)

FIRST_SHEET = "xl/worksheets/sheet1.xml"
"""The name of the part that is the first sheet."""

MOST_BYTES = 16 << 10
"""What the parts take at most beside what they tell of each sheet."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A sheet, with how many columns it has."""

    sheet: first_sheet.Sheet
    columns: int


def sheet_part(number: int) -> str:
    """The name of the part that is the sheet of that number; the first one's is 1."""
    return f"xl/worksheets/sheet{number}.xml"


def beginning() -> Iterator[tuple[str, bytes]]:
    """The parts that are the same in all workbooks, by name.

    With these before a large one, programs that look at the first bytes see what the file is.
    """
    targets = [("officeDocument", "xl/workbook.xml"), ("extended-properties", "docProps/app.xml")]
    yield "_rels/.rels", _joined(_relations(targets))
    yield "docProps/app.xml", _PROPERTIES.encode()
    yield "xl/styles.xml", _joined(styles.xml())


def ending(sheets: Sequence[Placed]) -> Iterator[tuple[str, bytes]]:
    """The other parts, by name: the first sheet, and what names the sheets."""
    numbers = range(1, len(sheets) + 2)
    targets = [("worksheet", f"worksheets/sheet{number}.xml") for number in numbers]
    yield FIRST_SHEET, _joined(first_sheet.xml([one.sheet for one in sheets]))
    yield "xl/workbook.xml", _joined(_workbook(sheets))
    relations = _relations([*targets, ("styles", "styles.xml")])
    yield "xl/_rels/workbook.xml.rels", _joined(relations)
    yield "[Content_Types].xml", _joined(_content_types(numbers))


def _joined(pieces: Iterable[str]) -> bytes:
    return "".join(pieces).encode()


def _relations(targets: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">'
    for number, (kind, target) in enumerate(targets, 1):
        yield f'<Relationship Id="rId{number}" Type="{_RELATIONS}/{kind}" Target="{target}"/>'
    yield "</Relationships>"


def _content_types(numbers: Iterable[int]) -> Iterator[str]:
    yield f'{_XML}<Types xmlns="{_PACKAGE}/content-types">'
    yield (
        '<Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
    )
    parts = [
        ("docProps/app.xml", "extended-properties"),
        ("xl/workbook.xml", "spreadsheetml.sheet.main"),
        ("xl/styles.xml", "spreadsheetml.styles"),
        *((sheet_part(number), "spreadsheetml.worksheet") for number in numbers),
    ]
    for part, kind in parts:
        yield f'<Override PartName="/{part}" ContentType="{_TYPE}.{kind}+xml"/>'
    yield "</Types>"


def _workbook(sheets: Sequence[Placed]) -> Iterator[str]:
    yield f'{_XML}<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}">'
    yield "<bookViews><workbookView/></bookViews><sheets>"
    names = [first_sheet.NAME, *(one.sheet.name for one in sheets)]
    for number, name in enumerate(names, 1):
        yield f'<sheet name="{written(name)}" sheetId="{number}" r:id="rId{number}"/>'
    yield "</sheets><definedNames>"
    # What Excel keeps beside each filter.
    for index, one in enumerate(sheets, 1):
        name, last = first_sheet.quoted(one.sheet.name), f"${_letters(one.columns)}"
        yield (
            f'<definedName name="_xlnm._FilterDatabase" localSheetId="{index}" hidden="1">'
            f"{written(name)}!$A$1:{last}${one.sheet.rows + 1}</definedName>"
        )
    yield "</definedNames></workbook>"


def _letters(columns: int) -> str:
    """What the last of so many columns is called in references."""
    letters = ""
    while columns:
        columns, digit = divmod(columns - 1, 26)
        letters = chr(ord("A") + digit) + letters
    return letters
