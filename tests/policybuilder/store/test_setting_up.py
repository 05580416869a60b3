"""What shows of a site's set-up; each sign by what really comes, taken in as the endpoint does; on both databases."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from collector.ingest.folding import HashObservation, fold, fold_hash
from collector.ingest.intake import take_in
from policybuilder import self_test
from policybuilder.deployments import ServedStage
from policybuilder.evidence import EvidenceClass
from policybuilder.set_up import SetUp, Sign
from policybuilder.stages import INVENTORY_POLICY
from policybuilder.store import schema
from policybuilder.store.batch import Batch
from policybuilder.store.clock import DAY_MS
from policybuilder.store.deployments import record_deployment
from policybuilder.store.reading import snapshot
from policybuilder.store.recording import record
from policybuilder.store.setting_up import read_set_up
from policybuilder.store.site_keys import read_site_keys
from policybuilder.store.sites import (
    KeyKind,
    SiteKey,
    add_site,
    ensure_default_site,
    rotate_site,
)
from policybuilder.times import to_ms
from tests.support.rows import insert_rows

NOW = datetime(2026, 11, 20, 10, 30, tzinfo=UTC)
AT_MS = to_ms(NOW)
CHROMIUM = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0"


def receive(
    engine: Engine, body: Any, *, user_agent: str = CHROMIUM, kind: KeyKind = KeyKind.PUBLIC, site: str = "default"
) -> None:
    """What the endpoint does with a body."""
    intake = take_in(
        body if isinstance(body, bytes) else json.dumps(body).encode(),
        SiteKey(site, kind, ()),
        received_at_ms=AT_MS,
        network="192.0.2.0/24",
        user_agent=user_agent,
    )
    batch = Batch()
    for observation in intake.observations:
        if isinstance(observation, HashObservation):
            fold_hash(batch, observation)
        else:
            fold(batch, observation)
    record(engine, batch, AT_MS)


def by_report_uri(**members: Any) -> dict[str, Any]:
    report = {
        "document-uri": "https://shop.example/",
        "effective-directive": "img-src",
        "blocked-uri": "https://img.example/a.png",
        "disposition": "report",
        **{name.replace("_", "-"): value for name, value in members.items()},
    }
    return {"csp-report": report}


def by_reporting_api(age: int = 59_000, **members: Any) -> list[dict[str, Any]]:
    body = {
        "documentURL": "https://shop.example/",
        "effectiveDirective": "img-src",
        "blockedURL": "https://img.example/a.png",
        "disposition": "report",
        **members,
    }
    return [{"type": "csp-violation", "age": age, "url": "https://shop.example/", "body": body}]


INLINE = {"effective_directive": "script-src-elem", "blocked_uri": "inline", "script_sample": "go()"}
TRUSTED_TYPES = {"effective_directive": "trusted-types", "blocked_uri": "trusted-types-policy", "script_sample": "dom"}
HASH = [
    {
        "type": "csp-hash",
        "url": "https://shop.example/",
        "body": {
            "documentURL": "https://shop.example/",
            "subresourceURL": "https://shop.example/a.js",
            "hash": f"sha256-{'A' * 43}=",
            "type": "subresource",
            "destination": "script",
        },
    }
]

# (what comes, from whom, by which key) → the signs that show then
CAME: list[tuple[Any, str, KeyKind, set[Sign]]] = [
    (by_report_uri(), CHROMIUM, KeyKind.PUBLIC, {Sign.REPORT_URI}),
    (by_report_uri(original_policy="img-src 'none'"), CHROMIUM, KeyKind.PUBLIC, {Sign.HEADER, Sign.REPORT_URI}),
    (by_reporting_api(), CHROMIUM, KeyKind.PUBLIC, {Sign.REPORTING_API}),
    (
        by_reporting_api(0, originalPolicy=INVENTORY_POLICY, effectiveDirective="form-action"),
        FIREFOX,
        KeyKind.PUBLIC,
        {Sign.HEADER, Sign.REPORTING_API},
    ),
    (by_report_uri(**INLINE), FIREFOX, KeyKind.PUBLIC, {Sign.REPORT_URI, Sign.FIREFOX}),
    (by_report_uri(**INLINE), CHROMIUM, KeyKind.PUBLIC, {Sign.REPORT_URI, Sign.OTHER_BROWSER}),
    (by_report_uri(**TRUSTED_TYPES), CHROMIUM, KeyKind.PUBLIC, {Sign.REPORT_URI}),
    (HASH, CHROMIUM, KeyKind.PUBLIC, {Sign.SCRIPT_HASH, Sign.OTHER_BROWSER}),
    (by_report_uri(), CHROMIUM, KeyKind.REHEARSAL, {Sign.REPORT_URI, Sign.REHEARSAL}),
    (by_report_uri(effective_directive="img-src;", original_policy="img-src a"), CHROMIUM, KeyKind.PUBLIC, set()),
    (by_report_uri(document_uri='https://shop.example/"age_ms":'), CHROMIUM, KeyKind.PUBLIC, {Sign.REPORT_URI}),
    (self_test.body(), CHROMIUM, KeyKind.PUBLIC, set()),
]


def shown(engine: Engine, site: str = "default") -> SetUp:
    with snapshot(engine) as connection:
        return read_set_up(connection, site)


@pytest.mark.parametrize(("body", "user_agent", "kind", "signs"), CAME)
def test_each_kind_of_report_shows_what_it_proves_and_no_more(
    engine: Engine, body: Any, user_agent: str, kind: KeyKind, signs: set[Sign]
) -> None:
    ensure_default_site(engine, NOW)
    receive(engine, body, user_agent=user_agent, kind=kind)
    first_at = shown(engine).first_at
    assert set(first_at) == signs
    assert all(NOW - timedelta(minutes=1) <= at <= NOW for at in first_at.values())


def test_views_and_deployments_show_since_when(engine: Engine) -> None:
    ensure_default_site(engine, NOW)
    assert shown(engine).first_at == {}
    insert_rows(engine, schema.PageViewRow, {"site": "default", "page": "https://shop.example/", "day": 20_000})
    record_deployment(engine, "default", policy="img-src a", stage=ServedStage.ENFORCE, since_at=NOW)
    days = timedelta(milliseconds=20_000 * DAY_MS)
    assert shown(engine).first_at == {Sign.VIEWS: datetime(1970, 1, 1, tzinfo=UTC) + days, Sign.DEPLOYMENT: NOW}


def test_a_test_report_is_told_and_belongs_to_one_site(engine: Engine) -> None:
    ensure_default_site(engine, NOW)
    add_site(engine, "other", [], NOW)
    assert shown(engine).test is None
    for _ in range(3):
        receive(engine, self_test.body())
    test = shown(engine).test
    assert test is not None
    assert (test.evidence_class, test.rule, test.reports, test.last_at) == (
        EvidenceClass.MALFORMED,
        self_test.RULE,
        3,
        NOW,
    )
    assert shown(engine, "other").test is None


def test_keys_are_told_with_their_age_and_rehearsal_keys_without_themselves(engine: Engine) -> None:
    made = add_site(engine, "shop", [], NOW)
    later = NOW + timedelta(days=1)
    rotated = rotate_site(engine, "shop", rehearsal=False, revoke_old=False, now=later)
    rotate_site(engine, "shop", rehearsal=False, revoke_old=True, now=later + timedelta(hours=1))
    with snapshot(engine) as connection:
        found = read_site_keys(connection, "shop")
    public = [each for each in found if each.kind is KeyKind.PUBLIC]
    assert [each.key for each in public] == [rotated.key, made.key]
    assert [each.revoked_at for each in public] == [None, later + timedelta(hours=1)]
    assert public[0].created_at == later
    [rehearsal] = [each for each in found if each.kind is KeyKind.REHEARSAL]
    assert (rehearsal.key, rehearsal.revoked_at) == (None, None)
