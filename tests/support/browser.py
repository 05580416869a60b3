"""Debian's Chromium on a leash: it reaches loopback and the hosts that a test answers for, and nothing else."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

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


@dataclass
class Visitor:
    """A page in a browser profile of its own, and every violation that its documents were told of."""

    page: Page
    violations: list[SeenViolation] = field(default_factory=list)

    def was_blocked(self, directive: str) -> bool:
        """Whether an enforced policy blocked something by `directive`."""
        return any(seen.directive == directive and seen.disposition == "enforce" for seen in self.violations)


# Init scripts run before any of the page's own, in every frame, and are outside the page's policy.
_LISTEN = """
addEventListener("securitypolicyviolation", (event) => {
  sawViolation({directive: event.effectiveDirective, blocked: event.blockedURI, disposition: event.disposition});
});
"""


@contextmanager
def open_visitor(browser: Browser) -> Iterator[Visitor]:
    """A new visitor, without cache or cookies of others, until the end of the block.

    Reports that are still on their way at the end are lost, so wait for them inside.
    """
    with browser.new_context() as context:
        page = context.new_page()
        page.set_default_timeout(20_000)
        visitor = Visitor(page)
        context.expose_binding("sawViolation", lambda _, seen: visitor.violations.append(SeenViolation(**seen)))
        context.add_init_script(_LISTEN)
        yield visitor


def wait_until(visitor: Visitor, is_done: Callable[[], bool], what: str, *, seconds: float = 30) -> None:
    """Let the browser go on until `is_done`; fails, naming `what` was waited for, when it takes too long."""
    deadline = time.monotonic() + seconds
    while not is_done():
        assert time.monotonic() < deadline, f"waited {seconds:g} s for {what}"
        visitor.page.wait_for_timeout(50)
