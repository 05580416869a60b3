"""Every review page as axe-core and a narrow screen find it, in both themes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

from tests.collector.ingest.builders import batch_body, hash_envelope, report_body
from tests.support.browser import run_chromium
from tests.support.service import RunningCollector, post, run_collector

pytestmark = pytest.mark.browser

RULES = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
RULES_OF_COLOURS = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
"""What the dark pages have of their own: all else is the same markup as the light ones'."""

LONG = "x" * 300
NARROW = 320
"""CSS pixels: https://www.w3.org/TR/WCAG22/#reflow"""

REPORTS: list[dict[str, Any]] = [
    {"effective_directive": "img-src", "blocked_uri": "https://shop.example/a.png"},
    {
        "effective_directive": "script-src-elem",
        "blocked_uri": f"https://cdn.example/{LONG}.js",
        "source_file": f"https://tag.example/{LONG}.js",
        "line_number": 3,
    },
    {"effective_directive": "script-src-elem", "blocked_uri": "inline", "script_sample": "alert(document.domain)"},
    {"effective_directive": "style-src-attr", "blocked_uri": "inline", "script_sample": f"color: {LONG}"[:40]},
    {"effective_directive": "img-src", "blocked_uri": "chrome-extension"},
    {"effective_directive": "connect-src", "blocked_uri": "https://api.example/v1", "disposition": "enforce"},
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with run_chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCollector]:
    with run_collector(tmp_path_factory.mktemp("collector")) as running:
        headers = [("Content-Type", "application/csp-report")]
        for report in REPORTS:
            for key in ("default", running.rehearsal_key):
                assert post(f"{running.base_url}/report/{key}", report_body(**report), headers)[0] == 204
        hashed = batch_body(hash_envelope())
        batch = [("Content-Type", "application/reports+json")]
        assert post(f"{running.base_url}/report/default", hashed, batch)[0] == 204
        decide = ("decide", "reject", "https://evil.example", "--note", LONG)
        assert running.cspbuild(*decide).code == 0
        assert running.cspbuild("site", "add", "new").code == 0
        policy = "default-src 'self'"
        assert running.cspbuild("deploy", "record", "--policy", policy, "--stage", "report-only").code == 0
        keep_a_site(running)
        yield running


def keep_a_site(running: RunningCollector) -> None:
    """The site `kept`, with all that its settings and deployments can show."""
    hosts = ("--host", "shop.example", "--host", f"{LONG[:60]}.example", "--alias", "staging.example=shop.example")
    added = running.cspbuild("site", "add", "kept", *hosts, "--format", "json")
    assert running.cspbuild("site", "rotate", "kept").code == 0
    for policy, stage in (
        (f"default-src 'self'; img-src {LONG} https://img.example", "enforce"),
        ("default-src 'self'; img-src data:", "enforce"),
        ("default-src 'self'", "report-only"),
    ):
        given = ("--site", "kept", "--policy", policy, "--stage", stage, "--note", LONG)
        assert running.cspbuild("deploy", "record", *given).code == 0
    # What own reports came under, recorded by nobody.
    body = report_body(original_policy=f"img-src {LONG}", disposition="enforce")
    headers = [("Content-Type", "application/csp-report")]
    assert post(f"{running.base_url}/report/{added.json()['rehearsal_key']}", body, headers)[0] == 204


@pytest.fixture(scope="module")
def complaints() -> list[str]:
    """What the browser complained of, such as our own policy, and whom it asked but the collector."""
    return []


@pytest.fixture(scope="module")
def session(browser: Browser, collector: RunningCollector, complaints: list[str]) -> Iterator[BrowserContext]:
    context = browser.new_context()
    context.on(
        "request", lambda asked: None if asked.url.startswith(collector.base_url) else complaints.append(asked.url)
    )
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    context.on("console", lambda said: None if _is_of_no_page(said) else complaints.append(said.text))
    page = context.new_page()
    page.goto(collector.login_link)
    page.get_by_role("button", name="Open the review pages").click()
    page.close()
    yield context
    context.close()


PAGES = {
    "overview": "/",
    "overview of a new site": "/?site=new",
    "violations": "/violations?noise=1",
    "violations of a new site": "/violations?site=new",
    "violations that are none": "/violations?q=nowhere",
    "sources": "/violations?by=source",
    "days": "/violations?by=day",
    "policy": "/suggestion",
    "policy of a new site": "/suggestion?site=new",
    "initiators": "/initiators",
    "initiators of a new site": "/initiators?site=new",
    "scripts": "/scripts",
    "decisions": "/decisions",
    "api": "/api",
    "deployments": "/deployments?site=kept",
    "deployments of a new site": "/deployments?site=new",
    "settings": "/settings?site=kept",
    "settings of a new site": "/settings?site=new",
    "erasing": "/settings/erase?site=kept",
    "set-up": "/setup?site=kept",
    "set-up of a new site": "/setup?site=new",
    "no such page": "/group/nothing",
    "login": "/login?token=spent",
}


def _is_of_no_page(said: ConsoleMessage) -> bool:
    return said.type != "error" or "404 (Not Found)" in said.text


def groups(session: BrowserContext, collector: RunningCollector) -> list[str]:
    page = session.new_page()
    page.goto(f"{collector.base_url}/violations?noise=1")
    found = [link.get_attribute("href") or "" for link in page.locator("a.to-group").all()]
    page.close()
    assert len(found) == len(REPORTS)
    return found


def faults(page: Page) -> list[str]:
    """What axe-core finds wrong, and what a reader of a narrow screen would have to scroll for."""
    is_dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    rules = RULES_OF_COLOURS if is_dark else RULES
    found = Axe().run(page, options={"runOnly": rules, "resultTypes": ["violations"]})
    told = [
        f"{each['id']}: {node['html'][:120]} ({node['failureSummary']})"
        for each in found.response["violations"]
        for node in each["nodes"]
    ]
    page.set_viewport_size({"width": NARROW, "height": 700})
    wide = page.evaluate("document.documentElement.scrollWidth")
    return [*told, *([f"{wide} pixels wide"] if wide > NARROW else [])]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_no_page_has_a_fault(
    session: BrowserContext, collector: RunningCollector, complaints: list[str], name: str, scheme: str
) -> None:
    page = session.new_page()
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.goto(f"{collector.base_url}{PAGES[name]}")
    assert page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") == (scheme == "dark")
    assert faults(page) == []
    assert complaints == []
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_answer_to_a_form_has_a_fault(session: BrowserContext, collector: RunningCollector, scheme: str) -> None:
    """Refusals with what was typed, a test report, and the page of new keys."""
    page = session.new_page()
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")

    def submits(address: str, button: str, **typed: str) -> None:
        page.set_viewport_size({"width": 1280, "height": 900})
        page.goto(f"{collector.base_url}{address}")
        for label, text in typed.items():
            page.get_by_label(label.replace("_", " "), exact=True).fill(text)
        page.get_by_role("button", name=button).click()
        assert faults(page) == [], page.url

    submits("/settings?site=kept", "Save the limits", Days_kept="many")
    submits("/settings?site=kept", "Add the site", Name="Not a name")
    submits("/setup?site=kept", "Send a test report")
    submits("/settings?site=kept", "Add the site", Name=f"added-{scheme}")
    assert page.get_by_text("Copy it now").is_visible()
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_violations_page_has_a_fault(session: BrowserContext, collector: RunningCollector, scheme: str) -> None:
    for address in groups(session, collector):
        page = session.new_page()
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        page.goto(f"{collector.base_url}{address}")
        page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
        assert faults(page) == [], page.title()
        page.close()
