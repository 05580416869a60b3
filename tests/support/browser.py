"""Debian's Chromium on a leash: it reaches loopback and the hosts that a test answers for, and nothing else."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.loopback import Certificate

_QUIET = (
    # Tests run as root in containers, where the sandbox cannot; and every page is our own.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
    # Reporting API deliveries after a tenth of a second instead of a minute.
    "--short-reporting-delay",
)


@contextmanager
def run_chromium(
    *, hosts: Mapping[str, str] | None = None, certificate: Certificate | None = None
) -> Iterator[Browser]:
    """A browser in which `hosts` name loopback addresses with ports, and which believes `certificate`.

    Every other name resolves to nowhere.
    """
    program = shutil.which("chromium")
    if program is None:
        raise RuntimeError("no Chromium here; run  make test  as root, or  apt-get install chromium")
    rules = [f"MAP {name} {address}" for name, address in (hosts or {}).items()]
    rules += ["MAP * ~NOTFOUND", "EXCLUDE localhost", "EXCLUDE 127.0.0.1"]
    arguments = [*_QUIET, f"--host-resolver-rules={', '.join(rules)}"]
    if certificate is not None:
        # The Reporting API ignores a site with certificate errors, clicked away or not; this makes none.
        arguments.append(f"--ignore-certificate-errors-spki-list={certificate.public_key_digest}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        try:
            yield browser
        finally:
            browser.close()


@dataclass(frozen=True, slots=True)
class SeenViolation:
    """A securitypolicyviolation event."""

    directive: str
    """Its effective directive."""

    blocked: str
    disposition: str


class Visitor(Protocol):
    """Somebody with a browser profile of their own, who goes from page to page."""

    @property
    def violations(self) -> list[SeenViolation]:
        """Every violation that the documents were told of."""

    def goto(self, url: str) -> None:
        """Go to a page, and wait until it is loaded."""

    def evaluate(self, expression: str) -> Any:
        """What the expression comes to in the page, outside its policy."""

    def pause(self, seconds: float) -> None:
        """Let the browser go on."""


@dataclass
class ChromiumVisitor:
    """A page in a browser profile of its own, and every violation that its documents were told of."""

    page: Page
    violations: list[SeenViolation] = field(default_factory=list)

    def goto(self, url: str) -> None:
        self.page.goto(url)

    def evaluate(self, expression: str) -> Any:
        return self.page.evaluate(expression)

    def pause(self, seconds: float) -> None:
        self.page.wait_for_timeout(seconds * 1_000)

    def read_manifest(self) -> str:
        """The page's web app manifest, which a browser without a window asks for only when told to."""
        session = self.page.context.new_cdp_session(self.page)
        try:
            manifest: str = session.send("Page.getAppManifest").get("data", "")
            return manifest
        finally:
            session.detach()


# Init scripts run before any of the page's own, in every frame, and are outside the page's policy.
LISTEN = """
addEventListener("securitypolicyviolation", (event) => {
  sawViolation({directive: event.effectiveDirective, blocked: event.blockedURI, disposition: event.disposition});
});
"""


@contextmanager
def open_visitor(browser: Browser) -> Iterator[ChromiumVisitor]:
    """A new visitor, without cache or cookies of others, until the end of the block.

    Reports that are still on their way at the end are lost, so wait for them inside.
    """
    with browser.new_context() as context:
        page = context.new_page()
        page.set_default_timeout(20_000)
        visitor = ChromiumVisitor(page)
        context.expose_binding("sawViolation", lambda _, seen: visitor.violations.append(SeenViolation(**seen)))
        context.add_init_script(LISTEN)
        yield visitor


def wait_until(visitor: Visitor, is_done: Callable[[], bool], what: str, *, seconds: float = 30) -> None:
    """Let the browser go on until `is_done`; fails, naming `what` was waited for, when it takes too long."""
    deadline = time.monotonic() + seconds
    while not is_done():
        assert time.monotonic() < deadline, f"waited {seconds:g} s for {what}"
        visitor.pause(0.05)


def was_blocked(visitor: Visitor, directive: str) -> bool:
    """Whether an enforced policy blocked something by `directive`."""
    return any(seen.directive == directive and seen.disposition == "enforce" for seen in visitor.violations)
