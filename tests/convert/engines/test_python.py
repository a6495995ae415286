"""The Python engine's work, where the same rows could be had with more of it."""

from __future__ import annotations

import json

import pytest

from myd_grpc.convert.jsontext import values
from myd_grpc.convert.jsontext.long_values import LONG_BYTES
from tests.support.converting import texts


def test_a_long_record_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    scan, lengths = values._scan, list[int]()

    def counted(text: str, at: int) -> object:
        lengths.append(len(text))
        return scan(text, at)

    monkeypatch.setattr(values, "_scan", counted)
    rows = [{"a": number, "b": "x" * 20} for number in range(40_000)]
    document = json.dumps([{"id": "u1", "list": rows}])
    assert len(document) > LONG_BYTES
    assert texts(document, engine="python")["out.list_1.csv"].count("\n") == 40_001
    assert len(document) * 0.9 < sum(lengths) < len(document) * 1.1
