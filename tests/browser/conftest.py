"""Chromium, the small site, and a host of evil, for tests that drive a real browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.support.browser import Visitor, open_visitor, run_chromium
from tests.support.loopback import Certificate, make_certificate
from tests.support.small_site import EVIL_HOST, EvilHost, SmallSite, run_evil_host, run_small_site


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"), EVIL_HOST)


@pytest.fixture(scope="module")
def evil_host(certificate: Certificate) -> Iterator[EvilHost]:
    with run_evil_host(certificate) as host:
        yield host


# Not for the whole session: playwright takes one browser connection a thread, and other modules open their own.
@pytest.fixture(scope="module")
def browser(certificate: Certificate, evil_host: EvilHost) -> Iterator[Browser]:
    with run_chromium(hosts={EVIL_HOST: f"127.0.0.1:{evil_host.port}"}, certificate=certificate) as running:
        yield running


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Visitor]:
    with open_visitor(browser) as opened:
        yield opened


@pytest.fixture
def site() -> Iterator[SmallSite]:
    with run_small_site() as running:
        yield running


@pytest.fixture
def secure_site(certificate: Certificate) -> Iterator[SmallSite]:
    with run_small_site(certificate=certificate) as running:
        yield running
