"""What only the Reporting API tells: the digests of scripts that Chromium loads."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.needs import digest, evidence, told_by_chromium
from tests.browser.operating import Operator, operating
from tests.support.browser import open_visitor, wait_until
from tests.support.loopback import Request, forward
from tests.support.small_site import FILES, everything, tour
from tests.support.web import Web

pytestmark = pytest.mark.browser

_TOKEN = "correct-horse-battery-staple"


def hash_reports(operator: Operator) -> Iterator[dict[str, str]]:
    """The bodies of `csp-hash` reports, as they were posted."""
    for content_type, body in operator.posts():
        if content_type == "application/reports+json":
            yield from (report["body"] for report in json.loads(body) if report["type"] == "csp-hash")


def stored_hash_reports(operator: Operator) -> int:
    """How many of them the collector counted as stored."""
    asked = Request("GET", "/metrics")
    metrics = forward(asked, operator.collector.base_url, ("Authorization", f"Bearer {_TOKEN}"))
    assert metrics.status == 200
    found = re.search(rb'^csp_reports_accepted_total\{kind="csp-hash"\} (\S+)$', metrics.body, re.MULTILINE)
    return int(float(found[1])) if found else 0


def test_over_https_the_observe_headers_bring_script_hashes_too(browser: Browser, web: Web, tmp_path: Path) -> None:
    with operating(web, "https", tmp_path, CSP_ADMIN_TOKEN=_TOKEN) as operator:
        site = operator.site
        scripts = {f"{site.origin}/app.js", f"{site.widgets}/tags/widget.js"}

        def hashes() -> dict[str, str]:
            return {body["subresourceURL"]: body["hash"] for body in hash_reports(operator)}

        def is_each_counted() -> bool:
            return stored_hash_reports(operator) == len(list(hash_reports(operator)))

        site.send(operator.header())
        assert [name for name, _ in site.headers].count("Content-Security-Policy-Report-Only") == 2
        with open_visitor(browser) as visitor:
            assert tour(visitor, site) == everything(visitor)
            operator.await_reports(visitor, evidence(site) | told_by_chromium(site))
            wait_until(visitor, lambda: scripts <= set(hashes()), f"csp-hash reports of {scripts}")
            wait_until(visitor, is_each_counted, "as many stored csp-hash reports as posted ones")

    own = digest((FILES / "shop" / "app.js").read_text())
    assert hashes()[f"{site.origin}/app.js"] == own.strip("'")
    # The partner's script is loaded without crossorigin, so its content is not for the page to know.
    assert hashes()[f"{site.widgets}/tags/widget.js"] == ""
    preflights = [asked for asked, _ in operator.exchanges if asked.method == "OPTIONS"]
    assert preflights
    assert {asked.header("access-control-request-headers") for asked in preflights} == {"content-type"}
    assert len(operator.posts()) >= len(evidence(site))
    assert {answered.status for _, answered in operator.exchanges} == {204}
