"""What a site asks programs to leave alone."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policybuilder.scanner.robots import fetch_robots, read_robots
from tests.support.deployed import fetching
from tests.support.loopback import Response, serve

SITE = "https://shop.example"

# (robots.txt, path, whether it may be fetched)  https://www.rfc-editor.org/rfc/rfc9309#section-2.2.2
CASES = [
    ("", "/a", True),
    ("User-agent: *\nDisallow: /", "/a", False),
    ("User-agent: *\nDisallow:", "/a", True),
    ("User-agent: *\nDisallow: /a", "/abc?d", False),
    ("User-agent: *\nDisallow: /a", "/b", True),
    ("User-agent: *\nDisallow: /a\nAllow: /a/b", "/a/b/c", True),
    ("User-agent: *\nDisallow: /a\nAllow: /a", "/a", True),
    ("User-agent: *\nDisallow: /*.php$", "/x/y.php", False),
    ("User-agent: *\nDisallow: /*.php$", "/x/y.php?z", True),
    ("User-agent: *\nDisallow: /*?s=", "/x?s=1", False),
    ("User-agent: *\nDisallow: /a*a$", "/a", True),
    ("User-agent: *\nDisallow: /$", "/", False),
    ("User-agent: *\nDisallow: /$", "/a", True),
    ("user-AGENT : *\r\n dISALLOW :/a # not this\r\n", "/a", False),
    ("\ufeffUser-agent: *\nDisallow: /a", "/a", False),
    ("User-agent: other\nDisallow: /", "/a", True),
    ("User-agent: CSPBuild/1.0\nDisallow: /a\n\nUser-agent: *\nDisallow: /b", "/a", False),
    ("User-agent: CSPBuild/1.0\nDisallow: /a\n\nUser-agent: *\nDisallow: /b", "/b", True),
    ("User-agent: cspbuild\nUser-agent: *\nDisallow: /a", "/a", False),
    ("User-agent: cspbuild\n\nUser-agent: *\nDisallow: /", "/a", False),
    ("User-agent: cspbuild\nDisallow:\n\nUser-agent: *\nDisallow: /", "/a", True),
    ("Disallow: /a", "/a", True),
    ("nothing here", "/a", True),
]


@pytest.mark.parametrize(("text", "path", "allowed"), CASES)
def test_the_longest_rule_of_our_own_group_decides(text: str, path: str, *, allowed: bool) -> None:
    assert read_robots(text).allows(SITE + path) is allowed


@pytest.mark.parametrize(("status", "allowed"), [(404, True), (200, False), (500, False)])
def test_a_file_that_is_not_there_allows_everything_and_a_server_that_fails_nothing(
    status: int, *, allowed: bool
) -> None:
    with serve(lambda _: Response(status, (), b"User-agent: *\nDisallow: /")) as port, fetching([]) as fetcher:
        assert fetch_robots(fetcher, f"http://127.0.0.1:{port}/a").allows(f"{SITE}/a") is allowed
    with fetching([]) as fetcher:
        assert not fetch_robots(fetcher, f"http://127.0.0.1:{port}/a").allows(f"{SITE}/a")


@given(
    text=st.lists(st.sampled_from(["User-agent:", "*", "cspbuild", "Allow:", "Disallow: /", "$", "\n", "\0"])).map(
        "".join
    ),
    path=st.text(),
)
def test_whatever_stands_there_there_is_an_answer(text: str, path: str) -> None:
    assert read_robots(text).allows(f"{SITE}/{path}") in {True, False}


def test_many_stars_take_no_longer_than_few() -> None:
    text = "User-agent: *\nDisallow: /" + "*a" * 2_000 + "b\n" + "Disallow: /*a*b*c*d\n" * 20_000
    begin = time.monotonic()
    assert read_robots(text).allows(f"{SITE}/{'a' * 60_000}")
    assert time.monotonic() - begin < 2
