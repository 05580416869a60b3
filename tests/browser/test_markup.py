"""The places that we read in a page, and those that browsers report of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser as PlaywrightBrowser

from policybuilder.csp import Browser, InlineType
from policybuilder.csp.sources import hash_source
from policybuilder.markup import InlinePlace, read_markup
from policybuilder.markup.event_handlers import is_event_handler
from tests.support.firefox import Firefox, run_firefox
from tests.support.loopback import Request, Response, serve

pytestmark = pytest.mark.browser

SOURCE = Path(__file__, "../../data/markup/places.html").resolve().read_bytes()
PLACES = read_markup(SOURCE).inline

BLOCKING = "default-src 'none'; script-src 'report-sample'; style-src 'report-sample'; child-src *"

LISTEN = """
self.ran = [];
self.seen = [];
addEventListener("securitypolicyviolation", (event) => {
  if (event.blockedURI === "inline")
    seen.push([event.effectiveDirective, event.lineNumber, event.columnNumber, event.sample.toWellFormed()]);
});
"""

USE = """(async () => {
  for (const element of document.querySelectorAll("[onclick], a")) {
    element.dispatchEvent(new MouseEvent("click", {bubbles: false, cancelable: true}));
    await new Promise((go) => setTimeout(go, 30));
  }
  self.isUsed = true;
})()"""

HANDLERS = """[
  ["p"], ["body"], ["frameset"], ["video"], ["audio"], ["form"], ["marquee"], ["object"], ["input"], ["html"],
  ["svg", "http://www.w3.org/2000/svg"], ["set", "http://www.w3.org/2000/svg"],
  ["animateMotion", "http://www.w3.org/2000/svg"], ["mi", "http://www.w3.org/1998/Math/MathML"],
].flatMap(([tag, namespace]) => {
  const element = document.createElementNS(namespace ?? "http://www.w3.org/1999/xhtml", tag);
  const names = [];
  for (const name in element) if (name.startsWith("on")) names.push([tag, name]);
  return names;
})"""

Report = tuple[str, tuple[int, int] | None, str]
"""Directive, position and sample."""

Visit = Callable[[str], tuple[set[str], set[Report]]]
"""Goes to a page and uses it; what ran there, and what was reported."""


def report_of(place: InlinePlace, browser: Browser) -> Report:
    return place.directive, place.reported_position(browser), place.sample(browser)


def read_report(directive: str, line: int, column: int, sample: str) -> Report:
    # A navigation is reported at a line of who navigates.
    has_position = line > 0 and not sample.startswith("javascript:")
    return directive, (line, column) if has_position else None, sample


def hashes_policy(browser: Browser) -> str:
    """Admits the places by nothing but hashes of what we read."""
    hashes = {"script": set[str](), "style": set[str]()}
    for place in PLACES:
        hashes[place.directive.partition("-")[0]].add(hash_source(place.hashed_text(browser)))
    scripts, styles = (" ".join(sorted(found)) for found in hashes.values())
    return f"default-src 'none'; script-src 'unsafe-hashes' {scripts}; style-src 'unsafe-hashes' {styles}; child-src *"


@contextmanager
def serve_places(browser: Browser) -> Iterator[int]:
    def answer(request: Request) -> Response:
        policy = hashes_policy(browser) if request.path.endswith("hashes") else BLOCKING
        return Response(200, (("Content-Type", "text/html"), ("Content-Security-Policy", policy)), SOURCE)

    with serve(answer) as port:
        yield port


def is_reported(place: InlinePlace, browser: Browser) -> bool:
    if browser is Browser.FIREFOX:
        return place.runs and place.inline_type is not InlineType.SPECULATION_RULES
    # Chromium looks at attributes before a template is used, and does not say where.
    is_attribute = place.inline_type in {InlineType.SCRIPT_ATTRIBUTE, InlineType.STYLE_ATTRIBUTE}
    return place.runs or (place.is_in_template and is_attribute)


def expected_reports(browser: Browser) -> set[Report]:
    reports = {report_of(place, browser) for place in PLACES if is_reported(place, browser)}
    return {
        (directive, None if sample == "color: lime" else position, sample) for directive, position, sample in reports
    }


# Of everything named so in the page, besides what begins with `no`.
RAN = {
    *("one line", "lines", "over", "over again", "white space around, and longer than forty units", "ws"),
    *("no-break space", "forty units, to the dot, is what 40 is", "&lt;&amp;", "html comment", "<!--"),
    *("escaped </script>", "module", "type", "empty type", "language", "nonce", "behindlinesofall kinds", "astral"),
    *("\U0001f600" * 18, "a" + "\U0001f600" * 18),
    *("body", "b1", "b2", "b3", "b4<", "j1", 'j2 é <"" z', "iframe", "svg", "svg <", "cdata &amp;", "between"),
    *("circle", "j3", "mi", "shadow", "cell", "foster"),
}


@pytest.fixture
def chromium(browser: PlaywrightBrowser) -> Iterator[Visit]:
    with browser.new_context() as context, serve_places(Browser.CHROMIUM) as port:
        context.add_init_script(LISTEN)

        def visit(path: str) -> tuple[set[str], set[Report]]:
            page = context.new_page()
            page.goto(f"http://127.0.0.1:{port}/{path}")
            page.evaluate(USE)
            ran, seen = page.evaluate("[ran, seen]")
            return set(ran), {read_report(*report) for report in seen}

        yield visit


@pytest.fixture(scope="module")
def firefox_port() -> Iterator[int]:
    with serve_places(Browser.FIREFOX) as port:
        yield port


@pytest.fixture(scope="module")
def firefox(firefox_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    """A Firefox for which our server is the proxy, and so every host."""
    with run_firefox(tmp_path_factory.mktemp("firefox"), firefox_port) as running:
        running.preload(LISTEN)
        yield running


@pytest.fixture
def in_firefox(firefox: Firefox) -> Visit:
    def visit(path: str) -> tuple[set[str], set[Report]]:
        with firefox.open_tab() as tab:
            tab.goto(f"http://places.example/{path}")
            tab.evaluate(f"({USE}, null)")
            deadline = time.monotonic() + 15
            while not tab.evaluate("self.isUsed"):
                assert time.monotonic() < deadline
                time.sleep(0.05)
            ran, seen = tab.evaluate("[ran, seen]")
            return set(ran), {read_report(*report) for report in seen}

    return visit


def test_chromium_reports_the_places_we_read_and_runs_them_by_our_hashes(chromium: Visit) -> None:
    ran, seen = chromium("blocked")
    assert ran == set()
    # The parser's copy of a badly closed <b>, which Chromium reports once more, at where it was made.
    assert seen - expected_reports(Browser.CHROMIUM) == {("style-src-attr", (94, 34), "color: maroon")}
    assert expected_reports(Browser.CHROMIUM) <= seen
    assert len(PLACES) > 60
    assert chromium("hashes") == (RAN, set())


def test_firefox_reports_the_places_we_read_and_runs_them_by_our_hashes(in_firefox: Visit) -> None:
    ran, seen = in_firefox("blocked")
    assert ran == set()
    assert seen == expected_reports(Browser.FIREFOX)
    assert in_firefox("hashes") == (RAN, set())


def test_what_chromium_takes_for_an_event_handler_we_do_too(browser: PlaywrightBrowser) -> None:
    with browser.new_context() as context:
        handlers = context.new_page().evaluate(HANDLERS)
    assert len(handlers) > 1000
    assert [each for each in handlers if not is_event_handler(*each)] == []


def test_what_firefox_takes_for_an_event_handler_we_do_too(firefox: Firefox) -> None:
    with firefox.open_tab() as tab:
        handlers = tab.evaluate(HANDLERS)
    assert len(handlers) > 1000
    assert [each for each in handlers if not is_event_handler(*each)] == []
