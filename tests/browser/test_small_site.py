"""The measuring instrument itself: the small site notices what a policy breaks, and the browser stays on its leash."""

from __future__ import annotations

import pytest
from playwright.sync_api import Error

from tests.support.browser import Visitor
from tests.support.small_site import EVERYTHING, EVIL_HOST, SmallSite, tour

pytestmark = pytest.mark.browser

# (directive that is closed, what stops working)
BREAKAGE = [
    ("style-src", {"style"}),
    ("img-src", {"picture", "data-picture", "partner-picture"}),
    # The worker answers what it fetched.
    ("connect-src", {"fetch", "partner-fetch", "worker"}),
    ("worker-src", {"worker"}),
    ("font-src", {"partner-font"}),
    ("frame-src", {"frame"}),
    ("frame-ancestors", {"frame"}),
    ("form-action", {"form"}),
]


def test_everything_works_without_a_policy(visitor: Visitor, site: SmallSite) -> None:
    assert tour(visitor, site) == EVERYTHING
    assert visitor.violations == []


@pytest.mark.parametrize(("directive", "broken"), BREAKAGE)
def test_a_closed_directive_breaks_what_it_governs(
    visitor: Visitor, site: SmallSite, directive: str, broken: set[str]
) -> None:
    site.send([("Content-Security-Policy", f"{directive} 'none'")])
    assert tour(visitor, site) == EVERYTHING - broken


def test_a_policy_without_the_partner_breaks_what_the_partner_serves(visitor: Visitor, site: SmallSite) -> None:
    site.send([("Content-Security-Policy", "default-src 'self'; img-src 'self' data:")])
    assert EVERYTHING - tour(visitor, site) == {name for name in EVERYTHING if name.startswith("partner-")}


def test_names_that_no_test_answers_for_lead_nowhere(visitor: Visitor) -> None:
    with pytest.raises(Error, match="ERR_NAME_NOT_RESOLVED"):
        visitor.page.goto(f"https://www.{EVIL_HOST}/")
