"""The interface over each of the two databases, and what its document promises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest
from sqlalchemy import Engine

from collector.review.api.application import create_application
from collector.review.api.describing import describe
from collector.review.service import ReviewService
from collector.review.stored import StoredReview
from policybuilder.store.sites import add_site, ensure_default_site
from tests.collector.review.api.asking import ADMIN_TOKEN, BASE_URL, NOW, Interface, fill
from tests.support.openapi import Contract


@pytest.fixture(scope="session")
def contract() -> Contract:
    """What the document promises; it is the same over every database."""
    return Contract(describe(create_application(cast("ReviewService", None))))


@pytest.fixture
def interface(engine: Engine, database_url: str, start: Callable[..., Any], contract: Contract) -> Interface:
    """A site with evidence of every kind, another one, and one of which nothing arrives."""
    ensure_default_site(engine, NOW)
    add_site(engine, "other", ["other.example"], NOW)
    add_site(engine, "empty", [], NOW)
    fill(engine)
    review = start(admin_token=ADMIN_TOKEN, evidence=StoredReview(engine, BASE_URL, lambda _: None))
    client = review.client()
    client.headers["Authorization"] = f"Bearer {ADMIN_TOKEN}"
    return Interface(engine, database_url, review, client, contract)
