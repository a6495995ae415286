"""How cells look, by number: `sheet.rs` uses the same ones."""

from __future__ import annotations

from collections.abc import Iterator

PLAIN, HEADER, LINK, NUMBER = range(4)
"""The style of numbers with n decimals is NUMBER + n."""

_MOST_DECIMALS = 30
# The formats that every spreadsheet has, by their decimals, and the first number of others.
_BUILT_IN = {0: 1, 2: 2}
_FIRST_OTHER = 164

_BEGIN = """<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">"""
_FONTS = """<fonts count="3">\
<font><sz val="11"/><name val="맑은 고딕"/><family val="2"/></font>\
<font><b/><sz val="11"/><name val="맑은 고딕"/><family val="2"/></font>\
<font><u/><sz val="11"/><color rgb="FF0563C1"/><name val="맑은 고딕"/><family val="2"/></font>\
</fonts>"""
_SHAPES = """<fills count="2"><fill><patternFill patternType="none"/></fill>\
<fill><patternFill patternType="gray125"/></fill></fills>\
<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>\
<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>"""
_END = """<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles>\
</styleSheet>"""


def xml() -> Iterator[str]:
    """The part that says so, piece by piece."""
    others = [decimals for decimals in range(_MOST_DECIMALS + 1) if decimals not in _BUILT_IN]
    yield _BEGIN
    yield f'<numFmts count="{len(others)}">'
    for decimals in others:
        code = f"0.{'0' * decimals}"
        yield f'<numFmt numFmtId="{_FIRST_OTHER + decimals}" formatCode="{code}"/>'
    yield f'</numFmts>{_FONTS}{_SHAPES}<cellXfs count="{NUMBER + _MOST_DECIMALS + 1}">'
    for font in (PLAIN, HEADER, LINK):
        applied = ' applyFont="1"' if font else ""
        yield f'<xf numFmtId="0" fontId="{font}" fillId="0" borderId="0" xfId="0"{applied}/>'
    for decimals in range(_MOST_DECIMALS + 1):
        shown = _BUILT_IN.get(decimals, _FIRST_OTHER + decimals)
        yield (
            f'<xf numFmtId="{shown}" fontId="0" fillId="0" borderId="0" xfId="0"'
            ' applyNumberFormat="1"/>'
        )
    yield f"</cellXfs>{_END}"
