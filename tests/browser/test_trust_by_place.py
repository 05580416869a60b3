"""Nothing is trusted for where it comes from: not this machine, not the operator's browser, not a proxy beside us."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.support.browser import open_visitor, run_chromium, wait_until
from tests.support.loopback import Request, Response, forward, serve
from tests.support.service import RunningCollector, post, run_collector

pytestmark = pytest.mark.browser

REPORT_TYPE = ("Content-Type", "application/csp-report")


def report(directive: str, blocked: str) -> dict[str, Any]:
    return {
        "csp-report": {
            "document-uri": "https://shop.example/",
            "effective-directive": directive,
            "violated-directive": directive,
            "blocked-uri": blocked,
            "original-policy": "default-src 'none'; report-uri /report",
            "disposition": "report",
            "status-code": 200,
        }
    }


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[RunningCollector]:
    """A collector whose operator has rehearsed one picture."""
    with run_collector(tmp_path) as running:
        key = running.rehearsal_key
        body = json.dumps(report("img-src", "https://img.example/a.png")).encode()
        assert post(f"{running.base_url}/report/{key}", body, [REPORT_TYPE])[0] == 204
        yield running


@pytest.fixture(scope="module")
def operators_browser() -> Iterator[Browser]:
    with run_chromium() as running:
        yield running


def policy_of(collector: RunningCollector) -> str:
    policy: str = collector.cspbuild("suggest", "--format", "json").json()["policy"]
    return policy


def trusted_reports(collector: RunningCollector) -> dict[str, tuple[int, int]]:
    """By blocked URI: reports, and how many of them are trusted."""
    with sqlite3.connect(collector.directory / "data" / "csp.db") as connection:
        rows = connection.execute("SELECT blocked, SUM(reports), SUM(trusted_reports) FROM violation_group GROUP BY 1")
        return {blocked: (reports, trusted) for blocked, reports, trusted in rows}


def test_a_proxy_on_the_same_machine_vouches_for_nobody(collector: RunningCollector) -> None:
    """It sets no header, so that all the world comes from loopback: one network, and none of it trusted."""
    before = policy_of(collector)

    def pass_on(request: Request) -> Response:
        return forward(request, collector.base_url)

    with serve(pass_on) as port:
        for number in range(200):
            body = json.dumps(report("img-src", f"https://evil.example/{number % 3}.png")).encode()
            assert post(f"http://127.0.0.1:{port}/report/default", body, [REPORT_TYPE])[0] == 204
    assert policy_of(collector) == before
    evil = [counts for blocked, counts in trusted_reports(collector).items() if "evil" in blocked]
    assert sum(reports for reports, _ in evil) == 200
    assert sum(trusted for _, trusted in evil) == 0
    with sqlite3.connect(collector.directory / "data" / "csp.db") as connection:
        assert connection.execute("SELECT COUNT(DISTINCT network) FROM group_reporter").fetchone() == (1,)


_HOSTILE_PAGE = """<!doctype html><title>hello</title><script>
const collector = "%(collector)s";
const body = %(body)s;
const outcomes = [];
async function attempt(name, run) {
  try { outcomes.push(name + ":" + await run()); } catch (error) { outcomes.push(name + ":failed"); }
}
(async () => {
  for (const key of ["default", "rehearsal", "rehearsal-key"]) {
    const url = collector + "/report/" + key;
    await attempt("no-cors", async () => (await fetch(url, {method: "POST", mode: "no-cors", body})).type);
    await attempt("beacon", async () => navigator.sendBeacon(url, body));
    await attempt("cors", async () => (await fetch(url, {
      method: "POST", body, headers: {"content-type": "application/csp-report"}})).status);
  }
  for (const path of ["/try", "/", "/metrics", "/api"]) {
    await attempt("read" + path, async () => (await (await fetch(collector + path)).text()).length);
    await attempt("read-credentials" + path,
      async () => (await (await fetch(collector + path, {credentials: "include"})).text()).length);
  }
  const frame = document.createElement("iframe");
  frame.src = collector + "/try";
  frame.onload = () => { document.title = outcomes.join(" "); };
  document.body.append(frame);
})();
</script>"""


def test_a_hostile_page_in_the_operators_browser_gains_no_trust(
    collector: RunningCollector, operators_browser: Browser
) -> None:
    """It can post like anybody else, as from this very machine; and it can read neither the key nor a page of ours."""
    before = policy_of(collector)
    body = json.dumps(report("script-src-elem", "https://evil.example/a.js"))
    page = (_HOSTILE_PAGE % {"collector": collector.base_url, "body": json.dumps(body)}).encode()

    def answer(_request: Request) -> Response:
        return Response(200, (("Content-Type", "text/html"),), page)

    with serve(answer) as port, open_visitor(operators_browser) as visitor:
        # Another port, so another origin; and another name, so another site.
        visitor.page.goto(f"http://localhost:{port}/")
        wait_until(visitor, lambda: "read/try" in visitor.page.title(), "the hostile page to be done")
        outcomes = visitor.page.title().split()
        shown = visitor.page.frames[1].content() if len(visitor.page.frames) > 1 else ""
    assert [outcome for outcome in outcomes if outcome.startswith("read")] == [
        f"read{kind}{path}:failed" for path in ("/try", "/", "/metrics", "/api") for kind in ("", "-credentials")
    ]
    assert collector.rehearsal_key not in shown
    counted = trusted_reports(collector)["https://evil.example/a.js"]
    assert counted[0] >= 2
    assert counted[1] == 0
    assert policy_of(collector) == before
