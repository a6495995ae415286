"""An operator's dictionary on its way to who writes the data package."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.api.requests import conversion_of, submission
from myd_grpc.callers.model import ANYBODY
from myd_grpc.config import Settings
from myd_grpc.convert.model import NO_KEYS, Conversion
from myd_grpc.dictionary.table import MOST_BYTES
from myd_grpc.jobs.worker.protocol import Task, decode_task, encode_task, is_long

OWN = "within,path,title_ko,title_en,description_ko,description_en\n,amt,금액,,,\n"


def test_a_job_has_the_dictionary_with_which_it_was_submitted(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text(OWN)
    environ = {"MYD_DATA_DIR": str(tmp_path), "MYD_DICTIONARY": str(tmp_path / "own.csv")}
    settings = Settings.from_environ(environ)
    message = pb.ConvertToCsvRequest(file_names=["a.json"], output_file_name="out")
    request = submission(message, settings, ANYBODY).request
    later = replace(settings, dictionary="")
    assert conversion_of(request, later).dictionary == OWN


def test_a_long_one_comes_to_a_worker_whole_and_does_not_hold_up_the_server() -> None:
    conversion = Conversion("/data", ("a.json",), "out", dictionary="뜻" * (MOST_BYTES // 3))
    task = Task("job", conversion, "/output/staging")
    assert decode_task(encode_task(task), NO_KEYS) == task
    assert is_long(task)
    assert not is_long(Task("job", replace(conversion, dictionary=OWN), "/output/staging"))
