"""Permissions-Policy as a dictionary of structured fields."""

from __future__ import annotations

import pytest

from policybuilder.grading.own.permissions_policy import KNOWN_FEATURES, POWERFUL_FEATURES, REMOVED_FEATURES
from tests.support.judgements import judgements, results

# Each row: value, results.
CASES = [
    ("camera=(), microphone=(), geolocation=()", ["restricted"]),
    ("camera=(self)", ["restricted"]),
    ('camera=(self "https://meet.example")', ["restricted"]),
    ("camera=self", ["restricted"]),
    ("camera=*", ["open-to-all"]),
    ("camera=(self *)", ["open-to-all"]),
    ("camera=(), geolocation=*", ["open-to-all"]),
    # Of a feature named twice the last counts.
    ("camera=*, camera=()", ["restricted"]),
    ("fullscreen=()", ["restricts-nothing"]),
    ("interest-cohort=()", ["restricts-nothing"]),
    ("camera=(), cammera=()", ["restricted", "unknown-feature"]),
    ("camera=(), interest-cohort=()", ["restricted"]),
    # One mistake, and browsers ignore all of it.
    ("camera 'none'; microphone 'none'", ["invalid"]),
    ("camera=(), microphone=(),", ["invalid"]),
    ("camera=(); microphone=()", ["invalid"]),
    ("Camera=()", ["invalid"]),
    ("camera=(self 'none')", ["invalid"]),
    ("camera=(\xe9)", ["invalid"]),
    ("", ["restricts-nothing"]),
]


@pytest.mark.parametrize(("value", "expected"), CASES)
def test_what_was_chosen_is_named(value: str, expected: list[str]) -> None:
    assert results("permissions-policy", {"Permissions-Policy": value}) == expected


def test_several_headers_are_one_dictionary() -> None:
    headers = [("Permissions-Policy", "camera=*"), ("Permissions-Policy", "camera=()")]
    assert results("permissions-policy", headers) == ["restricted"]


def test_a_page_without_it_is_told_so_and_data_is_not() -> None:
    assert results("permissions-policy") == ["missing"]
    assert results("permissions-policy", {"Content-Type": "application/json"}) == []


def test_the_older_spelling_is_recognised() -> None:
    [found] = judgements("permissions-policy", {"Permissions-Policy": "camera 'none'"})
    assert "Feature-Policy" in found.message


def test_the_tables_do_not_overlap() -> None:
    assert POWERFUL_FEATURES < KNOWN_FEATURES
    assert not KNOWN_FEATURES & REMOVED_FEATURES
