"""Presets of a server under test."""

from __future__ import annotations

from tests.support.serving import Server


def write_preset(server: Server, name: str, text: str) -> str:
    """Put a preset into place, whole, as the operator should; the directory of all."""
    directory = server.home / "presets"
    directory.mkdir(exist_ok=True)
    fresh = directory / f".{name}"
    fresh.write_text(text, "utf-8")
    fresh.replace(directory / f"{name}.toml")
    return str(directory)
