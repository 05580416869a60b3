"""Budgets: a flood of what is new neither grows the database nor hides what real visitors report."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, update

from policybuilder.csp.violation import Disposition, Violation
from policybuilder.evidence import OTHER, OVER_BUDGET, EvidenceClass, ViolationGroup
from policybuilder.store.growth import PAGES_PER_GROUP, POLICIES_PER_HOUR
from policybuilder.store.reading import read_groups, read_policies, snapshot
from policybuilder.store.recording import MAX_POLICIES_PER_SITE
from policybuilder.store.schema import SiteRow
from policybuilder.store.sites import ensure_default_site
from policybuilder.store.tables import table_of
from policybuilder.times import Window
from tests.support.evidence import SEEN_AT, make_observation, make_violation, record_observations

BUDGET = 50
SHARE = BUDGET // 5
HOUR = timedelta(hours=1)
ATTACKER = "198.51.100.0/24"


@pytest.fixture(autouse=True)
def _small_budget(engine: Engine) -> None:
    ensure_default_site(engine, SEEN_AT)
    table = table_of(SiteRow)
    with engine.begin() as connection:
        connection.execute(update(table).values(new_groups_per_hour=BUDGET))


def flood(
    engine: Engine, number: int, *, at: datetime = SEEN_AT, network: str = ATTACKER, start: int = 0, batch: int = 40
) -> None:
    """Reports of `number` pictures that are not there, a batch at a time."""
    observations = [
        make_observation(picture(f"https://evil.example/{start + index}.png"), network=network, seen_at=at)
        for index in range(number)
    ]
    for begin in range(0, number, batch):
        record_observations(engine, *observations[begin : begin + batch], now=at)


def picture(url: str, **changes: object) -> Violation:
    return make_violation(effective_directive="img-src", blocked_uri=url, **changes)


def groups(engine: Engine) -> tuple[ViolationGroup, ...]:
    with snapshot(engine) as connection:
        return read_groups(connection, "default", Window(None, SEEN_AT + timedelta(days=30)))


def by_blocked(engine: Engine) -> dict[str, ViolationGroup]:
    return {group.blocked: group for group in groups(engine)}


def test_a_flood_of_random_urls_is_counted_by_origin(engine: Engine) -> None:
    flood(engine, 200)
    found = by_blocked(engine)
    assert len(found) == SHARE + 1
    other = found[f"https://evil.example/{OTHER}"]
    assert (other.rule, other.reports, other.document_origin) == (OVER_BUDGET, 200 - SHARE, OTHER)
    assert (other.directive, other.disposition) == ("img-src", Disposition.REPORT)
    assert [page.url for page in other.pages] == [OTHER]
    assert sum(group.reports for group in found.values()) == 200
    assert other.policies == ()
    assert other.reporters == 1


def test_what_others_report_during_a_flood_is_still_told_apart(engine: Engine) -> None:
    flood(engine, 100)
    record_observations(engine, make_observation(picture("https://cdn.example/a.png")), now=SEEN_AT)
    assert by_blocked(engine)["https://cdn.example/a.png"].reports == 1


def test_a_few_networks_that_spend_the_hour_leave_others_their_first_reports(engine: Engine) -> None:
    for number in range(5):
        flood(engine, 30, network=f"198.51.{number}.0/24", start=1_000 * number)
    late = [picture(f"https://cdn.example/{number}.png") for number in range(3)]
    record_observations(engine, *map(make_observation, late), now=SEEN_AT)
    assert {violation.blocked_uri for violation in late} <= by_blocked(engine).keys()


def test_a_flood_does_not_pay_with_the_room_of_others(engine: Engine) -> None:
    """Of the networks that report the same new thing, the one that brings least is asked."""
    flood(engine, 30, network="1.2.3.0/24")
    shared = picture("https://cdn.example/a.png")
    record_observations(
        engine,
        *(make_observation(picture(f"https://evil.example/x{n}.png"), network="1.2.3.0/24") for n in range(5)),
        make_observation(shared, network="1.2.3.0/24"),
        make_observation(shared, network="9.9.9.0/24"),
        now=SEEN_AT,
    )
    assert by_blocked(engine)["https://cdn.example/a.png"].reports == 2
    alone = picture("https://cdn.example/b.png")
    record_observations(
        engine, *(make_observation(alone, network=network) for network in ("1.2.3.0/24", "9.9.9.0/24")), now=SEEN_AT
    )
    assert by_blocked(engine)["https://cdn.example/b.png"].reports == 2


def test_a_flood_from_everywhere_spends_the_hour_and_no_more(engine: Engine) -> None:
    for number in range(10):
        flood(engine, 30, network=f"198.51.{number}.0/24", start=1_000 * number)
    late = picture("https://cdn.example/late.png")
    record_observations(engine, make_observation(late), now=SEEN_AT)
    found = by_blocked(engine)
    assert sum(group.rule != OVER_BUDGET for group in found.values()) == 2 * BUDGET
    assert found[f"https://cdn.example/{OTHER}"].reports == 1

    record_observations(engine, make_observation(late, seen_at=SEEN_AT + HOUR), now=SEEN_AT + HOUR)
    assert by_blocked(engine)["https://cdn.example/late.png"].reports == 1


def test_what_was_known_before_the_flood_is_counted_on(engine: Engine) -> None:
    known = picture("https://cdn.example/a.png")
    record_observations(engine, make_observation(known), now=SEEN_AT)
    for number in range(10):
        flood(engine, 30, network=f"198.51.{number}.0/24", start=1_000 * number)
    record_observations(engine, make_observation(known), now=SEEN_AT)
    assert by_blocked(engine)["https://cdn.example/a.png"].reports == 2


def test_random_origins_share_one_group_in_the_end(engine: Engine) -> None:
    observations = [
        make_observation(picture(f"https://{number}.example/a.png"), network=ATTACKER) for number in range(200)
    ]
    for begin in range(0, 200, 40):
        record_observations(engine, *observations[begin : begin + 40], now=SEEN_AT)
    found = by_blocked(engine)
    by_origin = BUDGET // 10
    assert len(found) == SHARE + by_origin + 1
    assert found[OTHER].reports == 200 - SHARE - by_origin


@pytest.mark.parametrize(
    ("changes", "blocked", "directive"),
    [
        ({"blocked_uri": "inline", "effective_directive": "script-src-elem"}, "inline", "script-src-elem"),
        ({"blocked_uri": "data", "effective_directive": "img-src"}, "data", "img-src"),
        ({"blocked_uri": "made-up", "effective_directive": "img-src"}, OTHER, "img-src"),
        ({"blocked_uri": "data", "effective_directive": "made-up-src"}, "data", OTHER),
    ],
)
def test_only_known_words_stand_for_what_is_beyond(
    engine: Engine, changes: dict[str, str], blocked: str, directive: str
) -> None:
    flood(engine, SHARE)
    violation = make_violation(**changes, sample="x" * 30)
    record_observations(engine, make_observation(violation, network=ATTACKER), now=SEEN_AT)
    (other,) = [group for group in groups(engine) if group.rule == OVER_BUDGET]
    assert (other.blocked, other.directive, other.sample) == (blocked, directive, "")


def test_classes_stay_apart_beyond_the_budget(engine: Engine) -> None:
    flood(engine, SHARE)
    violation = picture("https://evil.example/x.png")
    for evidence_class in (EvidenceClass.GENUINE, EvidenceClass.ATTACK_LIKE):
        observation = make_observation(violation, network=ATTACKER, evidence_class=evidence_class)
        record_observations(engine, observation, now=SEEN_AT)
    others = [group for group in groups(engine) if group.rule == OVER_BUDGET]
    assert {group.evidence_class for group in others} == {EvidenceClass.GENUINE, EvidenceClass.ATTACK_LIKE}


@pytest.mark.parametrize("is_trusted", [True, False])
def test_trusted_and_imported_evidence_is_outside_the_budget(engine: Engine, *, is_trusted: bool) -> None:
    flood(engine, 100)
    pictures = [picture(f"https://cdn.example/{number}.png") for number in range(2 * BUDGET)]
    own = [make_observation(each, is_trusted=is_trusted, is_imported=not is_trusted) for each in pictures]
    record_observations(engine, *own, now=SEEN_AT)
    assert sum(group.blocked.startswith("https://cdn.example/") for group in groups(engine)) == 2 * BUDGET


def test_pages_of_a_flood_are_bounded_too(engine: Engine) -> None:
    """Pages are counted within each group, fifty of them, and five hundred groups would have many."""
    budget = PAGES_PER_GROUP * BUDGET // 5
    observations = [
        make_observation(
            picture(f"https://evil.example/{group}.png", document_uri=f"https://shop.example/{page}"), network=ATTACKER
        )
        for group in range(SHARE)
        for page in range(15)
    ]
    record_observations(engine, *observations, now=SEEN_AT)
    kept = [page for group in groups(engine) for page in group.pages]
    assert len(kept) == budget
    assert sum(group.reports for group in groups(engine)) == len(observations)


def test_policies_of_a_flood_are_bounded_and_leave_room_for_the_sites_own(engine: Engine) -> None:
    made_up = [
        make_observation(make_violation(original_policy=f"img-src https://{number}.example"), network=ATTACKER)
        for number in range(POLICIES_PER_HOUR)
    ]
    record_observations(engine, *made_up, now=SEEN_AT)
    own = make_violation(original_policy="img-src 'self'")
    record_observations(engine, make_observation(own), now=SEEN_AT)
    with snapshot(engine) as connection:
        texts = [count.policy for count in read_policies(connection, "default")]
    assert len(texts) == POLICIES_PER_HOUR // 5 + 1
    assert "img-src 'self'" in texts


def test_the_policies_longest_unseen_make_room(engine: Engine) -> None:
    own = make_violation(original_policy="img-src 'self'")
    rehearsed = make_violation(original_policy="img-src 'none'")
    record_observations(engine, make_observation(rehearsed, is_trusted=True), make_observation(own), now=SEEN_AT)
    number = 0
    for hour in range(MAX_POLICIES_PER_SITE // POLICIES_PER_HOUR + 2):
        at = SEEN_AT + hour * HOUR
        for network in range(5):
            claims = [
                make_observation(
                    make_violation(original_policy=f"img-src https://{(number := number + 1)}.example"),
                    network=f"198.51.{network}.0/24",
                    seen_at=at,
                )
                for _ in range(POLICIES_PER_HOUR // 5)
            ]
            record_observations(engine, *claims, now=at)
        record_observations(engine, make_observation(own, seen_at=at), now=at)
    with snapshot(engine) as connection:
        texts = {count.policy for count in read_policies(connection, "default")}
    assert len(texts) == MAX_POLICIES_PER_SITE
    assert {"img-src 'self'", "img-src 'none'"} <= texts
