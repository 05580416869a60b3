"""Tests of the banner: the header lines it shows carry a key that is answered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from starlette.testclient import TestClient

from collector.app import Service, create_service
from collector.banner import banner
from collector.settings import load_settings
from policybuilder.store.engine import open_for_writing
from policybuilder.store.sites import ensure_default_site, rotate_site, set_site_active

NOW = datetime.now(UTC)
DATABASE = "sqlite:///data/csp.db"
EVERYWHERE = "0.0.0.0"  # noqa: S104  (a setting; nothing is bound)


@contextmanager
def service_on(host: str) -> Iterator[Service]:
    service = create_service(load_settings(host=host))
    with TestClient(service.app):
        yield service


@pytest.mark.parametrize("revoke_old", [False, True])
def test_for_the_public_it_shows_the_newest_live_key(*, revoke_old: bool) -> None:
    with service_on(EVERYWHERE) as service:
        assert "report-uri http://127.0.0.1:8000/report/default" in banner(service)
    engine = open_for_writing(DATABASE)
    key = rotate_site(engine, "default", rehearsal=False, revoke_old=revoke_old, now=NOW).key
    engine.dispose()
    with service_on(EVERYWHERE) as service:
        shown = banner(service)
    assert f"report-uri http://127.0.0.1:8000/report/{key}" in shown
    assert "rehearsal" not in shown


@pytest.mark.parametrize("host", ["127.0.0.1", EVERYWHERE])
def test_of_a_site_that_is_off_it_shows_no_key_but_how_to_get_one(host: str) -> None:
    engine = open_for_writing(DATABASE)
    ensure_default_site(engine, NOW)
    set_site_active(engine, "default", active=False)
    engine.dispose()
    with service_on(host) as service:
        shown = banner(service)
    assert "report-uri" not in shown
    assert "No key of site default is answered" in shown
    assert "cspbuild site on default\n" in shown
