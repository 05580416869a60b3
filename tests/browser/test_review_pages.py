"""The main way through the review pages in Firefox; Chromium goes it in the tests of the pages themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.collector.ingest.builders import report_body
from tests.support.browser import Visitor, wait_until
from tests.support.firefox import Firefox, open_firefox_visitor
from tests.support.loopback import forward
from tests.support.service import post, run_collector
from tests.support.web import Web

pytestmark = pytest.mark.browser

LIBRARY = "https://cdn.example/lib.js"


def click(visitor: Visitor, selector: str, awaited: str) -> None:
    """Click what is there, and wait for the page that has what is awaited."""
    visitor.evaluate(f"(self.isLeft = true, document.querySelector({selector!r}).click())")
    wait_until(visitor, lambda: visitor.evaluate(f"!self.isLeft && !!document.querySelector({awaited!r})"), awaited)


def text(visitor: Visitor, selector: str) -> str:
    return str(visitor.evaluate(f"document.querySelector({selector!r}).innerText"))


def test_a_person_reads_a_violation_decides_and_sees_the_policy_change(
    firefox: Firefox, web: Web, tmp_path: Path
) -> None:
    with run_collector(tmp_path) as collector, open_firefox_visitor(firefox) as visitor:
        headers = [("Content-Type", "application/csp-report")]
        body = report_body(effective_directive="script-src-elem", blocked_uri=LIBRARY)
        assert post(f"{collector.base_url}/report/default", body, headers)[0] == 204
        asked = []

        def pass_on(request):  # type: ignore[no-untyped-def]
            asked.append(request.path)
            return forward(request, collector.base_url)

        with web.mounted({"127.0.0.1": pass_on}):
            visitor.goto(collector.login_link)
            click(visitor, "button", ".tabs")
            click(visitor, ".tabs a[href^='/violations']", "a.to-group")
            wait_until(visitor, lambda: text(visitor, "[data-zone]").startswith("Times in"), "our script")
            assert visitor.evaluate("document.querySelector('td time').title").endswith(" UTC")
            click(visitor, "a.to-group", "form.answers")
            assert text(visitor, "h1") == LIBRARY
            visitor.evaluate("document.querySelector('#note').value = 'our library'")
            click(visitor, "button[value=allow]", "#history")
            assert "our library" in text(visitor, "#history ~ ul")
            click(visitor, ".tabs a[href^='/suggestion']", "#copy")
            assert LIBRARY in text(visitor, "#copy ~ details pre")
            wait_until(visitor, lambda: visitor.evaluate("!!document.querySelector('button.copy')"), "our script")
            click(visitor, ".logout button", "main")
        assert visitor.violations == []
        assert all(path.startswith("/") for path in asked)
