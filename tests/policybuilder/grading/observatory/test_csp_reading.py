"""Observatory's reading of policies, which is no browser's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policybuilder.grading.observatory.csp_reading import (
    REPEATED,
    InvalidPolicyError,
    read_all_policies,
    read_policies,
    split_policies,
)

# The policies, and of one directive all of its sources
READINGS = [
    (["Default-Src 'SELF'"], "default-src", ["'self'"]),
    (["img-src"], "img-src", ["'none'"]),
    (["script-src https://cdn.example/a https://cdn.example"], "script-src", ["https://cdn.example"]),
    (["script-src 'self'", "script-src 'self' https:"], "script-src", ["'self'"]),
    (["script-src https://a.example", "script-src https://b.example"], "script-src", ["'none'"]),
    (
        ["script-src https://a.example/js/", "script-src https://a.example/js/app.js"],
        "script-src",
        ["https://a.example/js/app.js"],
    ),
    # What only a later policy says goes, and what only the first says stays.
    (["default-src 'self'", "default-src 'self'; script-src 'self'"], "script-src", ["'none'"]),
    (["default-src 'self'; script-src *", "default-src 'self'"], "script-src", ["*"]),
]


@pytest.mark.parametrize(("policies", "directive", "sources"), READINGS)
def test_policies_are_read_as_one(policies: list[str], directive: str, sources: list[str]) -> None:
    assert read_policies(policies)[directive] == sources


INVALID = [
    ["a b"],
    [""],
    ["default-src 'self'; default-src 'none'"],
    ["script-src https://a.example/%", "script-src https://a.example/%"],
    ["script-src " + " ".join(f"h{n:05}" for n in range(20_000))] * 100,
]


@pytest.mark.parametrize("policies", INVALID)
def test_these_policies_are_invalid(policies: list[str]) -> None:
    with pytest.raises(InvalidPolicyError):
        read_policies(policies)


def test_directives_that_report_may_be_repeated() -> None:
    reading = read_policies(["report-uri /a; report-uri /b; report-to x"])
    assert reading["report-uri"] == ["/b"]
    assert reading[REPEATED] == ["report-uri"]


@pytest.mark.parametrize("directive", ["frame-ancestors 'none'", "report-uri /csp", "sandbox"])
def test_a_meta_element_that_says_only_what_is_for_headers_says_nothing(directive: str) -> None:
    assert read_all_policies([], [directive]) == {}
    assert read_all_policies([], [f"{directive}; default-src 'self'"]) != {}
    assert read_all_policies([directive], []) != {}


def test_commas_separate_policies_everywhere() -> None:
    assert split_policies(["default-src 'self', script-src 'none'", "sandbox"]) == [
        "default-src 'self'",
        "script-src 'none'",
        "sandbox",
    ]


@given(st.lists(st.text(st.sampled_from("a/%4' ;\t\xa0\xe9é-src*:"), max_size=40), max_size=4))
def test_a_reading_has_sources_for_every_directive(policies: list[str]) -> None:
    try:
        reading = read_policies(policies)
    except InvalidPolicyError:
        return
    assert all(name and sources for name, sources in reading.items() if not name.isspace()) or reading == {}
