"""Both browsers, and the web in which the small site lives, for tests that drive real ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from playwright.sync_api import Browser

from tests.support.browser import Visitor, open_visitor, run_chromium
from tests.support.firefox import Firefox, open_firefox_visitor, run_firefox
from tests.support.loopback import Certificate, make_certificate
from tests.support.small_site import HOSTS, REPORTS_HOST, SmallSite, run_small_site
from tests.support.web import Web, run_web

OpenVisitor = Callable[[], AbstractContextManager[Visitor]]


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"), *HOSTS, REPORTS_HOST)


@pytest.fixture(scope="session")
def web(certificate: Certificate) -> Iterator[Web]:
    with run_web(certificate) as running:
        yield running


# Not for the whole session: playwright takes one browser connection a thread, and other modules open their own.
@pytest.fixture(scope="module")
def browser(certificate: Certificate, web: Web) -> Iterator[Browser]:
    hosts = dict.fromkeys((*HOSTS, REPORTS_HOST), f"127.0.0.1:{web.port}")
    with run_chromium(hosts=hosts, certificate=certificate) as running:
        yield running


@pytest.fixture(scope="module")
def firefox(web: Web, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    with run_firefox(tmp_path_factory.mktemp("firefox"), web.port) as running:
        yield running


@pytest.fixture(scope="module", params=["chromium", "firefox"])
def opening(request: pytest.FixtureRequest) -> OpenVisitor:
    """Opens a new visitor, with each of the browsers."""
    return opening_with(request, request.param)


def opening_with(request: pytest.FixtureRequest, name: str) -> OpenVisitor:
    """Opens a new visitor with the browser of that name."""
    if name == "firefox":
        firefox: Firefox = request.getfixturevalue("firefox")
        return lambda: open_firefox_visitor(firefox)
    browser: Browser = request.getfixturevalue("browser")
    return lambda: open_visitor(browser)


@pytest.fixture
def visitor(opening: OpenVisitor) -> Iterator[Visitor]:
    with opening() as opened:
        yield opened


@pytest.fixture
def site(web: Web) -> Iterator[SmallSite]:
    with run_small_site(web, "http") as running:
        yield running
