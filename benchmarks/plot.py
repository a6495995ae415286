"""The README's picture of the throughput, drawn from the table in docs/benchmarks.md."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from benchmarks.throughput import BASE, LIMIT, TITLE

_WIDTH, _LEFT, _RIGHT, _TOP, _STEP = 720, 250, 80, 74, 28
_BAR = 18
_FAIRNESS = "myd decrypts it first, the others read it in plain"


class Bar(NamedTuple):
    """One line of the picture; `kind` is a class of its style."""

    kind: str
    label: str
    speed: float


class _Row(NamedTuple):
    name: str
    megabytes: int
    cores: int
    speed: float


# What is shown of the table; its other lines tell no other story.
_SHOWN = (
    ("limit", LIMIT, 2, "the limit: decrypt, write as much"),
    ("ours", "myd native, encrypted", 2, "myd, 2 cores"),
    ("ours", "myd native, encrypted", 1, "myd, 1 core"),
    ("ours", "myd python, encrypted", 2, "myd without Rust, 2 cores"),
    ("other", "DuckDB 2.0", 2, "DuckDB 2.0, 2 cores"),
    ("other", BASE, 2, f"{BASE}, 2 cores"),
    ("other", "pandas 3.1, two levels", 2, "pandas 3.1, 2 cores"),
)


def drawn(page: str) -> str:
    """The picture as SVG, of the page that the figures are on."""
    rows = list(_rows(page))
    size = min(row.megabytes for row in rows)  # the one that all have converted
    speeds = {(row.name, row.cores): row.speed for row in rows if row.megabytes == size}
    bars = [
        Bar(kind, label, speeds[name, cores])
        for kind, name, cores, label in _SHOWN
        if (name, cores) in speeds  # an engine may not be there
    ]
    bars.sort(key=lambda bar: -bar.speed)
    measured = re.search(r"^Measured (.*?), by", page, re.MULTILINE | re.DOTALL)
    where = " ".join(measured[1].split()) if measured else ""
    return _picture(bars, f"MyData JSON to CSV: MB/s, one file of {size} MB", where)


def _rows(page: str) -> Iterator[_Row]:
    section = page.partition(f"## {TITLE}\n")[2].partition("\n## ")[0]
    for line in re.findall(r"^\| (.*) \|$", section, re.MULTILINE)[2:]:
        name, megabytes, cores, *_, speed = line.split(" | ")
        yield _Row(name, int(megabytes), int(cores), float(speed.partition(" ")[0]))


def _picture(bars: list[Bar], title: str, note: str) -> str:
    height = _TOP + len(bars) * _STEP + 34
    scale = (_WIDTH - _LEFT - _RIGHT) / max(bar.speed for bar in bars)
    told = "; ".join(f"{bar.label}: {bar.speed:.0f}" for bar in bars)
    box = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {box} role="img">',
        f"<title>{title}</title>",
        f"<desc>{told}</desc>",
        _STYLE,
        f'<rect class="page" width="{_WIDTH}" height="{height}" rx="8"/>',
        f'<text class="title" x="20" y="34">{title}</text>',
        f'<text class="note" x="20" y="54">{_FAIRNESS}</text>',
    ]
    for number, bar in enumerate(bars):
        lines += _bar(bar, _TOP + number * _STEP, scale)
    lines += [f'<text class="note" x="20" y="{height - 14}">{note}</text>', "</svg>"]
    return "\n".join(lines) + "\n"


def _bar(bar: Bar, top: int, scale: float) -> list[str]:
    width = max(2, round(bar.speed * scale))
    baseline = top + _BAR - 4
    return [
        f'<text class="label" x="{_LEFT - 10}" y="{baseline}">{bar.label}</text>',
        f'<rect class="{bar.kind}" x="{_LEFT}" y="{top}" width="{width}" height="{_BAR}" rx="3"/>',
        f'<text class="speed" x="{_LEFT + width + 8}" y="{baseline}">{bar.speed:.0f}</text>',
    ]


# It brings its own background, so that it can be read wherever it is shown.
_STYLE = """<style>
  text { font: 13px system-ui, sans-serif; fill: #1b1f24 }
  .page { fill: #f6f8fa }
  .title { font-size: 15px; font-weight: 600 }
  .label { text-anchor: end }
  .speed { font-weight: 600 }
  .note { font-size: 11px; fill: #57606a }
  .ours { fill: #0b57d0 }
  .other { fill: #8c959f }
  .limit { fill: none; stroke: #57606a; stroke-dasharray: 4 3 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6e9ed }
    .page { fill: #1e2329 }
    .note { fill: #a3acb6 }
    .ours { fill: #8ab4f8 }
    .other { fill: #6e7781 }
    .limit { stroke: #a3acb6 }
  }
</style>"""
