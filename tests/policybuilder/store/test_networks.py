"""Tests of the networks of a day, read back on both databases."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Engine

from policybuilder.networks import NetworksOfDay
from policybuilder.store.networks import read_networks, read_networks_of_sites, read_rehearsal_networks
from policybuilder.store.reading import snapshot
from policybuilder.times import Window
from tests.support.evidence import SEEN_AT, make_observation, make_violation, record_observations

DAY = timedelta(days=1)
ALL = Window(None, SEEN_AT + 30 * DAY)


def report_from(engine: Engine, network: str, times: int = 1, *, days_later: int = 0, trusted: bool = False) -> None:
    seen_at = SEEN_AT + days_later * DAY
    observation = make_observation(make_violation(), network=network, seen_at=seen_at, is_trusted=trusted)
    record_observations(engine, *[observation] * times, now=seen_at)


def test_rehearsal_networks_are_counted_by_day_and_strangers_are_not(engine: Engine) -> None:
    for network in ("a", "b", "b", "c"):
        report_from(engine, network, trusted=True)
    report_from(engine, "a", days_later=2, trusted=True)
    report_from(engine, "stranger")
    with snapshot(engine) as connection:
        assert read_rehearsal_networks(connection, "default", ALL) == {"2026-11-20": 3, "2026-11-22": 1}
        assert read_rehearsal_networks(connection, "default", Window(SEEN_AT + DAY, ALL.until)) == {"2026-11-22": 1}
        assert read_rehearsal_networks(connection, "default", Window(None, SEEN_AT)) == {"2026-11-20": 3}
        assert read_rehearsal_networks(connection, "shop", ALL) == {}


def test_a_trusted_import_uses_no_key(engine: Engine) -> None:
    record_observations(engine, make_observation(make_violation(), is_trusted=True, is_imported=True))
    with snapshot(engine) as connection:
        assert read_rehearsal_networks(connection, "default", ALL) == {}


def test_the_busiest_networks_of_each_day_are_the_five_that_sent_most(engine: Engine) -> None:
    for number, times in enumerate((9, 7, 5, 4, 3, 2, 1)):
        report_from(engine, f"network {number}", times)
    report_from(engine, "network 0", days_later=1)
    with snapshot(engine) as connection:
        assert read_networks(connection, "default", ALL) == (
            NetworksOfDay(day="2026-11-20", reports=31, networks=7, busiest_reports=28),
            NetworksOfDay(day="2026-11-21", reports=1, networks=1, busiest_reports=1),
        )


def test_rehearsals_are_no_part_of_a_days_evenness(engine: Engine) -> None:
    report_from(engine, "desk", 50, trusted=True)
    report_from(engine, "desk", 2)
    report_from(engine, "stranger", 3)
    with snapshot(engine) as connection:
        assert read_networks(connection, "default", ALL) == (
            NetworksOfDay(day="2026-11-20", reports=5, networks=2, busiest_reports=5),
        )


def test_an_imported_file_is_no_part_of_a_days_evenness(engine: Engine) -> None:
    """Its clients are as the file says, or unknown; the collector's settings have no part in them."""
    record_observations(engine, *[make_observation(make_violation(), network="", is_imported=True)] * 300)
    with snapshot(engine) as connection:
        assert read_networks(connection, "default", ALL) == ()


def test_networks_are_told_for_each_site(engine: Engine) -> None:
    report_from(engine, "a", 3)
    record_observations(engine, make_observation(make_violation(), site="shop", network="a"))
    with snapshot(engine) as connection:
        found = read_networks_of_sites(connection, ALL)
    assert {site: [day.reports for day in days] for site, days in found.items()} == {"default": [3], "shop": [1]}
