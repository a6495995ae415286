"""What a worker and the server say, and what a checkpoint holds, comes back as it was."""

from __future__ import annotations

import json
import os
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from myd_grpc.codec import encode
from myd_grpc.convert.checkpoint import Checkpoint
from myd_grpc.convert.checkpoint_form import StaleCheckpointError
from myd_grpc.convert.errors import Reason
from myd_grpc.convert.hints import FirstRecord
from myd_grpc.convert.input.byte_source import InputVersion
from myd_grpc.convert.kept_sets import KeptSets
from myd_grpc.convert.kinds import MaskedCells
from myd_grpc.convert.model import (
    NO_KEYS,
    BesideFile,
    CipherKey,
    Conversion,
    Keys,
    Limits,
    PartFile,
    Progress,
)
from myd_grpc.convert.output.writer import Extent
from myd_grpc.convert.piece import Piece
from myd_grpc.convert.schema import NewColumn, NewTable
from myd_grpc.jobs.worker import protocol
from myd_grpc.jobs.worker.protocol import decode_message, decode_task, encode_message, encode_task
from myd_grpc.options import ConvertOptions, Format, Layout, Profile, ReadOptions
from myd_grpc.shopping import Query, Summary

texts = st.text(max_size=9)
# Whatever bytes a path on disk has.
paths = st.binary(max_size=9).map(os.fsdecode)
counts = st.integers(0, 1 << 63)
sizes = st.integers(0, 1 << 31)


