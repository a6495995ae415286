"""A worker's checkpoints: which are told to the server, and what is told in place of others."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from myd_grpc.convert.checkpoint import Checkpoint
from myd_grpc.convert.model import Conversion, Progress
from myd_grpc.jobs.worker import checkpointer
from myd_grpc.jobs.worker.checkpointer import Checkpointer, ServerSignals
from myd_grpc.jobs.worker.protocol import CheckpointRejected, CheckpointSaved, Message, Task

SMALL = Checkpoint(0, 0, (), (), Progress())
LARGE = replace(SMALL, notes=("strange",) * 10)


def test_a_checkpoint_beyond_all_measure_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpointer, "_LONGEST", len(SMALL.to_json()))
    signals, told = ServerSignals(), list[Message]()

    def commit(message: Message) -> None:
        told.append(message)
        signals.committed.set()

    task = Task("j1", Conversion(str(tmp_path), ("in",), "out"), str(tmp_path), checkpoint_s=0.001)
    one = Checkpointer(task, commit, signals)
    one.save(SMALL, [], [])
    one.wait()
    assert [type(message) for message in told] == [CheckpointSaved]
    one.save(LARGE, [], [])  # the one before still fits
    assert one.has_older()
    assert len(told) == 1
    one.supersede(LARGE, [], [])  # from now on it would not
    assert [type(message) for message in told] == [CheckpointSaved, CheckpointRejected]
    assert not one.has_older()
