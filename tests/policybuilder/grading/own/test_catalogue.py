"""The catalogue of our own tests, and that the README says the same."""

from __future__ import annotations

import re
from pathlib import Path

from policybuilder.grading.own import OWN_TESTS
from policybuilder.grading.own.catalogue import FULL_SCORE, GROUP_LIMITS

README = (Path(__file__).parents[4] / "README.md").read_text()


def test_the_readme_has_every_test_with_its_points() -> None:
    rows = re.findall(
        r"^\| `([a-z-]+)` \| ([^|]+) \| (\d+)(?:, and no more than (\d+) are left)? \|$", README, re.MULTILINE
    )
    expected = []
    for test in OWN_TESTS.values():
        outcomes = test.outcomes.values()
        cap = max((outcome.cap for outcome in outcomes if outcome.cap is not None), default="")
        expected.append((test.name, test.title, str(max(outcome.points for outcome in outcomes)), str(cap)))
    assert rows == expected


def test_no_policy_at_all_costs_what_all_of_its_tests_may_take() -> None:
    assert OWN_TESTS["csp-scripts"].outcomes["missing"].points == GROUP_LIMITS["content-security-policy"] == 30


def test_every_test_says_what_it_is_about() -> None:
    for name, test in OWN_TESTS.items():
        assert test.name == name
        assert test.title
        assert test.why.endswith(".")
        assert test.link.startswith("https://")
        assert "not-tested" not in test.outcomes
        assert test.group is None or test.group in GROUP_LIMITS


def test_points_and_caps_fit_a_hundred() -> None:
    for test in OWN_TESTS.values():
        for outcome in test.outcomes.values():
            assert 0 <= outcome.points < FULL_SCORE
            assert outcome.cap is None or 0 < outcome.cap < FULL_SCORE
            assert not (outcome.passed and (outcome.points or outcome.cap))
