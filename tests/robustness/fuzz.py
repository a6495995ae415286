"""Compares the native engine with the Python engine on random documents, byte by byte.

    python -m tests.robustness.fuzz --documents 1000000 --seed 1

Half of the documents are damaged. Records are cut off by both, in the same order and at the same
places, and flattened by both to the same fragments, for schemas that grow, whatever columns are
chosen, masked and mapped; now and then a whole conversion has to give the same files, or fail for
the same reason at the same place, at any number of threads and with any size of buffers, another
one those of the oracle, another one with broken records those of the sound ones, another one,
compressed, encrypted or in another encoding, those of the text that it holds, and a broken one
whose layout is not named the same with both.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from myd_grpc.convert.batch import Batch, Fragment
from myd_grpc.convert.columns.of_conversion import column_rules
from myd_grpc.convert.columns.rules import NO_RULES, ColumnRules
from myd_grpc.convert.dialect import MARKED, Dialect
from myd_grpc.convert.engines.available import engine_for
from myd_grpc.convert.engines.engine import Engine, Flattener, RowRules
from myd_grpc.convert.errors import ConversionError
from myd_grpc.convert.input.source import Source
from myd_grpc.convert.jsontext.values import nfc
from myd_grpc.convert.model import Limits
from myd_grpc.convert.reading.records import SMALL_BYTES, RecordReader
from myd_grpc.convert.schema import Schema
from myd_grpc.options import Layout, Profile, ReadOptions
from tests.robustness.fuzz_forms import check_forms
from tests.robustness.fuzz_layouts import check_layouts
from tests.robustness.fuzz_rejects import check_rejects
from tests.support import nasty
from tests.support.converting import (
    KEY,
    TEXT_FORMS,
    Settings,
    Sizes,
    assert_as_expected,
    conversion,
    directory,
    outcome,
    sized,
)
from tests.support.nasty_choices import KEY as MASKING_KEY
from tests.support.nasty_choices import ChoiceGrammar, DatedGrammar, paths_of, random_paths

WHOLE_CONVERSIONS = 50
"""One of so many documents is converted as a whole, another one as the oracle does, and so on."""

ID_FIELDS = ("id", "a", "value", "", "\ufffd", "a~2", "_row_id", nasty.NFC_HAN, nasty.NFD_HAN)
LAYOUTS = tuple(map(Layout, nasty.LAYOUTS))


class DifferenceError(Exception):
    """The engines do not agree."""


def compare(documents: int, seed: int) -> None:
    """Compares the engines on so many random documents; raises DifferenceError."""
    with directory() as work:
        for number in range(documents):
            rng = random.Random(f"{seed}/{number}")
            try:
                with pytest.MonkeyPatch.context() as patch:
                    # Keys of which nothing comes are forgotten, or are not.
                    spare = rng.choice((0, 10, 100_000))
                    patch.setattr("myd_grpc.convert.engines.native._SPARE_NODES", spare)
                    # What is small is flattened at once, or is read ahead.
                    small = rng.choice((0, SMALL_BYTES))
                    patch.setattr("myd_grpc.convert.reading.records.SMALL_BYTES", small)
                    if number % WHOLE_CONVERSIONS == 0:
                        _compare_conversions(rng)
                    elif number % WHOLE_CONVERSIONS == 1:
                        _compare_with_oracle(rng)
                    elif number % WHOLE_CONVERSIONS == 2:
                        check_rejects(rng)
                    elif number % WHOLE_CONVERSIONS == 3:
                        check_forms(rng, partial(_document, rng))
                    elif number % WHOLE_CONVERSIONS == 4:
                        check_layouts(rng)
                    else:
                        _compare_steps(rng, work)
            except Exception as error:
                raise DifferenceError(f"document {number} of seed {seed}: {error}") from error


def _document(rng: random.Random, layout: Layout) -> bytes:
    grammar = rng.choice((nasty.Grammar, DatedGrammar))
    size = rng.choice((5, 20, 60, 200))
    document = grammar(nasty.RandomChoices(rng), size).document(layout.value)
    return nasty.random_broken(rng, document) if rng.random() < 0.5 else document


# ---------------------------------------------------------------------------------------------
# Step by step


def _columns(rng: random.Random) -> ColumnRules:
    """Rules for columns, as a rule none."""
    if rng.random() < 0.5:
        return NO_RULES
    chosen = _choice(rng)
    del chosen["id_field"]
    return column_rules(conversion(Path(), [], **chosen), MASKING_KEY)


def _choice(rng: random.Random) -> Settings:
    """Columns of documents that were not looked at."""
    return ChoiceGrammar(nasty.RandomChoices(rng), random_paths(rng)).settings()


def _compare_steps(rng: random.Random, work: Path) -> None:
    layout = rng.choice(LAYOUTS)
    limits = Limits(rng.choice((1, 3, 1000)), max_depth=rng.choice((3, 6, 128, 128)))
    if rng.random() < 0.05:
        limits = replace(limits, max_record_bytes=rng.choice((1, 10, 50)))
    rules = RowRules(
        rng.choice([*map(Dialect.of, Profile), MARKED]),
        nfc(rng.choice(ID_FIELDS)),
        limits.max_depth,
        max_columns=rng.choice((5, 16_384, 16_384)),
        max_tables=rng.choice((3, 4096, 4096)),
        columns=_columns(rng),
    )
    # As in a set whose first file had this layout, or another one.
    began_keyed = (layout is Layout.KEYED) is (rng.random() < 0.8)
    rules = rules.of_file(are_keyed=layout is Layout.KEYED, began_keyed=began_keyed)
    engines = [engine_for(name, rng.choice((1, 2))) for name in ("python", "native")]
    schema = Schema("out", limits, rules.columns, "" if began_keyed else rules.id_field)
    with engines[0], engines[1]:
        flatteners = [engine.flattener(rules, schema) for engine in engines]
        for file in range(1, rng.choice((2, 2, 3, 4))):
            document = _document(rng, layout)
            (work / "x").write_bytes(document)
            with sized(Sizes(rng.choice((1, 7, 64, 1 << 20)))):
                read = [
                    _read(work, layout, limits, engine, flattener, file)
                    for engine, flattener in zip(engines, flatteners, strict=True)
                ]
            (batches, failure), (others, other_failure) = read
            _same(failure, other_failure, "how reading fails", document)
            _same(_records(batches), _records(others), "records", document)
            for other, made in others:
                # What was made ahead, for the schema as it was when reading began.
                if made:
                    _same_fragments([flatteners[0].flatten(other), made], other)
            for batch, _ in rng.choice((batches, others)):
                found = [flattener.flatten(batch) for flattener in flatteners]
                _same_fragments(found, batch)
                if found[0].records < len(batch.spans):
                    break
                if rng.random() < 0.8:
                    # Not `adopt`, as the last may be one that no schema takes.
                    schema.entries += found[0].entries


def _same_fragments(found: list[Fragment], batch: Batch) -> None:
    _same(_plain(found[0]), _plain(found[1]), "fragments", bytes(batch.data))


Read = list[tuple[Batch, Fragment | None]]


def _read(
    work: Path, layout: Layout, limits: Limits, engine: Engine, flattener: Flattener, file: int
) -> tuple[Read, str]:
    batches: Read = []
    with Source.open(str(work), "x", (), None) as source:
        reader = RecordReader(source, limits, ReadOptions(layout), frozenset())
        try:
            reader.find(engine, file)
            with closing(reader.batches(flattener.read_ahead, flattener.whole)) as found:
                batches.extend(found)
        except ConversionError as error:
            return batches, f"{error.reason}: {error.message}"
    return batches, ""


def _records(batches: Read) -> list[tuple[int, int, bytes, bytes]]:
    return [record for batch, _ in batches for record in _records_of(batch)]


def _records_of(batch: Batch) -> Iterator[tuple[int, int, bytes, bytes]]:
    for index, span in enumerate(batch.spans):
        key = batch.text(batch.keys[index]) if batch.keys else b""
        place = batch.first + index, batch.offset + span[0]
        yield *place, key, batch.text(span)


def _plain(fragment: Fragment) -> tuple[object, ...]:
    rows = [(rows.table, bytes(rows.data), list(rows.ends), rows.width) for rows in fragment.rows]
    entries, origins = list(fragment.entries), list(fragment.origins)
    masked = sorted(one for one in fragment.masked if one.cells)
    return fragment.base, entries, origins, rows, list(fragment.kinds), fragment.records, masked


def _same(one: object, other: object, what: str, text: bytes) -> None:
    if one != other:
        raise DifferenceError(f"{what} of {text!r}: {one!r} but {other!r}")


# ---------------------------------------------------------------------------------------------
# As a whole


def _compare_conversions(rng: random.Random) -> None:
    layout = rng.choice(LAYOUTS)
    files = [("a.json", _document(rng, layout)), ("b.json", _document(rng, layout))]
    limits = Limits(
        rng.choice((1, 2, 1000)),
        rng.choice((1, 3, 300_000)),
        rng.choice((4, 128)),
        max_columns=rng.choice((5, 16_384)),
        max_tables=rng.choice((3, 4096)),
        max_name_bytes=rng.choice((7, 10, 1024, 1024)),
    )
    profile, id_field = rng.choice(list(Profile)), rng.choice(ID_FIELDS)
    chosen: Settings = _choice(rng) if rng.random() < 0.5 else {}
    chosen |= {"id_field": id_field, "max_rejects": rng.choice((0, 1, 3, 1000))}
    key, merge = rng.choice((None, KEY)), rng.random() < 0.5
    form = rng.choice(list(TEXT_FORMS.values()))
    outcomes: list[object] = []
    for engine in ("python", "native", "native"):
        batch_bytes, held = rng.choice((1, 50, 4 << 20)), rng.choice((0, 100, 8 << 20))
        many = rng.choice((0, 100, 8 << 20))
        sizes = Sizes(
            rng.choice((1, 17, 1 << 18)),
            batch_bytes,
            held,
            many=many,
            long_bytes=rng.choice((0, 1 << 20)),
            long_piece=rng.choice((0, 7, 64 << 10)),
            long_gap=rng.choice((0, 1, 1 << 20)),
            long_row=rng.choice((0, 40, 8 << 20)),
            long_record=rng.choice((0, 100, 6 << 20)),
            stretch=rng.choice((1, 20, 200)),
        )
        with sized(sizes):
            chosen |= {"layout": layout, "limits": limits, "csv_profile": profile, "merge": merge}
            chosen |= {"engine": engine, "threads": rng.choice((1, 2, 5))}
            found = outcome(files, key, form, **chosen)
        if isinstance(found, ConversionError):
            outcomes.append((found.reason, found.message))
        else:
            outcomes.append(found)
    for other in outcomes[1:]:
        _same(outcomes[0], other, "outcomes", repr(files).encode())


def _compare_with_oracle(rng: random.Random) -> None:
    """Of documents that are whole, which choices are made for."""
    layout, choices = rng.choice(LAYOUTS), nasty.RandomChoices(rng)
    files = [
        (name, DatedGrammar(choices, rng.choice((5, 40))).document(layout.value))
        for name in rng.choice((("a.json",), ("a.json", "b.json")))
    ]
    chosen = ChoiceGrammar(choices, paths_of(files, layout.value)).settings()
    chosen |= {"layout": layout, "merge": rng.random() < 0.5}
    chosen |= {"csv_profile": rng.choice(list(Profile))}
    chosen["limits"] = Limits(rng.choice((1, 2, 1000)), rng.choice((1, 3, 300_000)))
    for engine in ("python", "native"):
        sizes = Sizes(
            rng.choice((1, 17, 1 << 18)),
            rng.choice((1, 50, 4 << 20)),
            long_record=rng.choice((0, 6 << 20)),
            stretch=rng.choice((1, 20, 200)),
        )
        with sized(sizes):
            assert_as_expected(files, **(chosen | {"engine": engine}))


def main() -> None:
    """Compares until all documents are done."""
    parser = argparse.ArgumentParser(description="Compare the engines on random documents.")
    parser.add_argument("--documents", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=time.time_ns())
    arguments = parser.parse_args()
    begun, slice_size = time.monotonic(), 10_000
    for done in range(0, arguments.documents, slice_size):
        size = min(slice_size, arguments.documents - done)
        compare(size, arguments.seed + done)
        rate = (done + size) / (time.monotonic() - begun)
        sys.stdout.write(f"\r{done + size:,} documents, no difference, {rate:,.0f} a second ")
        sys.stdout.flush()
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
