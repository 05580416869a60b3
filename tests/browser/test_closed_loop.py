"""The loop, closed by a real browser: what Chromium reports becomes a policy under which the site works."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from policybuilder.csp import parse_serialized_policy
from tests.support.browser import SeenViolation, Visitor, open_visitor, wait_until
from tests.support.loopback import Certificate, Request, Response, forward, serve
from tests.support.service import RunningCollector, run_collector
from tests.support.small_site import EVERYTHING, EVIL_HOST, FILES, EvilHost, SmallSite, tour

pytestmark = pytest.mark.browser

QUIET_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; frame-ancestors 'none'"
)


def partner_evidence(site: SmallSite) -> set[tuple[str, str]]:
    """(directive, blocked) of all that comes from the partner."""
    return {
        ("script-src-elem", f"{site.partner}/widget.js"),
        ("img-src", f"{site.partner}/picture.svg"),
        ("font-src", f"{site.partner}/one-glyph.woff2"),
        ("connect-src", f"{site.partner}/data.json"),
    }


def all_evidence(site: SmallSite) -> set[tuple[str, str]]:
    """(directive, blocked) of all that the site does."""
    return partner_evidence(site) | {
        ("script-src-elem", f"{site.origin}/app.js"),
        ("style-src-elem", f"{site.origin}/style.css"),
        ("img-src", f"{site.origin}/picture.svg"),
        ("img-src", "data"),
        ("connect-src", f"{site.origin}/data.json"),
        ("worker-src", f"{site.origin}/worker.js"),
        ("frame-src", f"{site.origin}/framed.html"),
        ("form-action", f"{site.origin}/contact"),
        # Chromium names the framed page's own origin, whoever frames it.
        ("frame-ancestors", f"{site.origin}/"),
        ("require-trusted-types-for", "trusted-types-sink"),
    }


def observe(collector: RunningCollector, site: SmallSite, *arguments: str, base_url: str = "") -> None:
    """Let the site send what `cspbuild header` says; browsers reach the collector at its own address or `base_url`."""
    at = ("--base-url", base_url or collector.base_url)
    ran = collector.cspbuild("header", "--format", "json", *at, *arguments)
    assert ran.code == 0, ran.err
    site.send([(name, value) for name, value in ran.json()["headers"]])


def summary_groups(collector: RunningCollector) -> set[tuple[str, str]]:
    ran = collector.cspbuild("summary", "--noise", "--format", "json")
    assert ran.code == 0, ran.err
    return {(row["directive"], row["blocked"]) for row in ran.json()["rows"]}


def await_evidence(collector: RunningCollector, visitor: Visitor, expected: set[tuple[str, str]]) -> None:
    """Wait until every expected group is stored; nothing else may be."""
    wait_until(visitor, lambda: expected <= summary_groups(collector), f"reports of {expected}")
    assert summary_groups(collector) == expected


def suggest(collector: RunningCollector) -> dict[str, Any]:
    ran = collector.cspbuild("suggest", "--format", "json")
    assert ran.code == 0, ran.err
    document: dict[str, Any] = ran.json()
    assert document["replay"]["block"] == 0
    return document


def sources(document: dict[str, Any]) -> dict[str, set[str]]:
    """The suggested policy, a set of sources a directive, as its header is read by the engine."""
    policy = parse_serialized_policy(document["header"]["value"])
    return {directive.name: set(directive.values) for directive in policy.directives}


def is_injection_run(visitor: Visitor, site: SmallSite) -> bool:
    """Whether the script injected into the guestbook runs in this visitor's browser."""
    visitor.page.goto(f"{site.origin}/guestbook.html")
    return visitor.page.locator("html").get_attribute("data-injected") == "ran"


@contextmanager
def enforcing(browser: Browser, site: SmallSite, document: dict[str, Any]) -> Iterator[Visitor]:
    """A new visitor to the site under the suggested policy."""
    site.send([(document["header"]["name"], document["header"]["value"])])
    with open_visitor(browser) as visitor:
        yield visitor


