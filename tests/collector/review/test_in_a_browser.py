from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Request
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from collector.app import SERVICE_HEADERS
from collector.review.pages import create_router
from collector.review.try_page import create_try_router
from collector.security_headers import harden
from policybuilder.evidence import EvidenceClass, PageCount
from tests.collector.ingest.builders import report_body
from tests.support.service import post, run_collector
from tests.support.serving import serving
from tests.support.try_page import reported_by_try

pytestmark = pytest.mark.browser

CHROMIUM = "/usr/bin/chromium"
HOSTILE = "\"'><img src=x onerror=document.title='owned'><script>document.title='owned'</script>\u202e\x1b[31m"
OBSERVE = (
    "default-src 'none'; script-src 'report-sample'; style-src 'report-sample'; img-src 'none'; connect-src 'none'; "
    "require-trusted-types-for 'script'; report-uri {base_url}/report/rehearsal"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.fail(f"no {CHROMIUM}; run make test as root, or apt-get install chromium")
    # What Debian's Chromium needs to run as root, and to keep to this machine.
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    arguments += ["--disable-sync", "--disable-quic", "--no-first-run"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


def test_a_person_logs_in_by_the_link_and_out_again(start: Callable[..., Any], browser: Browser) -> None:
    review = start()
    with serving(review.app) as base_url, browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{base_url}/")
        assert page.url == f"{base_url}/login"
        page.goto(review.access.new_login_link(base_url))
        page.get_by_role("button", name="Open the review pages").click()
        page.wait_for_url(f"{base_url}/")
        assert page.get_by_role("heading", level=1).inner_text() == "Nothing arrives yet"
        page.get_by_role("button", name="Log out").click()
        page.wait_for_url(f"{base_url}/login")


def test_a_person_logs_in_by_the_admin_token(start: Callable[..., Any], browser: Browser) -> None:
    review = start(admin_token="correct-horse-battery-staple")
    with serving(review.app) as base_url, browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{base_url}/")
        page.get_by_label("Admin token").fill("correct-horse-battery-staple")
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url(f"{base_url}/")


def test_hostile_reports_run_nothing_and_our_own_policy_is_kept(
    start: Callable[..., Any], make_group: Callable[..., Any], browser: Browser
) -> None:
    review = start()
    review.evidence.groups["default"] = [
        make_group(
            blocked=HOSTILE,
            directive=HOSTILE,
            sample=HOSTILE,
            rule=HOSTILE,
            decision=HOSTILE,
            evidence_class=EvidenceClass.ATTACK_LIKE,
            pages=(PageCount(HOSTILE, 2), PageCount(HOSTILE, 1)),
        )
    ]
    with serving(review.app) as base_url, browser.new_context() as context:
        page = context.new_page()
        said: list[str] = []
        asked: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(review.access.new_login_link(base_url))
        page.get_by_role("button").click()
        page.wait_for_url(f"{base_url}/")
        for query in ("", "?by=source", "?by=directive", "?by=page", "?by=day", "?noise=1"):
            page.goto(f"{base_url}/violations{query}")
            assert page.title() == "Violations · default · CSP reports"
        assert said == []
        assert all(url.startswith(f"{base_url}/") for url in asked)


def test_a_visit_to_the_try_out_page_sends_real_reports(browser: Browser, start: Callable[..., Any]) -> None:
    received: set[tuple[str, str]] = set()
    api = FastAPI(openapi_url=None)

    @api.post("/report/rehearsal", status_code=204)
    async def report(request: Request) -> None:
        body = json.loads(await request.body())["csp-report"]
        received.add((body["effective-directive"], body["blocked-uri"]))

    def make_headers(base_url: str) -> list[tuple[str, str]]:
        return [("Content-Security-Policy-Report-Only", OBSERVE.replace("{base_url}", base_url))]

    api.include_router(create_router(start().evidence, start().access, try_path="/try"))
    api.include_router(create_try_router(make_headers, next_commands=["cspbuild summary", "cspbuild suggest"]))
    app = harden(api, SERVICE_HEADERS, hosts=["127.0.0.1", "localhost"])
    with serving(app) as own, browser.new_context() as context:
        other = own.replace("127.0.0.1", "localhost")
        expected = reported_by_try(own)
        page = context.new_page()
        failed: list[str] = []
        asked: list[str] = []
        page.on("requestfailed", lambda request: failed.append(request.url))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{own}/try")
        deadline = time.monotonic() + 10
        while received != expected and time.monotonic() < deadline:
            page.wait_for_timeout(50)
        assert received == expected
        assert int(page.locator("#count").inner_text()) >= len(expected)
        assert [url for url in failed if "/report/" not in url] == []
        assert all(url.startswith((f"{own}/", f"{other}/", "data:")) for url in asked)


@contextmanager
def collected(directory: Path) -> Iterator[tuple[str, str]]:
    """A collector with one report of a visitor's; its address, and a login link."""
    with run_collector(directory) as collector:
        body = report_body(effective_directive="img-src", blocked_uri="https://img.example/a.png")
        headers = [("Content-Type", "application/csp-report")]
        assert post(f"{collector.base_url}/report/{collector.rehearsal_key}", body, headers)[0] == 204
        script = report_body(effective_directive="script-src-elem", blocked_uri="https://cdn.example/lib.js")
        assert post(f"{collector.base_url}/report/default", script, headers)[0] == 204
        yield collector.base_url, collector.login_link


def watched(context: BrowserContext, base_url: str) -> list[str]:
    """What the browser complains of, and whom it asks but the collector."""
    complaints: list[str] = []
    context.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    context.on("request", lambda request: None if request.url.startswith(base_url) else complaints.append(request.url))
    return complaints


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_person_reads_a_violation_decides_and_copies_the_policy(
    *, scripts: bool, browser: Browser, tmp_path: Path
) -> None:
    with collected(tmp_path) as (base_url, link), browser.new_context(java_script_enabled=scripts) as context:
        complaints = watched(context, base_url)
        page = context.new_page()
        page.goto(link)
        page.get_by_role("button", name="Open the review pages").click()
        page.get_by_role("link", name="Violations").click()
        page.get_by_role("link", name="https://cdn.example/lib.js").click()
        assert page.get_by_role("heading", level=1).inner_text() == "https://cdn.example/lib.js"
        page.get_by_role("link", name="Policy").click()
        assert "https://cdn.example" not in page.locator("#copy ~ details pre").first.inner_text()
        page.go_back()
        page.get_by_label("Note").fill("our library")
        page.get_by_role("button", name="Allow", exact=True).click()
        assert "our library" in page.get_by_role("region", name="What was decided").inner_text()
        page.get_by_role("link", name="Policy").click()
        assert "https://cdn.example/lib.js" in page.locator("#copy ~ details pre").first.inner_text()
        page.get_by_role("link", name="Decisions").click()
        page.get_by_role("button", name="Take back decision 1").click()
        assert "taken back" in page.get_by_role("table").inner_text()
        assert complaints == []


def pasted(page: Page) -> str:
    """What the clipboard holds, by the keys for it: pages themselves may not read it."""
    page.evaluate("document.body.append(Object.assign(document.createElement('textarea'), {id: 'pasted'}))")
    page.locator("#pasted").focus()
    page.keyboard.press("Control+V")
    return page.locator("#pasted").input_value()


def test_the_same_by_keyboard_alone(browser: Browser, tmp_path: Path) -> None:
    with collected(tmp_path) as (base_url, link), browser.new_context() as context:
        context.grant_permissions(["clipboard-write"], origin=base_url)
        page = context.new_page()

        def tab_to(name: str, *, most: int = 60) -> None:
            for _ in range(most):
                page.keyboard.press("Tab")
                focused = page.evaluate(
                    "(e => (e.labels?.[0]?.innerText || e.innerText || e.value || '').trim())(document.activeElement)"
                )
                if focused == name:
                    return
            raise AssertionError(f"no way to {name} by Tab")

        page.goto(link)
        tab_to("Open the review pages")
        page.keyboard.press("Enter")
        page.wait_for_url(f"{base_url}/")
        tab_to("Violations")
        page.keyboard.press("Enter")
        page.wait_for_url(f"{base_url}/violations*")
        tab_to("Skip to the content")
        tab_to("https://cdn.example/lib.js")
        page.keyboard.press("Enter")
        page.wait_for_url(f"{base_url}/group/*")
        tab_to("Note")
        page.keyboard.type("our library")
        tab_to("Allow")
        with page.expect_navigation():
            page.keyboard.press("Enter")
        assert "our library" in page.get_by_role("region", name="What was decided").inner_text()
        tab_to("Policy")
        page.keyboard.press("Enter")
        page.wait_for_url(f"{base_url}/suggestion*")
        page.get_by_role("button", name="Copy: Header").wait_for()
        tab_to("Copy")
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Copied: Header").wait_for()
        assert "https://cdn.example/lib.js" in pasted(page)


def test_several_are_chosen_by_key_and_answered_at_once(browser: Browser, tmp_path: Path) -> None:
    with collected(tmp_path) as (base_url, link), browser.new_context(timezone_id="Asia/Kathmandu") as context:
        complaints = watched(context, base_url)
        page = context.new_page()
        page.goto(link)
        page.get_by_role("button", name="Open the review pages").click()
        page.get_by_role("link", name="Violations").click()
        assert "Times in Asia/Katmandu" in page.locator("[data-zone]").inner_text().replace("Kathmandu", "Katmandu")
        said = page.locator("td time").first
        utc = datetime.fromisoformat(said.get_attribute("datetime") or "")
        assert said.inner_text() == f"{utc + timedelta(hours=5, minutes=45):%Y-%m-%d %H:%M}"
        assert said.get_attribute("title") == f"{utc:%Y-%m-%d %H:%M} UTC"
        page.get_by_text("Answer several at once").click()
        rows = page.locator("a.to-group")
        rows.first.focus()
        page.keyboard.press("x")
        assert page.locator(".chosen").inner_text() == "1 chosen"
        page.keyboard.press("j")
        assert rows.nth(1).evaluate("e => e === document.activeElement")
        page.keyboard.press("k")
        page.keyboard.press("x")
        assert page.locator(".chosen").inner_text() == "Nothing chosen"
        page.get_by_label("All on this page").check()
        page.get_by_label("Note").fill("x j k: letters here are letters")
        page.get_by_role("button", name="Ignore").click()
        assert page.get_by_role("heading", level=1).inner_text() == "2 of 2 decided"
        page.get_by_role("link", name="Back to the violations").click()
        assert page.locator(".tag.decision").all_inner_texts() == ["ignore", "ignore"]
        assert complaints == []


def test_texts_are_copied_as_they_stand(browser: Browser, tmp_path: Path) -> None:
    with collected(tmp_path) as (base_url, link), browser.new_context() as context:
        context.grant_permissions(["clipboard-write"], origin=base_url)
        page = context.new_page()
        page.goto(link)
        page.get_by_role("button", name="Open the review pages").click()
        page.get_by_role("link", name="Policy").click()
        page.get_by_role("button", name="Copy: Header").click()
        page.get_by_role("button", name="Copied: Header").wait_for()
        copied = pasted(page)
        assert copied == (page.locator("#copy ~ details pre").first.text_content() or "").strip()
        assert copied.startswith("Content-Security-Policy: ")


def test_nothing_that_a_stranger_wrote_runs_on_any_page(browser: Browser, tmp_path: Path) -> None:
    hostile = {
        "document_uri": f"https://shop.example/{HOSTILE}",
        "blocked_uri": f"https://evil.example/{HOSTILE}",
        "source_file": f"https://tag.example/{HOSTILE}",
        "script_sample": HOSTILE[:40],
        "original_policy": f"script-src 'self' {HOSTILE}",
        "referrer": HOSTILE,
    }
    with run_collector(tmp_path) as collector, browser.new_context() as context:
        headers = [("Content-Type", "application/csp-report")]
        for directive in ("script-src-elem", "img-src"):
            body = report_body(effective_directive=directive, **hostile)
            assert post(f"{collector.base_url}/report/{collector.rehearsal_key}", body, headers)[0] == 204
        complaints = watched(context, collector.base_url)
        page = context.new_page()
        page.goto(collector.login_link)
        page.get_by_role("button", name="Open the review pages").click()
        page.goto(f"{collector.base_url}/violations?noise=1")
        addresses = {link.get_attribute("href") for link in page.locator("a.to-group").all()}
        assert len(addresses) == 2
        for address in (*addresses, "/", "/suggestion", "/initiators", "/decisions", "/violations?by=page"):
            page.goto(f"{collector.base_url}{address}")
            assert page.title().endswith(" · CSP reports"), "or a script had set it"
            assert page.locator("main script, main img").count() == 0
        assert complaints == []
