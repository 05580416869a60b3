"""An operator with the small site and a collector of their own, who types commands."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.browser.needs import Pairs
from tests.support.browser import Visitor, wait_until
from tests.support.loopback import Request, Response, forward
from tests.support.service import RunningCollector, run_collector
from tests.support.small_site import REPORTS_HOST, SHOP_HOST, SmallSite, run_small_site
from tests.support.web import Web

Headers = list[tuple[str, str]]


@dataclass
class Operator:
    """Somebody who has a site and a collector, and types commands."""

    collector: RunningCollector
    web: Web
    site: SmallSite
    exchanges: list[tuple[Request, Response]] = field(default_factory=list)
    """What browsers asked of the collector, and its answers."""

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

    def posts(self) -> list[tuple[str, bytes]]:
        """(content type, body) of each report that was posted."""
        posted = (request for request, _ in self.exchanges if request.method == "POST")
        return [(request.header("content-type") or "", request.body) for request in posted]

    def posted_pairs(self) -> Pairs:
        """(directive, blocked) of each of them."""
        return {pair for _, body in self.posts() for pair in _posted_pairs(body)}

    def await_reports(self, visitor: Visitor, expected: Pairs) -> None:
        """Wait until all of that is stored; nothing else may be."""
        # What was answered with 204 is stored, and looking at the posts costs less than asking.
        wait_until(visitor, lambda: expected <= self.posted_pairs(), f"posts of {expected}")
        await_reports(self.collector, visitor, expected)


def _posted_pairs(body: bytes) -> Iterator[tuple[str, str]]:
    document = json.loads(body)
    for report in document if isinstance(document, list) else [document]:
        match report:
            case {"csp-report": {"effective-directive": directive, "blocked-uri": blocked}}:
                yield directive, blocked
            case {"type": "csp-violation", "body": {"effectiveDirective": directive, "blockedURL": blocked}}:
                yield directive, blocked


def reported(collector: RunningCollector) -> Pairs:
    """All that was reported."""
    ran = collector.cspbuild("summary", "--noise", "--format", "json")
    assert ran.code == 0, ran.err
    return {(row["directive"], row["blocked"]) for row in ran.json()["rows"]}


def await_reports(collector: RunningCollector, visitor: Visitor, expected: Pairs) -> None:
    """Wait until all that is expected is stored; nothing else may be."""
    wait_until(visitor, lambda: expected <= reported(collector), f"reports of {expected}")
    stored = reported(collector)
    assert stored == expected, (stored - expected, expected - stored)


@contextmanager
def operating(web: Web, scheme: str, directory: Path, **variables: str) -> Iterator[Operator]:
    """The site, and a collector that browsers reach over the site's own scheme."""
    with run_collector(directory, **variables) as collector, run_small_site(web, scheme) as site:
        operator = Operator(collector, web, site)

        def take_in(request: Request) -> Response:
            response = forward(request, collector.base_url, ("X-Forwarded-Proto", scheme))
            operator.exchanges.append((request, response))
            return response

        with web.mounted({REPORTS_HOST: take_in}):
            yield operator


def by_report_to(headers: Headers) -> Headers:
    """The policy that reports by `report-uri`, for a site that has turned to the Reporting API altogether."""
    [(name, policy, address)] = [
        (name, match[1], match[2])
        for name, value in headers
        if (match := re.fullmatch(r"(.*; )report-uri (\S+)", value))
    ]
    return [("Reporting-Endpoints", f'csp="{address}"'), (name, f"{policy}report-to csp")]
