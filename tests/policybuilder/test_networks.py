"""Tests of what the number of client networks says: which days are suspicious, and what people read of them."""

from __future__ import annotations

import pytest

from policybuilder.networks import NetworksOfDay, few_networks, leaked_days, setup_warnings


def day_of(reports: int, busiest: int, networks: int = 40, day: str = "2026-11-20") -> NetworksOfDay:
    return NetworksOfDay(day=day, reports=reports, networks=networks, busiest_reports=busiest)


@pytest.mark.parametrize(
    ("reports", "busiest", "networks", "is_suspicious"),
    [
        (200, 180, 40, True),
        (200, 179, 40, False),
        (199, 199, 1, False),
        (200, 200, 1, True),
        (200, 200, 4, True),
        (1_000_000, 899_999, 5_000, False),
        (0, 0, 0, False),
    ],
)
def test_a_day_is_suspicious_when_nearly_all_of_many_reports_come_from_a_few_networks(
    *, reports: int, busiest: int, networks: int, is_suspicious: bool
) -> None:
    assert bool(few_networks([day_of(reports, busiest, networks)])) is is_suspicious


def test_a_key_has_leaked_when_more_than_three_networks_use_it_on_one_day() -> None:
    assert leaked_days({"2026-11-22": 4, "2026-11-20": 3, "2026-11-21": 900}) == ("2026-11-21", "2026-11-22")
    assert leaked_days({"2026-11-20": 3, "2026-11-21": 3}) == ()


def test_nothing_suspicious_warns_of_nothing() -> None:
    assert setup_warnings("shop", [day_of(5_000, 100)], {"2026-11-20": 3}) == ()


def test_few_networks_are_told_as_one_of_several_causes_with_the_settings_to_look_at() -> None:
    days = [day_of(300, 290, day=f"2026-11-{number}") for number in (18, 19, 20)]
    (warning,) = setup_warnings("shop", days, {})
    assert warning.code == "few-networks"
    assert "96 % of the 300 reports to shop on 2026-11-20 (and 2 other days) came from 5 networks" in warning.message
    assert "either" in warning.message
    assert "or a few senders flood it" in warning.message
    assert "CSP_CLIENT_HEADER and CSP_TRUSTED_PROXIES" in warning.fix


def test_one_network_is_called_one_network() -> None:
    (warning,) = setup_warnings("shop", [day_of(300, 300, 1)], {})
    assert "100 % of the 300 reports" in warning.message
    assert "came from one network:" in warning.message


def test_a_leaked_key_stands_first_with_the_command_that_ends_it() -> None:
    leaked, few = setup_warnings("shop", [day_of(300, 300, 1)], {"2026-11-20": 4}, program=".venv/bin/cspbuild")
    assert (leaked.code, few.code) == ("rehearsal-key-leaked", "few-networks")
    assert "used from 4 networks on 2026-11-20:" in leaked.message
    assert leaked.fix == ".venv/bin/cspbuild site rotate shop --rehearsal"
