"""Set-Cookie as browsers read it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policybuilder.grading.own.set_cookie import Cookie, DroppedCookie, SameSite, read_cookie

HOST = "https://www.shop.example/cart/"

# Each row: header, URL, why it is dropped.
DROPPED = [
    ("a=b\x00c", HOST, "there is a control character in it"),
    ("", HOST, "it has neither name nor value"),
    ("=", HOST, "it has neither name nor value"),
    (f"a={'b' * 4096}", HOST, "name and value are longer than 4096 bytes"),
    ("a=b; Domain=other.example", HOST, "Domain names a host that is not above its own"),
    ("a=b; Domain=op.example", "https://shop.example/", "Domain names a host that is not above its own"),
    ("a=b; Domain=co.uk", "https://shop.co.uk/", "Domain names a suffix under which strangers have hosts"),
    ("a=b; Domain=github.io", "https://me.github.io/", "Domain names a suffix under which strangers have hosts"),
    ("a=b; Domain=2.1", "http://192.0.2.1/", "Domain names a host that is not above its own"),
    ("a=b; Secure", "http://shop.example/", "it is Secure and came over plain http"),
    ("a=b; SameSite=None", HOST, "SameSite=None needs Secure"),
    ("a=b; Partitioned", HOST, "Partitioned needs Secure"),
    ("__Secure-a=b", HOST, "__Secure- needs Secure"),
    ("__host-a=b; Secure; Path=/; Domain=shop.example", HOST, "__Host- forbids Domain"),
    ("__Host-a=b; Secure", HOST, "__Host- needs Path=/"),
    ("__Host-a=b; Secure; Path=/cart", HOST, "__Host- needs Path=/"),
    ("__Host-a=b; Path=/", HOST, "__Host- needs Secure"),
    ("__Http-a=b; Secure", HOST, "__Http- needs HttpOnly"),
    ("__Host-Http-a=b; Secure; Path=/", HOST, "__Host-Http- needs HttpOnly"),
    ("__Host-a", HOST, "its value looks like a name with a prefix"),
]


@pytest.mark.parametrize(("header", "url", "why"), DROPPED)
def test_what_browsers_drop(header: str, url: str, why: str) -> None:
    read = read_cookie(header, url)
    assert isinstance(read, DroppedCookie)
    assert read.why == why


def kept(header: str, url: str = HOST) -> Cookie:
    read = read_cookie(header, url)
    assert isinstance(read, Cookie), read
    return read


def test_attributes_count_in_any_case_and_the_last_one_of_each() -> None:
    cookie = kept(" sid = x ; HTTPONLY ;secure; SameSite=Strict; samesite=lax; Max-Age=60; PATH=/")
    assert (cookie.name, cookie.is_http_only, cookie.is_secure) == ("sid", True, True)
    assert (cookie.same_site, cookie.max_age_seconds, cookie.domain) == (SameSite.LAX, 60, None)


def test_the_value_is_never_shown() -> None:
    assert kept("sid=s3cr3t; Path=/").shown == "sid=…; Path=/"
    assert "s3cr3t" not in kept("s3cr3t").shown


@pytest.mark.parametrize(
    ("header", "url", "domain"),
    [
        ("a=b; Domain=.Shop.example", HOST, "shop.example"),
        ("a=b; Domain=", HOST, None),
        # A public suffix may have a cookie of its own, for itself alone.
        ("a=b; Domain=github.io", "https://github.io/", None),
        ("a=b; Domain=192.0.2.1", "http://192.0.2.1/", None),
    ],
)
def test_whose_hosts_it_is_for(header: str, url: str, domain: str | None) -> None:
    assert kept(header, url).domain == domain


def test_this_machine_may_set_secure_cookies_without_https() -> None:
    assert kept("a=b; Secure", "http://localhost:8000/").is_secure


# (date, read as)  https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#name-dates
DATES = [
    ("Wed, 21 Oct 2026 07:28:00 GMT", datetime(2026, 10, 21, 7, 28, tzinfo=UTC)),
    ("Wednesday, 21-Oct-26 07:28:00 GMT", datetime(2026, 10, 21, 7, 28, tzinfo=UTC)),
    ("21 oct 2026 7:8:9", datetime(2026, 10, 21, 7, 8, 9, tzinfo=UTC)),
    ("Thu, 01 Jan 1970 00:00:00 GMT", datetime(1970, 1, 1, tzinfo=UTC)),
    ("Thu, 01-Jan-70 00:00:01 GMT", datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
    ("31 Feb 2026 00:00:00", None),
    ("2026-10-21T07:28:00Z", None),
    ("never", None),
]


@pytest.mark.parametrize(("text", "date"), DATES)
def test_dates_are_read_as_browsers_do(text: str, date: datetime | None) -> None:
    assert kept(f"a=b; Expires={text}").expires_at == date


@pytest.mark.parametrize(
    "header", ["a=; Max-Age=0", "a=b; Max-Age=-1", "a=b; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/"]
)
def test_what_is_sent_to_be_forgotten(header: str) -> None:
    assert kept(header).is_deleted(None)


def test_max_age_is_worth_more_than_a_date() -> None:
    assert not kept("a=b; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT").is_deleted(None)
    assert kept(f"a=b; Max-Age={'9' * 5000}").lasts_seconds(None) is None
    assert (kept(f"a=b; Max-Age={'9' * 900}").lasts_seconds(None) or 0) > 10**8


@given(st.text(), st.sampled_from([HOST, "http://192.0.2.1/", "data:,x", "", "https://[::1]/"]))
def test_no_text_raises(text: str, url: str) -> None:
    read_cookie(text, url)


@given(st.lists(st.sampled_from(["Secure", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=9", "", "x=y"])))
def test_a_plain_cookie_is_kept_whatever_harmless_attributes_it_has(attributes: list[str]) -> None:
    cookie = kept("; ".join(["sid=abc", *attributes]))
    assert cookie.is_secure == ("Secure" in attributes)
    assert cookie.is_http_only == ("HttpOnly" in attributes)
