"""Whether shared caches may keep a page that is one visitor's."""

from __future__ import annotations

import pytest

from tests.support.judgements import judgements, results

SESSION = {"Set-Cookie": "session=0123456789abcdef; Secure; HttpOnly"}

# Each row: Cache-Control, result.
CASES = [
    ("no-store", "kept-out"),
    ("private, max-age=600", "kept-out"),
    ("Private", "kept-out"),
    ('private="set-cookie", max-age=600', "kept-out"),
    ("no-cache", "revalidated"),
    ("max-age=0, must-revalidate", "revalidated"),
    ("public, max-age=0", "revalidated"),
    ("public", "stored"),
    ("max-age=600", "stored"),
    ("max-age=0, s-maxage=600", "stored"),
    ("max-age=600, s-maxage=0", "revalidated"),
    ('extension="no-store", max-age=600', "stored"),
    ("must-revalidate", "unsaid"),
]


@pytest.mark.parametrize(("value", "result"), CASES)
def test_what_a_shared_cache_may_do(value: str, result: str) -> None:
    assert results("caching", {**SESSION, "Cache-Control": value}) == [result]


def test_nothing_said_is_named() -> None:
    assert results("caching", SESSION) == ["unsaid"]


def test_a_page_that_asks_for_a_password_is_personal() -> None:
    [found] = judgements("caching", {"Cache-Control": "public, max-age=60"}, body="<input type=PassWord>")
    assert (found.result, found.points) == ("stored", 10)


def test_a_page_for_everybody_may_be_kept() -> None:
    assert results("caching", {"Cache-Control": "public, max-age=600"}) == []
    assert results("caching", {"Cache-Control": "public", "Set-Cookie": "theme=dark"}) == []
