"""Places in object storage, as URLs name them."""

from __future__ import annotations

import pytest

from myd_grpc.objectstore.location import Location, is_url


@pytest.mark.parametrize(
    ("url", "location", "shown"),
    [
        ("s3://bucket", Location("s3", "bucket"), "s3://bucket"),
        ("S3://bucket/", Location("s3", "bucket"), "s3://bucket"),
        ("gs://a.b-c_d/in/2026/", Location("gs", "a.b-c_d", "in/2026"), "gs://a.b-c_d/in/2026"),
        ("az://box/데이터 %", Location("az", "box", "데이터 %"), "az://box/데이터 %"),
    ],
)
def test_a_url_is_a_location(url: str, location: Location, shown: str) -> None:
    assert Location.parse(url) == location
    assert str(location) == shown
    assert is_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "/srv/data",
        "http://bucket/x",
        "file:///srv/data",
        "s3:bucket",
        "s3://",
        "s3:///x",
        "s3://b",
        "s3://user:s3cret@bucket/x",
        "s3://bucket:9000/x",
        "s3://bucket/x?region=s3cret",
        "s3://bucket/x#s3cret",
        "s3://bucket/a//b",
        "s3://bucket/../b",
        "s3://bucket/a/./b",
        "s3://bucket/a\\b",
        "s3://bucket/a\nb",
    ],
)
def test_any_other_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ValueError, match=r"must|comes") as caught:
        Location.parse(url)
    assert "s3cret" not in str(caught.value)


def test_names_are_beneath_a_prefix() -> None:
    place = Location("s3", "bucket", "in")
    assert place.key("a/b.json") == "in/a/b.json"
    assert Location("s3", "bucket").key("a") == "a"
    assert place / "a" / "b" == Location("s3", "bucket", "in/a/b")


@pytest.mark.parametrize(
    ("inner", "outer", "path"),
    [
        ("s3://bucket/in/a", "s3://bucket/in", "a"),
        ("s3://bucket/in", "s3://bucket/in", ""),
        ("s3://bucket/in", "s3://bucket", "in"),
        ("s3://bucket/inner", "s3://bucket/in", None),
        ("s3://bucket", "s3://bucket/in", None),
        ("s3://other/in/a", "s3://bucket/in", None),
        ("gs://bucket/in/a", "s3://bucket/in", None),
    ],
)
def test_which_lies_in_which(inner: str, outer: str, path: str | None) -> None:
    one, other = Location.parse(inner), Location.parse(outer)
    assert one.beneath(other) == path
    assert one.is_relative_to(other) == (path is not None)
