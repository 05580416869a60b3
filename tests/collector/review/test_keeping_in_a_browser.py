"""A whole journey in Chromium: keys are rotated, a deployment is recorded, a test report is sent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.collector.ingest.builders import report_body
from tests.collector.review.test_in_a_browser import HOSTILE, watched
from tests.support.browser import run_chromium
from tests.support.service import RunningCollector, post, run_collector

pytestmark = pytest.mark.browser

NARROW = "default-src 'none'; img-src 'self'"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with run_chromium() as opened:
        yield opened


def posted(collector: RunningCollector, key: str, **members: str) -> int:
    headers = [("Content-Type", "application/csp-report")]
    body = report_body(effective_directive="img-src", blocked_uri="https://img.example/a.png", **members)
    return post(f"{collector.base_url}/report/{key}", body, headers)[0]


def rotate_keys(page: Page) -> tuple[str, str]:
    """The newest public key and a new rehearsal key."""
    page.get_by_role("link", name="Settings").click()
    page.get_by_role("button", name="Make a new key").click()
    assert "A new key is made" in page.get_by_role("status").inner_text()
    keys = page.get_by_role("region", name="Public keys").get_by_role("listitem")
    expect(keys).to_have_count(2)
    public = re.findall(r"/report/([\w-]+)", keys.first.inner_text())[0]
    page.get_by_role("button", name="Revoke the old keys").click()
    expect(keys, "the browser asks for the tick first").to_have_count(2)
    page.get_by_label("Yes, pages that still name an old key shall get 404").check()
    page.get_by_role("button", name="Revoke the old keys").click()
    expect(keys).to_have_count(1)
    page.get_by_label("Yes, all old rehearsal keys shall stop counting at once").check()
    page.get_by_role("button", name="Make a new rehearsal key").click()
    rehearsal = page.locator("pre").inner_text().strip()
    page.get_by_role("link", name="Go on to the settings").click()
    assert rehearsal not in page.content()
    return public, rehearsal


def record_what_was_noticed(page: Page) -> None:
    page.get_by_role("link", name="Deployments").click()
    page.get_by_role("link", name="Record it").click()
    assert page.get_by_label("Policy").input_value() == NARROW
    page.get_by_label("Page views a day").fill("12000")
    page.get_by_role("button", name="Record", exact=True).click()
    assert "The deployment is recorded" in page.get_by_role("status").inner_text()
    assert "12,000 views a day" in page.get_by_role("region", name="Served now").inner_text()


def record_another(page: Page) -> None:
    page.get_by_label("Policy").fill(f"Content-Security-Policy: {NARROW}; font-src https://fonts.example")
    page.get_by_label("How it is served").select_option("enforce")
    page.get_by_label("Since").fill("next week")
    page.get_by_label("Note").fill(HOSTILE)
    page.get_by_role("button", name="Record", exact=True).click()
    assert "is no time" in page.get_by_role("alert").inner_text()
    assert page.get_by_label("Note").input_value() == HOSTILE
    page.get_by_label("Since").fill("")
    page.get_by_role("button", name="Record", exact=True).click()
    newest = page.get_by_role("list", name="History").get_by_role("listitem").first.inner_text()
    assert "looser" in newest
    assert "https://fonts.example" in newest
    back = page.get_by_role("region", name="Go back")
    assert NARROW in back.locator("pre").first.inner_text()


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_keys_are_rotated_a_deployment_recorded_and_a_test_report_sent(
    *, scripts: bool, browser: Browser, tmp_path: Path
) -> None:
    with run_collector(tmp_path) as collector, browser.new_context(java_script_enabled=scripts) as context:
        assert posted(collector, collector.rehearsal_key, original_policy=NARROW, disposition="enforce") == 204
        old_rehearsal = collector.rehearsal_key
        complaints = watched(context, collector.base_url)
        page = context.new_page()
        page.goto(collector.login_link)
        page.get_by_role("button", name="Open the review pages").click()
        public, rehearsal = rotate_keys(page)
        assert collector.rehearsal_key == rehearsal
        assert [posted(collector, key) for key in (public, rehearsal, old_rehearsal)] == [204, 204, 404]
        record_what_was_noticed(page)
        record_another(page)
        [refusal] = complaints
        assert "409 (Conflict)" in refusal
        complaints.clear()
        page.get_by_role("link", name="Overview").click()
        page.get_by_role("link", name="What is set up so far, and a test report").click()
        trusted = page.get_by_role("listitem").filter(has_text="A report of your own, which is trusted")
        assert "done" in trusted.inner_text()
        page.get_by_role("button", name="Send a test report").click()
        assert "The test report arrived" in page.get_by_role("status").inner_text()
        page.get_by_role("link", name="See what is kept of it").click()
        assert page.get_by_role("heading", level=1).inner_text() == "https://test-report.invalid/picture.png"
        page.get_by_role("link", name="Policy").click()
        assert "test-report.invalid" not in page.content()
        assert complaints == []
        log = (tmp_path / "collector.log").read_text()
        assert not [key for key in (rehearsal, old_rehearsal) if key in log]
