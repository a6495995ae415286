"""Numbers longer than any machine counts: kept to the digit, and no hindrance to recognition."""

from __future__ import annotations

import pytest

from tests.support.converting import each_engine, texts

pytestmark = each_engine


@pytest.mark.parametrize("number", ["1e99999999999999999999", "-1.5E-9999999999999999999"])
def test_large_exponents_do_not_disturb_the_recognition(engine: str, number: str) -> None:
    kept = texts(f'{{"u1":{{"a":1}},"u2":{{"a":{number}}}}}', engine=engine)
    assert kept == {"out_1.csv": f"_record_id,_row_id,a\nu1,f1r1,1\nu2,f1r2,{number}\n"}
    single = texts(f'{{"u1":{{"a":1}},"n":{number}}}', engine=engine)
    assert single == {"out_1.csv": f"_record_id,_row_id,u1.a,n\n,f1r1,1,{number}\n"}


@pytest.mark.parametrize("digits", [4_300, 4_301, 100_000])
def test_numbers_of_any_length_are_kept(engine: str, digits: int) -> None:
    number = "1234567890" * (digits // 10) + "1" * (digits % 10)
    for value in (number, "-" + number, f"0.{number}", f"{number}.{number}e-{number}"):
        text = texts(f'[{{"a":{value},"b":[{value}]}}]', engine=engine)["out_1.csv"]
        assert text == f"_record_id,_row_id,a,b\n,f1r1,{value},[{value}]\n"


@pytest.mark.parametrize("value", ["1" * 4_301, "-" + "9" * 100_000, "1e" + "9" * 5_000])
def test_long_numbers_do_not_disturb_the_recognition(engine: str, value: str) -> None:
    tables = texts(f'{{"u1":{{"a":{value}}},"{value}":{{"id":{value},"a":0}}}}', engine=engine)
    assert tables["out_1.csv"].startswith(f"_record_id,_row_id,a,id\nu1,f1r1,{value},\n")
    for single in (value, f'{{"a":{value}}}'):
        assert texts(single, engine=engine)["out_1.csv"].endswith(f",f1r1,{value}\n")
    assert texts(f"{value} {value}", engine=engine)["out_1.csv"].count("\n") == 3
