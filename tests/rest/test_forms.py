"""REST: how the text of a file is encoded, in either way to ask for a summary, and in a job."""

from __future__ import annotations

import grpc

from myd.analysis.v1 import analysis_pb2 as pb
from tests.support.resting import RestServer, fields_at_fault, refused

TEXT = '[{"user_id":"u1","category1":"식품","date":"20230102"}]'


def test_text_in_cp949(shared_rest: RestServer) -> None:
    shared_rest.put("in.json", TEXT.encode("cp949"))
    rest, asked = shared_rest.rest, {"user_id": "u1", "proposal_id": "p", "file_name": "in.json"}
    for answer in (
        rest.get("/preprocess/shopping", encoding="euc-kr", **asked),
        rest.post("/preprocess/shopping", {"encoding": "cp949", **asked}),
    ):
        assert answer.json["data"]["categories"] == {"식품": []}
    wanted = {"file_names": ["in.json"], "output_file_name": "out", "encoding": "uhc"}
    job_id = rest.post("/convert_to_csv", wanted).json["data"]["job_id"]
    assert shared_rest.wait(job_id).status == pb.Job.DONE


def test_an_encoding_that_is_not_known(shared_rest: RestServer) -> None:
    wanted = {"file_names": ["in.json"], "output_file_name": "out", "encoding": "latin-1"}
    answer = shared_rest.rest.post("/convert_to_csv", wanted)
    refused(answer, 400, grpc.StatusCode.INVALID_ARGUMENT)
    said = "must be one of utf-8, cp949, euc-kr, ms949, uhc"
    assert fields_at_fault(answer) == {"encoding": said}
