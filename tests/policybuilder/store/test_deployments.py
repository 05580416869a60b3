"""Tests of deployments, recorded and read back on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from policybuilder.deployments import Deployment, ServedStage
from policybuilder.errors import CspbuildError
from policybuilder.store.deployments import read_deployments, record_deployment
from policybuilder.store.reading import snapshot
from policybuilder.store.sites import add_site, ensure_default_site
from tests.support.evidence import SEEN_AT


def deployments_of(engine: Engine, site: str = "default") -> tuple[Deployment, ...]:
    with snapshot(engine) as connection:
        return read_deployments(connection, site)


def test_a_deployment_comes_back_as_it_was_recorded_oldest_first(engine: Engine) -> None:
    ensure_default_site(engine, SEEN_AT)
    add_site(engine, "shop", [], SEEN_AT)
    later = record_deployment(
        engine,
        "default",
        policy="img-src 'self', base-uri 'none'",
        stage=ServedStage.REPORT_ONLY,
        since_at=SEEN_AT,
        views_per_day=12_000_000_000,
        note="‘\x1b[31m’",
    )
    earlier = record_deployment(
        engine, "default", policy="img-src *", stage=ServedStage.ENFORCE, since_at=SEEN_AT - timedelta(days=400)
    )
    assert (later.number, earlier.number) == (1, 2)
    assert deployments_of(engine) == (earlier, later)
    assert deployments_of(engine, "shop") == ()


def test_an_unknown_site_is_the_operators_problem(engine: Engine) -> None:
    with pytest.raises(CspbuildError, match="no site 'nowhere'"):
        record_deployment(engine, "nowhere", policy="img-src *", stage=ServedStage.ENFORCE, since_at=SEEN_AT)


def test_deployments_recorded_at_once_take_different_numbers(engine: Engine) -> None:
    ensure_default_site(engine, SEEN_AT)

    def record_one(number: int) -> int:
        since_at = SEEN_AT + timedelta(minutes=number)
        return record_deployment(
            engine, "default", policy="img-src *", stage=ServedStage.ENFORCE, since_at=since_at
        ).number

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(record_one, range(8))) == list(range(1, 9))
