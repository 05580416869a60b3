"""Which cookies a browser keeps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policybuilder.grading.material import SentCookie
from policybuilder.grading.observatory.cookie_jar import Cookie, cookies_kept

_URL = "https://www.shop.co.uk/a/b"

# (url, Set-Cookie, whether it is kept)
KEPT = [
    (_URL, "a=1", True),
    (_URL, "a=1; Domain=www.shop.co.uk", True),
    (_URL, "a=1; Domain=.shop.co.uk", True),
    (_URL, "a=1; Domain=co.uk", False),
    (_URL, "a=1; Domain=uk", False),
    (_URL, "a=1; Domain=hop.co.uk", False),
    (_URL, "a=1; Domain=elsewhere.example", False),
    (_URL, "a=1; Domain=", True),
    (_URL, "a=1; Domain=.", True),
    (_URL, "a", False),
    (_URL, "=1", False),
    (_URL, "a=\x01", False),
    (_URL, "a=1\0; Secure", True),
    (_URL, "__Secure-a=1", False),
    (_URL, "__Secure-a=1; Secure", True),
    (_URL, "__Host-a=1; Secure; Path=/", True),
    (_URL, "__Host-a=1; Secure", False),
    (_URL, "__Host-a=1; Secure; Path=/; Domain=www.shop.co.uk", False),
    (_URL, "a=1; Max-Age=0", True),
    ("http://127.0.0.1/", "a=1; Domain=127.0.0.1", False),
    ("http://127.0.0.1/", "a=1", True),
    ("http://localhost/", "a=1; Domain=localhost", True),
    ("http://shop.example/", "a=1; Domain=shop.example", True),
    ("http://shop.example/", "a=1; Domain=example", False),
    ("http://me.github.io/", "a=1; Domain=github.io", False),
    ("http://[::1]/", "a=1", True),
    ("nowhere", "a=1", False),
]


@pytest.mark.parametrize(("url", "text", "is_kept"), KEPT)
def test_a_jar_keeps_what_is_the_sites_own(*, url: str, text: str, is_kept: bool) -> None:
    assert bool(cookies_kept([SentCookie(url=url, text=text)])) is is_kept


# (Set-Cookie, the cookie)
READ = [
    ("a=1; secure; HTTPONLY; samesite=LAX", Cookie("a", is_secure=True, is_http_only=True, same_site="lax")),
    ("a=1; SameSite=Lax; SameSite=maybe", Cookie("a", is_secure=False, is_http_only=False, same_site=None)),
    (" a = 1 ;Secure=no", Cookie("a", is_secure=True, is_http_only=False, same_site=None)),
    ("a=1;;; SameSite = None ", Cookie("a", is_secure=False, is_http_only=False, same_site="none")),
]


@pytest.mark.parametrize(("text", "cookie"), READ)
def test_a_cookie_is_what_its_last_attributes_say(text: str, cookie: Cookie) -> None:
    assert cookies_kept([SentCookie(url=_URL, text=text)]) == (cookie,)


def test_a_later_cookie_of_the_same_name_place_and_domain_replaces_an_earlier_one() -> None:
    sent = [SentCookie(url=_URL, text=text) for text in ("a=1", "a=2; Secure", "a=3; Path=/; Secure")]
    assert [each.is_secure for each in cookies_kept(sent)] == [True, True]


@given(st.lists(st.text(max_size=60), max_size=5))
def test_no_cookie_of_a_stranger_raises(texts: list[str]) -> None:
    assert len(cookies_kept([SentCookie(url=_URL, text=text) for text in texts])) <= len(texts)
