"""Tests of what is known of a site at one instant, read from both databases."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import Engine

from policybuilder.csp import Disposition
from policybuilder.deployments import ServedStage
from policybuilder.readiness.judging import judge, make_case, noticed_in
from policybuilder.readiness.values import Seen, SiteRecord
from policybuilder.store.arrivals import read_arrivals
from policybuilder.store.deployments import record_deployment
from policybuilder.store.reading import snapshot
from policybuilder.store.retention import prune
from policybuilder.store.schema import PageViewRow
from policybuilder.store.site_record import read_site_record
from policybuilder.store.sites import add_site, get_site, rotate_site, set_site_active
from policybuilder.store.waivers import add_waiver
from policybuilder.suggestion.trust import Thresholds
from policybuilder.times import Window
from tests.support.evidence import ORIGIN, PAGE, SEEN_AT, make_observation, make_violation, record_observations
from tests.support.rows import insert_rows

DAY = timedelta(days=1)
END = SEEN_AT + 15 * DAY
TODAY = SEEN_AT.date()


@pytest.fixture
def shop(engine: Engine) -> Engine:
    """A site that one rehearses and six visit, and another one."""
    add_site(engine, "shop", ["shop.example"], SEEN_AT - 40 * DAY)
    add_site(engine, "other", [], SEEN_AT - 40 * DAY)
    rehearsed = make_violation("script-src-elem", f"{ORIGIN}/app.js")
    visited = make_violation(document_uri=f"{ORIGIN}/help")
    record_observations(
        engine,
        make_observation(rehearsed, site="shop", is_trusted=True, seen_at=SEEN_AT - 2 * DAY),
        *(make_observation(visited, site="shop", network=f"n{number}", seen_at=SEEN_AT) for number in range(6)),
        make_observation(visited, site="other", seen_at=SEEN_AT),
    )
    return engine


def read(engine: Engine, window: Window | None = None) -> SiteRecord:
    with snapshot(engine) as connection:
        return read_site_record(connection, "shop", window or Window(None, END), Thresholds())


def test_days_and_pages_tell_who_saw_them(shop: Engine) -> None:
    found = read(shop).exposure
    assert found.days == {TODAY - 2 * DAY: Seen(0, is_trusted=True), TODAY: Seen(6)}
    assert found.pages == {PAGE: Seen(1, is_trusted=True), f"{ORIGIN}/help": Seen(6)}


def test_days_stay_known_when_their_hours_are_rolled_up(shop: Engine) -> None:
    before = read(shop).exposure.days
    prune(shop, SEEN_AT + 60 * DAY)
    assert read(shop).exposure.days == before


def test_a_window_leaves_out_what_was_before_it(shop: Engine) -> None:
    found = read(shop, Window(SEEN_AT - DAY, END))
    assert set(found.exposure.days) == {TODAY}
    assert [group.directive for group in found.groups] == ["img-src"]


def test_whoever_looks_at_an_earlier_instant_knows_nothing_of_later_deployments(shop: Engine) -> None:
    for number in (0, 5):
        record_deployment(shop, "shop", policy="img-src *", stage=ServedStage.ENFORCE, since_at=SEEN_AT + number * DAY)
    assert [each.number for each in read(shop).deployments] == [1, 2]
    assert [each.number for each in read(shop, Window(None, SEEN_AT + DAY)).deployments] == [1]


def test_views_are_those_since_the_last_deployment_and_paths_those_of_all(shop: Engine) -> None:
    day = (TODAY - date(1970, 1, 1)).days
    insert_rows(
        shop,
        PageViewRow,
        {"site": "shop", "page": f"{ORIGIN}/old", "day": day - 9, "views": 7},
        {"site": "shop", "page": f"{ORIGIN}/cart", "day": day + 1, "views": 50},
        {"site": "other", "page": f"{ORIGIN}/x", "day": day + 1, "views": 900},
    )
    record_deployment(shop, "shop", policy="img-src *", stage=ServedStage.REPORT_ONLY, since_at=SEEN_AT)
    found = read(shop)
    assert (found.views.total, found.page_paths) == (50, ["/cart", "/old"])


def test_a_waiver_holds_until_it_ends(shop: Engine) -> None:
    add_waiver(shop, "shop", "reporters", note="few", until=END, now=SEEN_AT)
    assert set(read(shop).waivers) == {"reporters"}
    assert set(read(shop, Window(None, END + timedelta(milliseconds=1))).waivers) == set()


def test_the_same_record_is_judged_alike(shop: Engine) -> None:
    assert judge(make_case(read(shop))) == judge(make_case(read(shop)))


def test_what_many_strangers_are_blocked_under_is_noticed_and_what_one_claims_is_not(engine: Engine) -> None:
    add_site(engine, "shop", ["shop.example"], SEEN_AT - 40 * DAY)
    enforced = make_violation(original_policy="img-src 'self'", disposition=Disposition.ENFORCE)
    claimed = make_violation("font-src", original_policy="font-src 'self'", disposition=Disposition.ENFORCE)
    for day in range(3):
        at = SEEN_AT + day * DAY
        many = (make_observation(enforced, site="shop", network=f"n{number}", seen_at=at) for number in range(60))
        one = (make_observation(claimed, site="shop", network="n0", seen_at=at) for _ in range(1_000))
        record_observations(engine, *many, *one, now=at)
    [found] = noticed_in(read(engine))
    assert (found.stage, found.policy) == (ServedStage.ENFORCE, "img-src 'self'")
    assert (found.networks, found.is_vouched, found.since_at) == (60, False, SEEN_AT)


def test_it_is_known_why_nothing_may_arrive(shop: Engine) -> None:
    rotate_site(shop, "shop", rehearsal=False, revoke_old=True, now=SEEN_AT)
    set_site_active(shop, "shop", active=False)
    with snapshot(shop) as connection:
        found = read_arrivals(connection, get_site(shop, "shop"))
    assert (found.is_active, found.revoked_keys, found.script_hashes) == (False, 1, 0)
    assert found.elsewhere == {"other": 1}
    with snapshot(shop) as connection:
        # Any host may report to a site without hosts, so that any report may have been meant for it.
        assert read_arrivals(connection, get_site(shop, "other")).elsewhere == {"shop": 7}
