"""Summaries of random documents, in both engines, against the oracle's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from myd_grpc.convert.engines.available import ENGINES
from myd_grpc.convert.model import Limits
from myd_grpc.options import Layout, ReadOptions
from myd_grpc.shopping import Query, UserNotFoundError
from myd_grpc.shopping.summary import summarise
from tests.support import shopping_oracle
from tests.support.oracle_records import read_records

THIS_YEAR = 2026
NFD = "\u1112\u1161\u11ab\u1100\u1173\u11af"
USERS = ("u1", "7", "K", "한글")
IDS: tuple[Any, ...] = (
    *("u1", "u2", "7", 7, 7.0, "K", "\u212a", "한글"),
    *(NFD, "하\u11ab글", "한", "", " ", None, True, ["u1"], {}),
)
MONTHS: dict[str, str | None] = {
    "20220630": "2022-06",
    "2022. 7. 5. 오후 3:22": "2022-07",
    "2022-06-30T23:30:00Z": "2022-07",
    "1655300000": "2022-06",
    "1655300000000.5": "2022-06",
    "어제": None,
    "2206301522": None,
    "0": None,
}
DATES = (*MONTHS, 20220630, 1655300000, "", None, False)
LABELS = ("식품>축산물", "도서", " > x", "\u1109\u1175\u11a8품", 5, None)
MEMBER = "회원"

values: dict[str, st.SearchStrategy[Any]] = {
    "user_id": st.sampled_from(IDS),
    "userId": st.sampled_from(IDS),
    "memberId": st.sampled_from(IDS),
    "id": st.sampled_from(IDS),
    MEMBER: st.sampled_from(IDS),
    "\u1112\u116c\u110b\u116f\u11ab": st.sampled_from(IDS),
    "order_date": st.sampled_from(DATES),
    "date": st.sampled_from(DATES),
    "category1": st.sampled_from(LABELS),
    "category2": st.sampled_from(LABELS),
    "category": st.sampled_from(LABELS),
    "proposal_id": st.sampled_from(("p1", "p2", 1, True, None)),
}


def objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    nested = st.sampled_from(("a", "buyer", "order", "user_id", "u1", "u2", "2022-06", NFD))
    plain = st.lists(st.sampled_from(list(values)), max_size=7, unique=True).flatmap(
        lambda names: st.fixed_dictionaries({name: values[name] for name in names})
    )
    return st.builds(
        lambda members, within: {**within, **members},
        plain,
        st.dictionaries(nested, st.one_of(inner, st.lists(inner, max_size=3)), max_size=2),
    )


documents = st.recursive(st.sampled_from((5, "u1", None)), objects, max_leaves=12)


def file_of(layout: Layout, records: list[Any], *, ascii_only: bool) -> bytes:
    texts = [json.dumps(record, ensure_ascii=ascii_only) for record in records]
    if layout in (Layout.KEYED, Layout.SINGLE):
        keys = [json.dumps(str(IDS[number % 10])) for number in range(len(texts))]
        texts = [f"{key}:{text}" for key, text in zip(keys, texts, strict=True)]
    opener, separator, closer = {
        Layout.ARRAY: ("[", ",", "]"),
        Layout.KEYED: ("{", ",", "}"),
        Layout.SINGLE: ("{", ",", "}"),
        Layout.LINES: ("", "\n", ""),
    }[layout]
    return (opener + separator.join(texts) + closer).encode()


def expected(data: bytes, query: Query) -> object:
    records = read_records(data, query.options.layout.value, "", 128, ())
    if query.options.layout is Layout.SINGLE:
        records = shopping_oracle.users_of(records[0], query.user_id, query.options.id_field)
    try:
        return shopping_oracle.summarise(
            records, query.user_id, query.proposal_id, query.options.id_field, MONTHS
        )
    except shopping_oracle.NoSuchUserError:
        return None


def found(query: Query) -> object:
    try:
        summary = summarise(query, None)
    except UserNotFoundError:
        return None
    assert summary.months == list(dict.fromkeys(one[5:] for one in summary.year_months))
    return shopping_oracle.Summary(
        summary.year_months,
        list(summary.categories.items()),
        summary.order_lines,
        summary.undated_lines,
        summary.foreign_lines,
        summary.owner_field,
    )


@settings(suppress_health_check=list(HealthCheck))
@given(
    layout=st.sampled_from((Layout.ARRAY, Layout.KEYED, Layout.LINES, Layout.SINGLE)),
    records=st.lists(documents, min_size=1, max_size=5),
    ascii_only=st.booleans(),
    user=st.sampled_from(USERS),
    id_field=st.sampled_from(("", MEMBER, "a", "id", "no", "buyer.userId", "order.id")),
    batch=st.sampled_from((1, 2, 1000)),
)
def test_summaries_are_the_oracles(
    tmp_path_factory: Any,
    layout: Layout,
    records: list[Any],
    ascii_only: bool,
    user: str,
    id_field: str,
    batch: int,
) -> None:
    directory: Path = tmp_path_factory.getbasetemp()
    data = file_of(layout, records, ascii_only=ascii_only)
    (directory / "in.json").write_bytes(data)
    for engine in ENGINES:
        query = Query(
            *(user, "p1", str(directory), "in.json", THIS_YEAR),
            ReadOptions(layout=layout, id_field=id_field),
            limits=Limits(batch),
            engine=engine,
        )
        assert found(query) == expected(data, query)
