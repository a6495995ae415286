"""Formats that are asked for: as a job shows them, and those that a server cannot write."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.api.messages import job_message
from myd_grpc.api.requests import submission
from myd_grpc.callers.model import ANYBODY
from myd_grpc.config import Settings
from myd_grpc.convert.model import Progress
from myd_grpc.jobs.model import Job, Phase, Status
from tests.support.serving import Server, details_of


@pytest.mark.parametrize(
    ("asked", "resolved"),
    [([], [1]), ([0, 0], [1]), ([3, 0, 1, 3], [1, 3]), ([2], [2]), ([3, 2, 1], [1, 2, 3])],
)
def test_formats_are_shown_each_once_in_their_order(asked: Any, resolved: list[int]) -> None:
    message = pb.ConvertToCsvRequest(file_names=["a"], output_file_name="o", checksums=True)
    message.MergeFrom(pb.ConvertToCsvRequest(formats=asked))
    request = submission(message, Settings.from_environ({"MYD_DATA_DIR": "/data"}), ANYBODY).request
    job = Job("j", request, Status.WORKING, Phase.QUEUED, "", "", 1, 1, 1, 0, 0, Progress(), -1)
    assert list(job_message(job).formats) == resolved
    assert job_message(job).checksums


def test_a_job_shows_that_it_writes_csv_where_nothing_else_was_asked_for(
    shared_server: Server,
) -> None:
    job = shared_server.convert("none.json")
    assert (list(job.formats), job.checksums) == ([pb.OUTPUT_FORMAT_CSV], False)


def test_a_format_that_cannot_be_written_is_refused_at_once(
    make_server: Callable[..., Server], tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        'import sys; sys.modules["myd_grpc._native"] = sys.modules["pyarrow"] = None'
    )
    server = make_server(PYTHONPATH=str(tmp_path)).start()
    remedies = {"install myd with Rust", "pip install 'myd-grpc[parquet]'"}
    xlsx, parquet = sorted(remedies)
    for formats, wanted in {
        (pb.OUTPUT_FORMAT_XLSX,): {xlsx},
        (pb.OUTPUT_FORMAT_PARQUET, pb.OUTPUT_FORMAT_CSV): {parquet},
        (pb.OUTPUT_FORMAT_XLSX, pb.OUTPUT_FORMAT_PARQUET): remedies,
    }.items():
        with pytest.raises(grpc.RpcError) as caught:
            server.submit("a.json", formats=formats)
        info, _ = details_of(caught.value)
        assert caught.value.code() == grpc.StatusCode.FAILED_PRECONDITION
        assert info.reason == "FORMAT_UNAVAILABLE"
        said = caught.value.details() or ""
        assert {one for one in remedies if one in said} == wanted
    assert server.stub.ListJobs(pb.ListJobsRequest()).data == []
    server.put("a.json", '[{"id":1}]')
    assert server.convert("a.json").status == pb.Job.DONE