def test_what_chromium_reports_becomes_a_policy_that_works_and_protects(
    browser: Browser, site: SmallSite, evil_host: EvilHost, tmp_path: Path, database_url: str
) -> None:
    with open_visitor(browser) as unprotected:
        assert is_injection_run(unprotected, site)
        assert evil_host.served.pop() == "/x.js"

    with run_collector(tmp_path, CSP_DATABASE_URL=database_url) as collector:
        observe(collector, site)
        with open_visitor(browser) as visitor:
            assert tour(visitor, site) == EVERYTHING
            await_evidence(collector, visitor, all_evidence(site))
        document = suggest(collector)
        observe(collector, site, "--stage", "trial", "--policy", document["policy"])
        with open_visitor(browser) as visitor:
            assert tour(visitor, site) == EVERYTHING
            assert visitor.violations == []

    assert sources(document) == {
        "default-src": {"'none'"},
        "script-src": {"'self'", site.partner},
        "style-src": {"'self'"},
        "base-uri": {"'none'"},
        "connect-src": {"'self'", site.partner},
        "font-src": {site.partner},
        "form-action": {"'self'"},
        "frame-src": {"'self'"},
        "img-src": {"'self'", "data:", site.partner},
        "object-src": {"'none'"},
        "worker-src": {"'self'"},
    }
    with enforcing(browser, site, document) as visitor:
        assert tour(visitor, site) == EVERYTHING
        assert visitor.violations == []
        assert not is_injection_run(visitor, site)
        assert visitor.violations == [SeenViolation("script-src-elem", f"https://{EVIL_HOST}/x.js", "enforce")]
        assert evil_host.served == []


def test_one_visit_of_the_try_page_is_enough_for_a_policy(browser: Browser, tmp_path: Path) -> None:
    with run_collector(tmp_path) as collector, open_visitor(browser) as visitor:
        own = collector.base_url
        other = own.replace("127.0.0.1", "localhost")
        visitor.page.goto(f"{own}/try")
        await_evidence(
            collector,
            visitor,
            {
                ("script-src-elem", "inline"),
                ("script-src-elem", f"{own}/try/app.js"),
                ("script-src-elem", f"{other}/try/partner.js"),
                ("script-src-attr", "inline"),
                ("script-src", "eval"),
                ("style-src-elem", "inline"),
                ("style-src-elem", f"{own}/try/style.css"),
                ("style-src-elem", f"{other}/try/partner.css"),
                ("style-src-attr", "inline"),
                ("img-src", "data"),
                ("img-src", f"{own}/try/picture.svg"),
                ("img-src", f"{other}/try/picture.svg"),
                ("connect-src", f"{own}/try/data.json"),
                ("connect-src", f"{other}/try/data.json"),
                ("require-trusted-types-for", "trusted-types-sink"),
            },
        )
        document = suggest(collector)
    suggested = sources(document)
    assert suggested["script-src"] == suggested["style-src"] == suggested["connect-src"] == {"'self'", other}
    assert suggested["img-src"] == {"'self'", "data:", other}
    assert suggested["default-src"] == suggested["base-uri"] == suggested["form-action"] == {"'none'"}
    assert {(held["directive"], held["source"]) for held in document["held"]} == {
        ("script-src", "'unsafe-inline'"),
        ("script-src", "'unsafe-eval'"),
        ("style-src", "'unsafe-inline'"),
    }


