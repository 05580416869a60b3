"""Tests of samples: few bytes whatever was reported, and the report again when they are read."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

import pytest
from sqlalchemy import Engine, text

from policybuilder.csp import Disposition, SampleExtent, Violation
from policybuilder.store import schema
from policybuilder.store.engine import writing
from policybuilder.store.exporting import export_site
from policybuilder.store.reading import snapshot
from policybuilder.store.reclassifying import read_groups_in_portions
from policybuilder.store.samples import MAX_URL_CHARACTERS, read_samples, sample_text
from policybuilder.store.sites import add_site
from tests.support.evidence import SEEN_AT, canonical_text, make_observation, make_violation, record_observations
from tests.support.rows import insert_rows

POLICY = canonical_text("img-src 'self'")
LONG = "/" + "a" * 8_000

# What a report may say beyond the least.
REPORTS: list[dict[str, Any]] = [
    {"original_policy": ""},
    {"original_policy": POLICY, "disposition": Disposition.UNKNOWN},
    {"original_policy": POLICY, "disposition": Disposition.ENFORCE, "status_code": 0, "age_ms": 7},
    {"original_policy": POLICY, "sample": "alert(1)", "sample_extent": SampleExtent.WHOLE, "line_number": 3},
    {"original_policy": POLICY, "source_file": "https://shop.example/a.js", "referrer": "https://shop.example/"},
]


@pytest.fixture
def site(engine: Engine) -> Engine:
    add_site(engine, "shop", [], SEEN_AT)
    return engine


def read(engine: Engine, *texts: str) -> list[Violation]:
    with engine.connect() as connection:
        return read_samples(connection, "shop", texts)


@pytest.mark.parametrize("known", REPORTS, ids=str)
def test_a_sample_is_read_as_the_report_it_was_kept_of(site: Engine, known: dict[str, Any]) -> None:
    violation = make_violation(**known)
    insert_rows(site, schema.PolicyRow, {"site": "shop", "digest": "d", "text": POLICY})
    assert read(site, sample_text(violation, "d")) == [violation]


def test_a_sample_holds_no_policy_and_nothing_that_goes_without_saying() -> None:
    kept = json.loads(sample_text(make_violation(original_policy=POLICY, disposition=Disposition.UNKNOWN), "d"))
    assert sorted(kept) == ["blocked_uri", "document_uri", "effective_directive", "policy_digest"]


def test_a_sample_stays_small_whatever_a_report_holds() -> None:
    url = f"https://shop.example{LONG}"
    violation = make_violation(
        blocked_uri=url, document_uri=url, source_file=url, referrer=url, original_policy="img-src 'none'" * 600
    )
    kept = sample_text(violation, "0" * 32)
    assert len(kept) < 4 * MAX_URL_CHARACTERS + 300
    assert json.loads(kept)["referrer"] == url[:MAX_URL_CHARACTERS]


def test_a_policy_that_is_gone_or_another_site_s_is_empty(site: Engine) -> None:
    insert_rows(site, schema.PolicyRow, {"site": "other", "digest": "d", "text": POLICY})
    (violation,) = read(site, sample_text(make_violation(original_policy=POLICY), "d"))
    assert violation == make_violation(original_policy="")


def test_an_old_sample_holds_its_policy(site: Engine) -> None:
    violation = make_violation(original_policy=POLICY)
    assert read(site, json.dumps(asdict(violation))) == [violation]


def test_what_judges_and_what_exports_a_sample_knows_its_policy(site: Engine) -> None:
    violation = make_violation(original_policy=POLICY, referrer="https://shop.example/")
    record_observations(site, make_observation(violation, site="shop"), now=SEEN_AT)
    with site.connect() as connection:
        (kept,) = connection.scalars(text("SELECT report FROM sample"))
    assert "original_policy" not in kept
    ((group,),) = read_groups_in_portions(site, "shop")
    assert group.violations == (violation,)
    with snapshot(site) as connection:
        (line,) = [line for line in export_site(connection, "shop") if line["type"] == "sample"]
    assert json.loads(json.dumps(line["report"])) == json.loads(json.dumps(asdict(violation)))
    with writing(site).begin() as connection:
        connection.execute(text("DELETE FROM policy"))
    ((group,),) = read_groups_in_portions(site, "shop")
    assert group.violations == (replace(violation, original_policy=""),)