def tuples(of_what: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(of_what, max_size=3).map(tuple)


layouts = st.sampled_from(Layout)
limits = st.builds(Limits, *[sizes] * 8)
settings: dict[str, Any] = {
    "data_dir": paths,
    "limits": limits,
    "section_names": st.frozensets(texts, max_size=3),
    "excluded_dirs": tuples(paths),
    "engine": texts,
    "threads": sizes,
}
conversions = st.builds(
    Conversion,
    file_names=tuples(paths),
    name=texts,
    options=st.builds(
        ConvertOptions,
        layouts,
        *[texts] * 3,
        st.booleans(),
        st.sampled_from(Profile),
        st.booleans(),
        tuples(st.sampled_from(Format)),
        st.booleans(),
    ),
    **settings,
)
queries = st.builds(
    Query,
    *[texts] * 2,
    file_name=paths,
    this_year=sizes,
    options=st.builds(ReadOptions, layouts, texts, texts),
    owner_fields=tuples(texts),
    date_fields=tuples(texts),
    **settings,
)
secrets = st.binary(min_size=1, max_size=32)
keys = st.builds(Keys, st.none() | st.builds(CipherKey, secrets, secrets), secrets)
tasks = st.builds(
    protocol.Task, texts, conversions, paths, keys, st.none() | texts, st.floats(0, 9)
) | st.builds(protocol.SummaryTask, queries, keys)

parts = tuples(st.builds(PartFile, texts, paths, counts, counts))
progresses = st.builds(Progress, *[counts] * 6, layouts, texts)
labels = st.lists(texts, max_size=3)
summaries = st.builds(
    Summary, labels, labels, st.dictionaries(texts, labels, max_size=3), *[counts] * 3, texts
)
messages = st.one_of(
    st.builds(protocol.ProgressReported, progresses),
    st.builds(protocol.CheckpointSaved, texts, parts, st.booleans()),
    st.builds(protocol.CheckpointRejected),
    st.builds(protocol.PartsWritten, parts),
    st.builds(protocol.Done, progresses, tuples(texts), tuples(sizes), counts, texts),
    st.builds(protocol.SummaryReady, summaries, counts),
    st.builds(protocol.UserNotFound, texts, counts),
    st.builds(protocol.Failed, st.sampled_from(Reason), texts, texts, counts, st.booleans()),
)

key_paths = tuples(texts)
entries = st.builds(NewTable, sizes, key_paths) | st.builds(NewColumn, sizes, key_paths)
# What writers say of their files: whatever plain data they like.
states = st.recursive(
    st.none() | st.booleans() | counts | paths,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(paths, inner, max_size=3),
    max_leaves=5,
)
checkpoints = st.builds(
    Checkpoint,
    file=sizes,
    kept=counts
    | st.builds(
        KeptSets,
        tuples(st.builds(InputVersion, *[counts] * 4)),
        parts,
        tuples(st.builds(BesideFile, paths, counts)),
    ),
    piece=st.none() | st.builds(Piece, sizes, counts, counts, layouts, sizes, limits),
    finishing=st.booleans(),
    notes=tuples(texts),
    unmatched=tuples(sizes),
    beginning=st.none() | st.builds(FirstRecord, layouts, st.booleans()),
    entries=tuples(entries),
    records=tuples(counts),
    masked=tuples(st.builds(MaskedCells, counts, st.integers(-2, 9), counts)),
    extents=tuples(st.builds(Extent, *[counts] * 5)),
    writers=st.dictionaries(texts, states, max_size=3),
    progress=progresses,
)


@given(tasks)
def test_a_task_comes_as_it_was_sent(task: protocol.Task | protocol.SummaryTask) -> None:
    line = encode_task(task)
    assert line.isascii()
    assert line.index(b"\n") == len(line) - 1
    assert decode_task(line, task.keys) == task
    assert decode_task(line, NO_KEYS).keys == NO_KEYS


@given(messages)
def test_a_message_comes_as_it_was_sent(message: protocol.Message) -> None:
    line = encode_message(message)
    assert line.index(b"\n") == len(line) - 1
    assert decode_message(line) == message


@given(checkpoints)
def test_a_checkpoint_comes_back_as_it_was_kept(checkpoint: Checkpoint) -> None:
    text = checkpoint.to_json()
    assert text.isascii()
    assert Checkpoint.from_json(text) == checkpoint


DONE = encode_message(protocol.Done(Progress(), (), (), 1))


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"null\n",
        b"{}\n",
        b'{"type":"Task"}\n',
        DONE.replace(b"Done", b"Finished"),
        DONE.replace(b":1,", b':"1",'),
        DONE.replace(b":1,", b":1.5,"),
        DONE.replace(b"[]", b"1"),
        b'{"type":"Failed","reason":"ODD","message":"","trace":"","peak_bytes":1}\n',
        b'{"type":"PartsWritten","parts":[["a","a_1.csv",1,1]]}\n',
        DONE[:-2],
    ],
)
def test_what_no_worker_says_is_refused(line: bytes) -> None:
    with pytest.raises((json.JSONDecodeError, msgspec.ValidationError)):
        decode_message(line)


SOME = Checkpoint(1, 0, (), (), Progress())
VERSION = f'"version":{json.loads(SOME.to_json())["version"]}'
# As an older version wrote it.
OF_VERSION_3 = (
    '{"inputs":[],"file":0,"place":null,"finishing":false,"done":[],"notes":[],"beginning":null,'
    '"entries":[],"records":[],"parts":[],"progress":{"bytes_total":0,"bytes_read":0,"records":0,'
    '"rows":0,"files_total":0,"files_done":0,"layout":"AUTO","engine":""},"version":3}'
)


@pytest.mark.parametrize(
    "text",
    [
        OF_VERSION_3,
        SOME.to_json().replace(VERSION, '"version":1'),
        SOME.to_json().replace(VERSION, '"version":true'),
        SOME.to_json().replace(f"{VERSION},", ""),
        SOME.to_json().replace('"file":1', '"file":"1"'),
        SOME.to_json().replace('"file":1,', ""),
        SOME.to_json().replace('"AUTO"', '"ODD"'),
        SOME.to_json().replace('"entries":[]', '"entries":[["list",0,["a"]]]'),
        SOME.to_json()[:-1],
        encode(SOME),
    ],
)
def test_a_checkpoint_of_another_program_is_stale(text: str) -> None:
    assert Checkpoint.from_json(SOME.to_json()) == SOME
    with pytest.raises(StaleCheckpointError):
        Checkpoint.from_json(text)
