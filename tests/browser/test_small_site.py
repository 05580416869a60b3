"""The measuring instrument itself: the small site notices what a policy breaks, and the browsers stay on their leash."""

from __future__ import annotations

import pytest

from tests.support.browser import Visitor
from tests.support.small_site import ATTACKS, EVIL_HOST, FEATURES, SmallSite, attack, everything, tour

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
    site.send(
        [
            (
                "Content-Security-Policy",
                "default-src 'self'; img-src 'self' data:; script-src 'self' 'unsafe-inline'; "
                "style-src 'self' 'unsafe-inline'; worker-src 'self' blob:",
            )
        ]
    )
    assert everything(visitor) - tour(visitor, site) == FEATURES["/partners.html"] - {"script"}


def test_names_that_no_test_answers_for_lead_nowhere(visitor: Visitor) -> None:
    """Chromium finds no such name; for Firefox all names lead to our web, where nobody answers."""
    try:
        visitor.goto(f"https://www.{EVIL_HOST}/")
    except Exception as error:
        assert "ERR_NAME_NOT_RESOLVED" in str(error)  # noqa: PT017  (one browser answers, and the other fails)
    else:
        assert visitor.evaluate("document.body?.textContent ?? ''").strip() == ""