def test_a_quieter_start_keeps_what_it_never_heard_of(browser: Browser, site: SmallSite, tmp_path: Path) -> None:
    with run_collector(tmp_path) as collector:
        observe(collector, site, "--policy", QUIET_POLICY)
        with open_visitor(browser) as visitor:
            assert tour(visitor, site) == EVERYTHING
            await_evidence(collector, visitor, partner_evidence(site) | {("frame-ancestors", f"{site.origin}/")})
        document = suggest(collector)
    suggested = sources(document)
    for directive in ("script-src", "style-src", "img-src", "connect-src", "font-src", "frame-src", "worker-src"):
        assert "'self'" in suggested[directive]
    assert "form-action" not in suggested
    assert "form-action" in {finding["directive"] for finding in document["findings"] if finding["code"] == "unprobed"}
    with enforcing(browser, site, document) as visitor:
        assert tour(visitor, site) == EVERYTHING
        assert visitor.violations == []
        assert not is_injection_run(visitor, site)


def accepted_hash_reports(collector: RunningCollector) -> int:
    """How many `csp-hash` reports the collector counted as stored."""
    metrics = forward(
        Request("GET", "/metrics"),
        collector.base_url,
        ("Authorization", f"Bearer {collector.variables['CSP_ADMIN_TOKEN']}"),
    )
    assert metrics.status == 200
    found = re.search(rb'^csp_reports_accepted_total\{kind="csp-hash"\} (\S+)$', metrics.body, re.MULTILINE)
    return int(float(found[1])) if found else 0


def hash_of(path: Path) -> str:
    """As a hash source without its quotes."""
    return f"sha256-{base64.b64encode(hashlib.sha256(path.read_bytes()).digest()).decode()}"


def test_over_https_the_reporting_api_brings_script_hashes_too(
    browser: Browser, secure_site: SmallSite, certificate: Certificate, tmp_path: Path
) -> None:
    site = secure_site
    exchanges: list[tuple[Request, Response]] = []
    with run_collector(tmp_path, CSP_ADMIN_TOKEN="correct-horse-battery-staple") as collector:

        def front(request: Request) -> Response:
            response = forward(request, collector.base_url, ("X-Forwarded-Proto", "https"))
            exchanges.append((request, response))
            return response

        def posted(content_type: str) -> list[tuple[Request, Response]]:
            return [(asked, got) for asked, got in exchanges if asked.header("content-type") == content_type]

        def hash_reports() -> list[dict[str, str]]:
            reports = [report for asked, _ in posted("application/reports+json") for report in json.loads(asked.body)]
            return [report["body"] for report in reports if report["type"] == "csp-hash"]

        def hashes() -> dict[str, str]:
            return {body["subresourceURL"]: body["hash"] for body in hash_reports()}

        def is_each_counted() -> bool:
            return accepted_hash_reports(collector) == len(hash_reports())

        with serve(front, certificate=certificate) as port:
            observe(collector, site, base_url=f"https://127.0.0.1:{port}")
            assert [name for name, _ in site.headers].count("Content-Security-Policy-Report-Only") == 2
            with open_visitor(browser) as visitor:
                assert tour(visitor, site) == EVERYTHING
                await_evidence(collector, visitor, all_evidence(site))
                scripts = {f"{site.origin}/app.js", f"{site.partner}/widget.js"}
                wait_until(visitor, lambda: scripts <= set(hashes()), f"csp-hash reports of {scripts}")
                wait_until(visitor, is_each_counted, "as many stored csp-hash reports as posted ones")
        document = suggest(collector)

    assert hashes()[f"{site.origin}/app.js"] == hash_of(FILES / "own" / "app.js")
    # The partner's script is loaded without crossorigin, so its content is not for the page to know.
    assert hashes()[f"{site.partner}/widget.js"] == ""
    preflights = [(asked, got) for asked, got in exchanges if asked.method == "OPTIONS"]
    assert preflights
    assert {asked.header("access-control-request-headers") for asked, _ in preflights} == {"content-type"}
    assert len(posted("application/csp-report")) >= len(all_evidence(site))
    assert {got.status for _, got in exchanges} == {204}
    with enforcing(browser, site, document) as visitor:
        assert tour(visitor, site) == EVERYTHING
        assert visitor.violations == []
        assert not is_injection_run(visitor, site)
