"""The loop, closed by real browsers: what they report becomes a policy, under which all works and no attack does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.browser.conftest import OpenVisitor, opening_with
from tests.browser.needs import evidence, narrowest, sources, told_by_chromium, told_by_firefox
from tests.browser.operating import Operator, by_report_to, operating
from tests.support.postgres import PostgresServer
from tests.support.small_site import EVIL, FILES, SmallSite, attack, everything, tour
from tests.support.web import Web

pytestmark = pytest.mark.browser


@dataclass(frozen=True)
class Closed:
    """A loop that was gone through once: a visit under the observe headers, and what is suggested after it."""

    operator: Operator
    open_visitor: OpenVisitor
    reads_manifests: bool
    document: Any

    @property
    def site(self) -> SmallSite:
        return self.operator.site


# (browser, scheme of the site and its collector, how browsers report, database)
LOOPS = [
    ("chromium", "http", "report-uri", "sqlite"),
    ("chromium", "https", "report-to", "postgresql"),
    ("firefox", "http", "report-uri", "sqlite"),
    ("firefox", "https", "report-to", "sqlite"),
]


@pytest.fixture(scope="module", params=LOOPS, ids="-".join)
def closed(request: pytest.FixtureRequest, web: Web, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Closed]:
    browser, scheme, reporting, database = request.param
    variables = {}
    if database == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres")
        variables["CSP_DATABASE_URL"] = server.create_database()
    open_visitor = opening_with(request, browser)
    with operating(web, scheme, tmp_path_factory.mktemp("operator"), **variables) as operator:
        site = operator.site
        headers = operator.header()
        site.send(by_report_to(headers) if reporting == "report-to" else headers)
        with open_visitor() as visitor:
            assert tour(visitor, site) == everything(visitor)
            only = told_by_chromium(site) if browser == "chromium" else told_by_firefox(site, reporting)
            operator.await_reports(visitor, evidence(site) | only)
        kind = {"report-uri": "application/csp-report", "report-to": "application/reports+json"}[reporting]
        assert {content_type for content_type, _ in operator.posts()} == {kind}
        assert {response.status for _, response in operator.exchanges} == {204}
        operator.decide()
        yield Closed(operator, open_visitor, browser == "chromium", operator.suggest())


def test_the_suggestion_admits_each_thing_by_the_narrowest_means(closed: Closed) -> None:
    site, document = closed.site, closed.document
    expected = narrowest(site)
    if not closed.reads_manifests:
        del expected["manifest-src"]
    assert sources(document["policy"]) == expected
    assert document["held"] == document["excluded"] == []
    assert document["needs_nonce"]
    line = 1 + (FILES / "shop" / "inline.html").read_text().partition("{{nonce}}")[0].count("\n")
    todo = [each["todo"] for each in document["unresolved"] if each["directive"] == "script-src-elem"]
    assert todo == [f"add the nonce to it: {site.origin}/inline.html, line {line}"]


def test_under_the_suggestion_everything_works_and_no_attack_does(closed: Closed) -> None:
    closed.operator.enforce(closed.document["policy"])
    with closed.open_visitor() as visitor:
        assert tour(visitor, closed.site) == everything(visitor)
        assert visitor.violations == []
        assert attack(visitor, closed.site) == set()
        blocked = {(seen.directive, seen.blocked) for seen in visitor.violations}
    # Who is framed is not told; and a javascript: URL is inline code, too.
    assert blocked == {
        ("script-src-elem", "inline"),
        ("script-src-elem", f"{EVIL}/x.js"),
        ("script-src-attr", "inline"),
        ("img-src", f"{EVIL}/steal?everything"),
        ("base-uri", f"{EVIL}/"),
        ("form-action", f"{EVIL}/login"),
    }
    assert set(closed.site.attempts) <= {"/framing.html", "/favicon.ico"}
