"""Chromium as the oracle."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.oracle.asking import PAGE_SCRIPT, Oracle
from tests.oracle.server import run_web
from tests.support.browser import run_chromium
from tests.support.loopback import make_certificate


@contextmanager
def run_oracle(directory: Path) -> Iterator[Oracle]:
    """The installed Chromium, and the web it sees; `directory` keeps the certificate."""
    certificate = make_certificate(directory)
    with (
        run_web(certificate) as web,
        run_chromium(hosts={"*": f"127.0.0.1:{web.port}"}, certificate=certificate) as browser,
        browser.new_context(ignore_https_errors=True) as context,
    ):
        context.add_init_script(path=PAGE_SCRIPT)
        yield Oracle(context.new_page, web, f"chromium {browser.version}")
