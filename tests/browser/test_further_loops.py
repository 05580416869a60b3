"""Further loops in real browsers: from a quieter start, to a narrower policy, and back to one that works."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.needs import evidence, narrowest, partner_evidence, sources, told_by_chromium, written
from tests.browser.operating import operating
from tests.support.browser import open_visitor
from tests.support.firefox import Firefox, open_firefox_visitor
from tests.support.small_site import attack, everything, tour
from tests.support.web import Web

pytestmark = pytest.mark.browser


def test_a_quieter_start_keeps_what_it_never_heard_of(browser: Browser, web: Web, tmp_path: Path) -> None:
    quiet = (
        "default-src 'self'; script-src 'self' 'report-sample'; style-src 'self' 'report-sample'; "
        "img-src 'self' data:; worker-src 'self' blob:"
    )
    with operating(web, "http", tmp_path) as operator:
        site = operator.site
        site.send(operator.header("--policy", quiet))
        with open_visitor(browser) as visitor:
            assert tour(visitor, site) == everything(visitor)
            operator.await_reports(visitor, partner_evidence(site))
        document = operator.suggest()
        operator.enforce(document["policy"])
        with open_visitor(browser) as visitor:
            assert tour(visitor, site) == everything(visitor)
            assert visitor.violations == []
            # What stands for itself and was not named is left as it is, and said to be.
            assert attack(visitor, site) == {"form", "framing"}
    suggested = sources(document["policy"])
    for directive in ("script-src", "style-src", "img-src", "connect-src", "font-src", "frame-src", "worker-src"):
        assert "'self'" in suggested[directive]
    unprobed = {finding["directive"] for finding in document["findings"] if finding["code"] == "unprobed"}
    assert unprobed == {"form-action", "frame-ancestors"}


def days_ago(days: int) -> str:
    return f"{datetime.now(UTC) - timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}"


def test_what_nobody_used_under_a_probe_goes_and_nothing_else(browser: Browser, web: Web, tmp_path: Path) -> None:
    with operating(web, "http", tmp_path) as operator:
        site = operator.site
        needed = narrowest(site)
        wide = {directive: set(listed) for directive, listed in needed.items()}
        wide["img-src"].add("https://old-photos.example")
        wide["connect-src"].add("https://old-api.example")
        operator.run("deploy", "record", "--stage", "enforce", "--policy", written(wide), "--at", days_ago(20))
        # Nothing was ever reported, so all that is enforced is in question.
        enforced = operator.header("--stage", "enforce", "--policy", written(wide))
        [probe] = operator.header("--stage", "probe")
        site.send([*enforced, probe])
        with open_visitor(browser) as visitor:
            assert tour(visitor, site) == everything(visitor)
            assert {seen.disposition for seen in visitor.violations} == {"report"}
            # Of scripts nothing is in question: beside a nonce, reports do not tell what admits them.
            unasked = {"script-src-elem", "require-trusted-types-for"}
            expected = {pair for pair in evidence(site) | told_by_chromium(site) if pair[0] not in unasked}
            operator.await_reports(visitor, expected)
        assert not operator.suggest()["changes"]
        served = ("--stage", "report-only", "--policy", probe[1])
        operator.run("deploy", "record", *served, "--views-per-day", "1000", "--at", days_ago(14))
        document = operator.suggest()
        operator.enforce(document["policy"])
        with open_visitor(browser) as visitor:
            assert tour(visitor, site) == everything(visitor)
            assert visitor.violations == []
    assert document["relation"] == "tighter"
    assert {(change["kind"], change["directive"], change["source"]) for change in document["changes"]} == {
        ("removed", "img-src", "https://old-photos.example"),
        ("removed", "connect-src", "https://old-api.example"),
    }
    assert sources(document["policy"]) == needed


def test_what_the_enforced_policy_lacks_is_repaired_by_its_own_reports(
    firefox: Firefox, web: Web, tmp_path: Path
) -> None:
    with operating(web, "https", tmp_path) as operator:
        site = operator.site
        needed = narrowest(site)
        lacking = needed | {"font-src": {"'none'"}, "connect-src": {"'self'", site.widgets}}
        operator.run("deploy", "record", "--stage", "enforce", "--policy", written(lacking))
        operator.enforce(written(lacking))
        with open_firefox_visitor(firefox) as visitor:
            assert everything(visitor) - tour(visitor, site) == {"partner-font", "partner-socket"}
            missed = {("font-src", f"{site.widgets}/one-glyph.woff2"), ("connect-src", f"{site.sockets}/socket")}
            operator.await_reports(visitor, missed)
        document = operator.suggest("--mode", "repair")
        operator.enforce(document["policy"])
        with open_firefox_visitor(firefox) as visitor:
            assert tour(visitor, site) == everything(visitor)
            assert visitor.violations == []
    assert document["relation"] == "looser"
    assert sources(document["policy"]) == needed
