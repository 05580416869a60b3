"""Versions of what is known of a site: another one whenever anything is, and the same as long as nothing is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine

from collector.ingest.folding import HashObservation, fold_hash
from policybuilder.deciding import refusing
from policybuilder.decisions import DecisionAction
from policybuilder.deployments import ServedStage
from policybuilder.reports.normalization import NormalizedHash
from policybuilder.store import schema
from policybuilder.store.batch import Batch
from policybuilder.store.clock import to_ms
from policybuilder.store.decisions import add_decision, undo_decision
from policybuilder.store.deployments import record_deployment
from policybuilder.store.reading import snapshot
from policybuilder.store.recording import record
from policybuilder.store.retention import prune
from policybuilder.store.site_settings import SiteChanges, change_site
from policybuilder.store.sites import ensure_default_site, rotate_site
from policybuilder.store.versions import read_said_version, read_seen_version
from tests.support.evidence import SEEN_AT, make_observation, make_violation, record_observations
from tests.support.rows import insert_rows

SITE = "default"


@pytest.fixture
def known(engine: Engine) -> Engine:
    """A site with a report, and a decision that ends after two hours."""
    ensure_default_site(engine, SEEN_AT)
    record_observations(engine, make_observation())
    answer = refusing(DecisionAction.REJECT, "cdn.example", "")
    add_decision(engine, SITE, answer, now=SEEN_AT, until=SEEN_AT + timedelta(hours=2))
    return engine


def versions(engine: Engine, now: datetime = SEEN_AT) -> tuple[object, object]:
    with snapshot(engine) as connection:
        return read_said_version(connection, SITE, now), read_seen_version(connection, SITE, now)


def test_it_is_the_same_as_long_as_nothing_happens(known: Engine) -> None:
    assert versions(known) == versions(known, SEEN_AT + timedelta(hours=1))


def takes_back(engine: Engine) -> None:
    undo_decision(engine, SITE, 1, SEEN_AT)


def decides(engine: Engine) -> None:
    add_decision(engine, SITE, refusing(DecisionAction.IGNORE, "*", ""), now=SEEN_AT)


def deploys(engine: Engine) -> None:
    record_deployment(engine, SITE, policy="img-src *", stage=ServedStage.ENFORCE, since_at=SEEN_AT)


def changes_hosts(engine: Engine) -> None:
    change_site(engine, SITE, SiteChanges(hosts=("shop.example",)))


def changes_keys(engine: Engine) -> None:
    rotate_site(engine, SITE, rehearsal=False, revoke_old=True, now=SEEN_AT)


def waives(engine: Engine) -> None:
    insert_rows(engine, schema.WaiverRow, {"site": SITE, "number": 1, "criterion": "reporters"})


SAYING = [takes_back, decides, deploys, changes_hosts, changes_keys, waives]


@pytest.mark.parametrize("say", SAYING)
def test_whatever_people_say_makes_it_another(known: Engine, say: Callable[[Engine], None]) -> None:
    said, seen = versions(known)
    say(known)
    assert versions(known)[0] != said
    assert versions(known)[1] == seen


def test_a_decision_that_ends_makes_it_another(known: Engine) -> None:
    assert versions(known)[0] != versions(known, SEEN_AT + timedelta(hours=3))[0]


def reports_the_same(engine: Engine) -> None:
    record_observations(engine, make_observation())


def reports_more(engine: Engine) -> None:
    record_observations(engine, make_observation(make_violation("font-src")))


def imports_the_old(engine: Engine) -> None:
    record_observations(engine, make_observation(seen_at=SEEN_AT - timedelta(days=3), is_imported=True))


def reports_a_script(engine: Engine) -> None:
    batch = Batch()
    hashed = NormalizedHash("https://shop.example/", "https://shop.example/a.js", "sha256-AAAA", "script", 0)
    fold_hash(batch, HashObservation(site=SITE, report=hashed, seen_at_ms=to_ms(SEEN_AT)))
    record(engine, batch, to_ms(SEEN_AT))


def counts_views(engine: Engine) -> None:
    insert_rows(engine, schema.ViewLogRow, {"site": SITE, "digest": b"x", "lines": 3})


def prunes(engine: Engine) -> None:
    prune(engine, SEEN_AT + timedelta(days=100))


SEEING = [reports_the_same, reports_more, imports_the_old, reports_a_script, counts_views, prunes]


@pytest.mark.parametrize("see", SEEING)
def test_whatever_is_seen_makes_it_another(known: Engine, see: Callable[[Engine], None]) -> None:
    said, seen = versions(known)
    see(known)
    assert versions(known)[1] != seen
    assert versions(known)[0] == said


def test_what_another_site_says_or_sees_leaves_it_as_it_is(known: Engine) -> None:
    before = versions(known)
    insert_rows(known, schema.DecisionRow, {"site": "other", "number": 1})
    record_observations(known, make_observation(site="other"))
    assert versions(known) == before
