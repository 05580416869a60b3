"""The measuring instrument itself: the small site notices what a policy breaks, and browsers stay on their leash."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Error

from tests.support.browser import Visitor, open_visitor
from tests.support.firefox import Firefox, open_firefox_visitor
from tests.support.loopback import Request, Response
from tests.support.small_site import ATTACKS, EVIL_HOST, FEATURES, SmallSite, attack, everything, tour
from tests.support.web import Web

pytestmark = pytest.mark.browser

# By directives that are closed, each with what stops working; those of a line disturb each other in nothing.
BREAKAGE: list[dict[str, set[str]]] = [
    {
        "style-src": {"style", "inline-style", "style-attribute", "long-style-attribute"},
        "worker-src": {"worker", "blob-worker"},
        "font-src": {"partner-font"},
        "form-action": {"form"},
        "script-src-attr": {"handler", "long-handler"},
    },
    {
        "img-src": {"picture", "data-picture", "moved-picture", "partner-picture", "photos", "photo-of-the-day"},
        # The worker answers what it fetched.
        "connect-src": {"fetch", "worker", "socket", "partner-fetch", "partner-socket"},
        "frame-src": {"frame", "form"},
        "manifest-src": {"manifest"},
    },
    {
        "style-src-attr": {"style-attribute", "long-style-attribute"},
        "frame-ancestors": {"frame", "form"},
    },
]


def test_everything_works_without_a_policy(visitor: Visitor, site: SmallSite) -> None:
    assert tour(visitor, site) == everything(visitor)
    assert visitor.violations == []


def test_every_attack_works_without_a_policy(visitor: Visitor, site: SmallSite) -> None:
    assert attack(visitor, site) == ATTACKS


@pytest.mark.parametrize("closed", BREAKAGE, ids=" ".join)
def test_a_closed_directive_breaks_what_it_governs(
    visitor: Visitor, site: SmallSite, closed: dict[str, set[str]]
) -> None:
    site.send([("Content-Security-Policy", "; ".join(f"{directive} 'none'" for directive in closed))])
    broken = set().union(*closed.values())
    assert everything(visitor) - tour(visitor, site) == broken & everything(visitor)


def test_a_policy_without_the_partners_breaks_what_they_serve(visitor: Visitor, site: SmallSite) -> None:
    policy = (
        "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; worker-src 'self' blob:"
    )
    site.send([("Content-Security-Policy", policy)])
    assert everything(visitor) - tour(visitor, site) == FEATURES["/partners.html"] - {"script"}


def test_for_chromium_names_that_no_test_answers_for_lead_nowhere(browser: Browser) -> None:
    with open_visitor(browser) as visitor, pytest.raises(Error, match="ERR_NAME_NOT_RESOLVED"):
        visitor.goto(f"https://www.{EVIL_HOST}/")


def test_for_firefox_they_lead_to_us(firefox: Firefox, web: Web) -> None:
    def catch(_request: Request) -> Response:
        return Response(200, (("Content-Type", "text/html"),), b"<title>caught</title>")

    with web.mounted({f"www.{EVIL_HOST}": catch}), open_firefox_visitor(firefox) as visitor:
        visitor.goto(f"https://www.{EVIL_HOST}/")
        assert visitor.evaluate("document.title") == "caught"
