"""The loop, closed by real browsers: what they report becomes a policy under which the site works, and no attack does."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from policybuilder.csp import parse_serialized_policy
from tests.browser.conftest import REPORTS_HOST, OpenVisitor, opening_with
from tests.support.browser import Visitor, wait_until
from tests.support.loopback import Request, Response, forward
from tests.support.service import RunningCollector, run_collector
from tests.support.small_site import ATTACKS, FILES, SHOP_HOST, SmallSite, attack, everything, run_small_site, tour
from tests.support.web import Web

pytestmark = pytest.mark.browser

Pairs = set[tuple[str, str]]
Headers = list[tuple[str, str]]


@dataclass
class Operator:
    """Somebody who has a site and a collector, and types commands."""

    collector: RunningCollector
    web: Web
    site: SmallSite

    def run(self, *arguments: str) -> Any:
        """What a command says as JSON."""
        ran = self.collector.cspbuild(*arguments, "--format", "json")
        assert ran.code == 0, ran.err + ran.out
        return ran.json()

    def header(self, *arguments: str) -> Headers:
        """The headers of a stage, as for a rehearsal."""
        at = f"{self.site.scheme}://{REPORTS_HOST}"
        said = self.run("header", "--base-url", at, "--rehearsal-key", self.collector.rehearsal_key, *arguments)
        return [(name, value) for name, value in said["headers"]]

    def suggest(self, *arguments: str) -> Any:
        """A suggestion that has read the pages."""
        port = {"http": 80, "https": 443}[self.site.scheme]
        detour = f"{SHOP_HOST}:{port}:127.0.0.1:{self.web.port}"
        fetching = ("--fetch", "--connect-to", detour, "--allow-private", "--insecure")
        document = self.run("suggest", *fetching, *arguments)
        assert document["replay"]["block"] == 0
        return document

    def decide(self) -> None:
        """Say what no report can: the blobs are ours, and who may frame us."""
        self.run("decide", "allow", "blob:", "--directive", "worker-src", "--note", "app.js makes a worker of its own")
        self.run("decide", "allow", "'self'", "--directive", "frame-ancestors")

    def enforce(self, policy: str) -> None:
        self.site.send(self.header("--stage", "enforce", "--policy", policy))

    def reported(self) -> Pairs:
        """(directive, blocked) of all that was reported."""
        return {(row["directive"], row["blocked"]) for row in self.run("summary", "--noise")["rows"]}

    def await_reports(self, visitor: Visitor, expected: Pairs) -> None:
        """Wait until all of that is stored; nothing else may be."""
        wait_until(visitor, lambda: expected <= self.reported(), f"reports of {expected}")
        assert self.reported() == expected


@contextmanager
def operating(web: Web, scheme: str, directory: Path, **variables: str) -> Iterator[Operator]:
    """The site, and a collector that browsers reach over the site's own scheme."""
    with run_collector(directory, **variables) as collector, run_small_site(web, scheme) as site:

        def take_in(request: Request) -> Response:
            return forward(request, collector.base_url, ("X-Forwarded-Proto", scheme))

        with web.mounted({REPORTS_HOST: take_in}):
            yield Operator(collector, web, site)


def by_report_to(headers: Headers) -> Headers:
    """The same policies for a site that has turned to the Reporting API altogether."""
    found = (re.search(r"; report-uri (\S+)$", value) for _, value in headers)
    [address] = {match[1] for match in found if match}
    values = [(name, value.replace(f"report-uri {address}", "report-to csp")) for name, value in headers]
    return [("Reporting-Endpoints", f'csp="{address}"'), *(pair for pair in values if pair[1].endswith("report-to csp"))]


def all_evidence(site: SmallSite, visitor: Visitor) -> Pairs:
    """(directive, blocked) of all that the site does."""
    return set()


@dataclass(frozen=True)
class Closed:
    """A loop that was gone through once."""

    operator: Operator
    open_visitor: OpenVisitor
    document: Any

    @property
    def site(self) -> SmallSite:
        return self.operator.site


LOOPS = [
    ("chromium", "http", "report-uri"),
    ("chromium", "https", "report-to"),
    ("firefox", "http", "report-uri"),
    ("firefox", "https", "report-to"),
]


@pytest.fixture(scope="module", params=LOOPS, ids="-".join)
def closed(request: pytest.FixtureRequest, web: Web, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Closed]:
    """One visit under the observe headers, and what is suggested after it."""
    browser, scheme, reporting = request.param
    open_visitor = opening_with(request, browser)
    with operating(web, scheme, tmp_path_factory.mktemp("operator")) as operator:
        headers = operator.header()
        operator.site.send(by_report_to(headers) if reporting == "report-to" else headers)
        with open_visitor() as visitor:
            assert tour(visitor, operator.site) == everything(visitor)
            visitor.pause(3)
            for x in sorted(operator.reported()): print(x)
        operator.decide()
        yield Closed(operator, open_visitor, operator.suggest())


def test_it(closed: Closed) -> None:
    print(closed.document["policy"])
    for k in ("held", "unresolved", "excluded", "findings"):
        for x in closed.document[k]:
            print(k, {a: b for a, b in x.items() if a not in ("evidence",)})
    closed.operator.enforce(closed.document["policy"])
    with closed.open_visitor() as visitor:
        got = tour(visitor, closed.site)
        print("missing", everything(visitor) - got, visitor.violations)
        visitor.violations.clear()
        print("attacks", attack(visitor, closed.site), visitor.violations)
