from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.security_headers.paths import Prefixes, checked_prefixes, readings
from tests.collector.security_headers.exchange import make_scope

# (path, root_path, how it can be read)
READINGS = [
    ("/", "", ("/",)),
    ("/a/b/", "", ("/a/b/",)),
    ("/a.b/.c", "", ("/a.b/.c",)),
    ("/a%2Fb", "", ("/a%2Fb",)),
    ("//a", "", ("//a", "/a")),
    ("/a//b", "", ("/a//b", "/a/b")),
    ("/a/./b", "", ("/a/./b", "/a/b")),
    ("/a/../b", "", ("/a/../b", "/b")),
    ("/a/..", "", ("/a/..", "/")),
    ("/../../a", "", ("/../../a", "/a")),
    ("/a\\b", "", ("/a\\b", "/a/b")),
    ("/a/...", "", ("/a/...",)),
    ("/root/a", "/root", ("/a",)),
    ("/root", "/root", ("/",)),
    ("/root/", "/root/", ("/",)),
    ("/rooted", "/root", ("/rooted",)),
    ("/root/../a", "/root", ("/../a", "/a")),
    ("/root//a", "/root", ("//a", "/a")),
    ("//root/a", "/root", ("//root/a", "/root/a")),
    ("*", "", ("*",)),
]


@pytest.mark.parametrize(("path", "root", "expected"), READINGS)
def test_a_path_is_read_as_applications_read_it(path: str, root: str, expected: tuple[str, ...]) -> None:
    assert readings(make_scope(path, root_path=root)) == expected


@given(path=st.lists(st.sampled_from(["a", "b", ".", "..", "", "\\", "c/", "%2e"]), max_size=8).map("/".join))
def test_the_last_reading_has_nothing_left_to_settle(path: str) -> None:
    last = readings(make_scope(f"/{path}"))[-1]
    assert readings(make_scope(last)) == (last,)
    assert not {"", ".", ".."} & set(last.strip("/").split("/")) or last == "/"


@pytest.mark.parametrize("path", ["", "a", "//a", "/a/../b", "/./a", "/a//b", "/a\\b", "*"])
def test_a_prefix_that_no_path_is_read_as_is_a_mistake(path: str) -> None:
    with pytest.raises(ValueError, match="no path prefix"):
        checked_prefixes([path])


def test_a_text_is_no_list_of_prefixes() -> None:
    with pytest.raises(TypeError, match="'/healthz'"):
        checked_prefixes("/healthz")


def test_the_root_covers_everything() -> None:
    assert "*" in Prefixes(["/"])
    assert "/" not in Prefixes([])


@given(
    path=st.lists(st.sampled_from(["a", "b", ""]), max_size=5).map(lambda segments: "/" + "/".join(segments)),
    prefixes=st.lists(st.sampled_from(["/", "/a", "/a/", "/a/b", "/a/b/a/b", "/b", "/aa"]), max_size=4),
)
def test_the_longest_prefix_covers_whole_segments(path: str, prefixes: list[str]) -> None:
    covering = [each for each in checked_prefixes(prefixes) if f"{path}/".startswith(f"{each}/")]
    assert Prefixes(prefixes).longest(path) == max(covering, key=len, default=None)


def test_many_prefixes_cost_no_more_than_a_few() -> None:
    many = Prefixes([f"/tenant-{number}/widget" for number in range(10_000)])
    compared: list[str] = []

    class Counted(str):
        __slots__ = ()

        def __getitem__(self, key: Any) -> str:
            compared.append(str(key))
            return super().__getitem__(key)

    assert many.longest(Counted("/tenant-1234/widget/x")) == "/tenant-1234/widget"
    assert many.longest(Counted("/x" * 4_000)) is None
    assert len(compared) <= 4
