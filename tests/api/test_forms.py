"""Compressed input and other encodings over gRPC: workers read them in their sandboxes."""

from __future__ import annotations

import gzip
import json
import uuid
from typing import Any

import grpc
import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from tests.support.compressing import zstd
from tests.support.keys import KEYS, encrypted
from tests.support.serving import Server, refusal

RECORDS = [{"user_id": "u1", "category1": "식품", "date": "20230102", "메모": "배송완료"}]
TEXT = json.dumps(RECORDS, ensure_ascii=False)
FORMS = {
    "gzip": gzip.compress(TEXT.encode()),
    "zstd": zstd(TEXT.encode()),
    "UTF-16": TEXT.encode("utf-16"),
    "gzip of CP949": gzip.compress(TEXT.encode("cp949")),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("is_encrypted", [False, True])
def test_forms_are_read(shared_server: Server, form: str, is_encrypted: bool) -> None:
    server, data = shared_server, FORMS[form]
    server.put("in.json", encrypted(data) if is_encrypted else data)
    fields: dict[str, Any] = {"encoding": "euc-kr" if "CP949" in form else ""}
    fields |= KEYS if is_encrypted else {}
    output = f"forms {form} {is_encrypted}"
    job = server.convert("in.json", output=output, **fields)
    assert job.status == pb.Job.DONE, job.msg
    assert "배송완료" in (server.output / output / f"{output}_1.csv").read_text("utf-8-sig")
    asked = pb.PreprocessShoppingRequest(
        user_id="u1", proposal_id="p1", file_name="in.json", **fields
    )
    assert server.stub.PreprocessShopping(asked).data.year_months == ["2023-01"]


def test_an_encoding_that_is_not_known_is_refused(shared_server: Server) -> None:
    said = {"encoding": "must be one of utf-8, cp949, euc-kr, ms949, uhc"}
    stub = shared_server.stub
    for call in (
        lambda: shared_server.submit("in.json", encoding="latin-1"),
        lambda: stub.PreprocessShopping(
            pb.PreprocessShoppingRequest(
                user_id="u", proposal_id="p", file_name="in.json", encoding="utf-16"
            )
        ),
    ):
        assert refusal(call) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST", said)


def test_names_of_one_encoding_make_one_request(shared_server: Server) -> None:
    shared_server.put("in.json", "[]")
    for names in (("cp949", "EUC-KR", "ms949"), ("", "utf-8", "UTF8")):
        output = "names of cp949" if names[0] else "names of utf-8"
        again: dict[str, Any] = {"request_id": str(uuid.uuid4()), "output": output}
        jobs = {shared_server.submit("in.json", encoding=name, **again) for name in names}
        assert len(jobs) == 1
        other = "utf-8" if names[0] else "uhc"
        with pytest.raises(grpc.RpcError):
            shared_server.submit("in.json", encoding=other, **again)
