"""When a reader was here before, as the reader's browser remembers it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from fastapi import Request, Response

from collector.review.visits import PAUSE, last_visit, remember_visit

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def request(cookie: str = "", host: str = "127.0.0.1:8000", scheme: str = "http") -> Request:
    headers = [(b"host", host.encode()), (b"cookie", cookie.encode())]
    return Request({"type": "http", "method": "GET", "path": "/", "headers": headers, "scheme": scheme})


class Reader:
    """A browser that keeps the cookie."""

    def __init__(self) -> None:
        self.cookie = ""

    def visit(self, site: str, now: datetime) -> datetime | None:
        asked, response = request(self.cookie), Response()
        found = last_visit(asked, site, now)
        remember_visit(asked, response, site, now)
        self.cookie = response.headers["set-cookie"].partition(";")[0]
        return found


def test_a_visit_is_over_after_a_pause_and_not_with_each_page() -> None:
    reader = Reader()
    assert reader.visit("shop", NOON) is None
    assert reader.visit("shop", NOON + timedelta(minutes=20)) is None
    ended = NOON + timedelta(minutes=40)
    assert reader.visit("shop", ended) is None
    tomorrow = NOON + timedelta(days=1)
    assert reader.visit("shop", tomorrow) == ended
    assert reader.visit("shop", tomorrow + timedelta(minutes=5)) == ended, "while this visit lasts"
    assert reader.visit("shop", tomorrow + 2 * PAUSE) == tomorrow + timedelta(minutes=5)


def test_every_site_has_visits_of_its_own() -> None:
    reader = Reader()
    reader.visit("shop", NOON)
    assert reader.visit("a&b=c", NOON + timedelta(days=1)) is None
    assert reader.visit("shop", NOON + timedelta(days=2)) == NOON
    assert reader.visit("a&b=c", NOON + timedelta(days=2)) == NOON + timedelta(days=1)


def test_a_browser_remembers_so_many_sites() -> None:
    reader = Reader()
    for number in range(100):
        reader.visit(f"site-{number}", NOON)
    assert reader.visit("site-99", NOON + timedelta(days=1)) == NOON
    assert reader.visit("site-1", NOON + timedelta(days=1)) is None
    assert len(reader.cookie) < 4_000


@pytest.mark.parametrize("kept", ["", "x", "shop=", "shop=1", "shop=-5-9", "shop=١-٢", "shop=9999999999999-1", "%%%=;"])
def test_what_was_tampered_with_is_forgotten(kept: str) -> None:
    assert last_visit(request(f"csp_session_visits={kept}"), "shop", NOON) is None


def test_a_visit_in_the_future_is_none() -> None:
    at = int((NOON + timedelta(days=1)).timestamp())
    assert last_visit(request(f"csp_session_visits=shop={at}-{at}"), "shop", NOON) is None


def test_the_cookie_is_kept_from_scripts_and_other_sites() -> None:
    response = Response()
    remember_visit(request(host="csp.example", scheme="https"), response, "shop", NOON)
    said = response.headers["set-cookie"].lower()
    assert said.startswith("__host-csp_session_visits=")
    assert {"secure", "httponly", "samesite=strict", "path=/"} <= {part.strip() for part in said.split(";")}
    plain = Response()
    remember_visit(request(host="csp.example"), plain, "shop", NOON)
    assert "set-cookie" not in plain.headers
