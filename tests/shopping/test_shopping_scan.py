"""Records of others are looked over and not parsed, which changes nothing."""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path

import pytest

from myd_grpc.convert.errors import ConversionError, Reason
from myd_grpc.convert.model import Limits
from myd_grpc.options import Layout
from myd_grpc.shopping import Query, UserNotFoundError
from myd_grpc.shopping.summary import summarise
from tests.support import nasty
from tests.support.summarising import query, summary

USERS = ("u1", "7", "한", "a\\b", "\ufffd", "", "value")
# Each is one of the users to a reader of JSON, or looks like one.
SPELLINGS = (
    *('"u1"', r'"\u00751"', r'"u\u0031"', '"U1"', '"u10"', r'"\\u00751"', '"u1', '"7"', "7", "7.0"),
    *(
        '"한"',
        r'"\ud55c"',
        r'"a\\b"',
        r'"a\b"',
        r'"\ud800"',
        r'"\u0000"',
        '""',
        "null",
        "[7]",
        "07",
    ),
)


def random_record(rng: random.Random) -> str:
    if rng.random() < 0.2:
        return nasty.random_document(rng, "SINGLE", 10).decode()
    members = [f'"{rng.choice("ab")}":{rng.choice(SPELLINGS[:4])}']
    names = [name for name in ("user_id", "id", "a", "date") if rng.random() < 0.3]
    members += [f'"{name}":{rng.choice(SPELLINGS)}' for name in names]
    if rng.random() < 0.5:
        number = rng.randrange(9)
        members.append(f'"o":[{{"category1":"c{number}","date":"2023010{number}","id":7}}]')
    rng.shuffle(members)
    return f"{{{','.join(members)}}}"


def random_file(rng: random.Random, layout: Layout) -> bytes:
    records = [random_record(rng) for _ in range(rng.choice((1, 3, 12)))]
    if layout is Layout.KEYED:
        records = [f"{rng.choice(SPELLINGS[:4])}:{record}" for record in records]
    opener, separator, closer = {
        Layout.ARRAY: ("[", ",", "]"),
        Layout.KEYED: ("{", ",", "}"),
        Layout.LINES: ("", "\n", ""),
        Layout.SINGLE: ("", "", ""),
    }[layout]
    document = (opener + separator.join(records) + closer).encode()
    return nasty.random_broken(rng, document) if rng.random() < 0.3 else document


def outcome(asked: Query) -> object:
    try:
        found = summarise(asked, None)
    except ConversionError as error:
        return error.reason, error.message
    except UserNotFoundError:
        return "no such user"
    return found, [list(found.categories)]


@pytest.mark.one_in(2)
@pytest.mark.parametrize("seed", range(2))
def test_records_of_others_are_looked_over_as_strictly(tmp_path: Path, seed: int) -> None:
    seen = set()
    for number in range(500):
        rng = random.Random(f"{seed}/{number}")
        layout = rng.choice(list(Layout)[1:])
        document = random_file(rng, layout)
        (tmp_path / "in.json").write_bytes(document)
        ask = partial(
            query,
            tmp_path,
            user_id=rng.choice(USERS),
            layout=layout,
            id_field=rng.choice(("", "a")),
            limits=Limits(rng.choice((1, 3, 1000)), max_depth=rng.choice((3, 4, 128))),
        )
        plain = outcome(ask(engine="python"))
        for threads in (1, 3):
            assert outcome(ask(engine="auto", threads=threads)) == plain, document
        seen.add(plain[0] if isinstance(plain, tuple) and isinstance(plain[0], Reason) else "fine")
    assert seen == {"fine", Reason.INVALID_JSON, Reason.LIMIT_EXCEEDED}


def test_escapes_name_the_user_too(tmp_path: Path) -> None:
    text = (
        r'[{"id":1},{"user_id":"\u00751","o":{"category1":"A"}},{"id":"u2","o":{"category1":"B"}}]'
    )
    assert list(summary(tmp_path, text).categories) == ["A"]
