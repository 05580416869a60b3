"""The page that a newcomer tries first, in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.needs import digest, sources
from tests.browser.operating import await_reports
from tests.support.browser import open_visitor
from tests.support.service import run_collector
from tests.support.try_page import reported_by_try

pytestmark = pytest.mark.browser


def test_one_visit_of_the_try_page_is_enough_for_a_policy(browser: Browser, tmp_path: Path) -> None:
    with run_collector(tmp_path) as collector, open_visitor(browser) as visitor:
        own = collector.base_url
        other = own.replace("127.0.0.1", "localhost")
        visitor.goto(f"{own}/try")
        expected = reported_by_try(own)
        await_reports(collector, visitor, expected)
        ran = collector.cspbuild("suggest", "--format", "json")
        assert ran.code == 0, ran.err
    document = ran.json()
    suggested = sources(document["policy"])
    # All of its inline code is short enough for a report, but for a script.
    assert suggested["script-src"] == {"'self'", f"{other}/try/"}
    assert suggested["script-src-attr"] == {"'unsafe-hashes'", digest("this.title = 'loaded'")}
    assert suggested["style-src"] == {"'self'", f"{other}/try/", digest("#count { font-size: 2.5rem; }")}
    assert suggested["style-src-attr"] == {"'unsafe-hashes'", digest("max-width: 60ch")}
    assert suggested["connect-src"] == {"'self'", other}
    assert suggested["img-src"] == {"'self'", "data:", other}
    assert suggested["default-src"] == suggested["base-uri"] == suggested["form-action"] == {"'none'"}
    assert {(held["directive"], held["source"]) for held in document["held"]} == {
        ("script-src", "'unsafe-inline'"),
        ("script-src", "'unsafe-eval'"),
    }
